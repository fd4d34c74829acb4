from datetime import UTC, datetime, timedelta

from django.db import migrations


def schedule_reflections(apps, schema_editor):
    now = datetime.now(UTC)
    at = now.replace(hour=2, minute=41, second=0, microsecond=0)
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="frequent reflections",
        defaults={
            "func": "ttscache.tasks.make_frequent_reflections",
            "schedule_type": "C",
            "cron": "41 2 * * *",
            "repeats": -1,
            "next_run": at if at > now else at + timedelta(days=1),
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0014_schedule_prune"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_reflections, migrations.RunPython.noop)]
