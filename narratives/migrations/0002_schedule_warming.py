from datetime import timedelta

from django.db import migrations
from django.utils import timezone


def schedule_warming(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="warm what is published",
        defaults={
            "func": "narratives.tasks.warm_published",
            "schedule_type": "H",
            "repeats": -1,
            "next_run": timezone.now() + timedelta(minutes=30),
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_warming, migrations.RunPython.noop)]
