from django.db import migrations


def schedule_tidying(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="tidying",
        defaults={"func": "ttscache.tasks.tidy", "schedule_type": "D", "repeats": -1},
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0009_receipt"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule_tidying, migrations.RunPython.noop)]
