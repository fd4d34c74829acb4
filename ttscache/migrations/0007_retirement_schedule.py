"""An hourly task that reads the provider's list of models once a day, and again where that failed."""

from django.db import migrations

HOURLY = "H"  # as django-q2 names it


def schedule_looks(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="models",
        defaults={
            "func": "ttscache.tasks.look_at_models_daily",
            "schedule_type": HOURLY,
            "repeats": -1,
            "kwargs": "q_options={'save': False}",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0006_retirement"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_looks, migrations.RunPython.noop)]
