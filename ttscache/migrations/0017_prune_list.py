import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0016_at_work_since"),
    ]

    operations = [
        migrations.CreateModel(
            name="PruneBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content_hashes", models.JSONField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to="ttscache.prunerun",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "prune batches",
            },
        ),
    ]
