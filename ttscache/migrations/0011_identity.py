import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0010_schedule_tidying")]
    operations = [
        migrations.CreateModel(
            name="Identity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.UUIDField(default=uuid.uuid4, editable=False)),
            ],
            options={"verbose_name_plural": "identity"},
        ),
    ]
