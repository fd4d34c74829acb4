from datetime import UTC, datetime, timedelta

from django.db import migrations

EVERY_MINUTES, HOURLY, DAILY, AT_A_TIME = "I", "H", "D", "C"  # as django-q2 names them
PRUNE_HOUR, PRUNE_MINUTE = 3, 17  # UTC
REFLECTIONS_HOUR, REFLECTIONS_MINUTE = 2, 41  # before the prune


def schedule_tasks(apps, schema_editor):
    schedule(apps, "heartbeat", "heartbeat", EVERY_MINUTES, minutes=1, kwargs="q_options={'save': False}")
    schedule(apps, "alerts", "look_for_trouble", EVERY_MINUTES, minutes=2)
    # Hourly: the provider's list of models is read once a day, and again where that failed.
    schedule(apps, "models", "look_at_models_daily", HOURLY, kwargs="q_options={'save': False}")
    schedule(apps, "tidying", "clean_up", DAILY)
    schedule_each_night(apps, "prune", "prune", PRUNE_HOUR, PRUNE_MINUTE)
    schedule_each_night(
        apps, "frequent reflections", "make_popular_reflections", REFLECTIONS_HOUR, REFLECTIONS_MINUTE
    )
    schedule(
        apps,
        "clips answered by nginx",
        "count_edge_log",
        EVERY_MINUTES,
        minutes=1,
        kwargs="q_options={'save': False}",
    )


def schedule_each_night(apps, name, task, hour, minute):
    now = datetime.now(UTC)
    tonight = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    next_run = tonight if tonight > now else tonight + timedelta(days=1)
    schedule(apps, name, task, AT_A_TIME, cron=f"{minute} {hour} * * *", next_run=next_run)


def schedule(apps, name, task, schedule_type, **fields):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name=name,
        defaults={"func": f"ttscache.tasks.{task}", "schedule_type": schedule_type, "repeats": -1, **fields},
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0004_adopted_clips"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_tasks, migrations.RunPython.noop)]
