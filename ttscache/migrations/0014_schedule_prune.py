from datetime import UTC, datetime, timedelta

from django.db import migrations

HOUR, MINUTE = 3, 17  # UTC


def schedule_prune(apps, schema_editor):
    """Daily, from the next night on."""
    now = datetime.now(UTC)
    tonight = now.replace(hour=HOUR, minute=MINUTE, second=0, microsecond=0)
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="prune",
        defaults={
            "func": "ttscache.tasks.prune",
            "schedule_type": "C",
            "cron": f"{MINUTE} {HOUR} * * *",
            "repeats": -1,
            "next_run": tonight if tonight > now else tonight + timedelta(days=1),
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0013_pause_reasons"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_prune, migrations.RunPython.noop)]
