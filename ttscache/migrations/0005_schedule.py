from django.db import migrations


def schedule_heartbeat(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="heartbeat",
        defaults={
            "func": "ttscache.tasks.heartbeat",
            "schedule_type": "I",
            "minutes": 1,
            "repeats": -1,
            "kwargs": "q_options={'save': False}",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0004_adopt_clips"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_heartbeat, migrations.RunPython.noop)]
