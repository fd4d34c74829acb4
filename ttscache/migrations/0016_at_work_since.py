from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0015_schedule_reflections"),
    ]

    operations = [
        migrations.AddField(
            model_name="warmrun",
            name="at_work_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
