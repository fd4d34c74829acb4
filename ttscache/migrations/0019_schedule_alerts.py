from django.db import migrations


def schedule_alerts(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="alerts",
        defaults={
            "func": "ttscache.tasks.look_for_trouble",
            "schedule_type": "I",
            "minutes": 2,
            "repeats": -1,
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0018_alerts"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_alerts, migrations.RunPython.noop)]
