from datetime import timedelta

from django.db import migrations
from django.utils import timezone


def schedule_tasks(apps, schema_editor):
    schedule(
        apps,
        "warm what is published",
        func="narratives.tasks.warm_published",
        schedule_type="H",
        next_run=timezone.now() + timedelta(minutes=30),
    )
    schedule(
        apps,
        "switch what is ready",
        func="narratives.tasks.activate_publications",
        schedule_type="I",
        minutes=1,
        kwargs="q_options={'save': False}",
    )


def schedule(apps, name, **fields):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name=name, defaults={"repeats": -1, **fields}
    )


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_tasks, migrations.RunPython.noop)]
