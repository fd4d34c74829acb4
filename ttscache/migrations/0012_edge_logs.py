"""How far the log of nginx has been counted, and the schedule that counts it every minute."""

from django.db import migrations, models

EVERY_MINUTES = "I"  # as django-q2 names it


def schedule_the_count(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="clips answered by nginx",
        defaults={
            "func": "ttscache.tasks.count_edge_log",
            "schedule_type": EVERY_MINUTES,
            "minutes": 1,
            "repeats": -1,
            "kwargs": "q_options={'save': False}",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0011_voice_and_time_to_sound"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.CreateModel(
            name="EdgeLogPosition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("host", models.CharField(max_length=255)),
                ("path", models.CharField(max_length=1000)),
                ("head", models.CharField(blank=True, max_length=64)),
                ("head_bytes", models.IntegerField(default=0)),
                ("offset", models.BigIntegerField(default=0)),
                ("written_ns", models.BigIntegerField(default=0)),
                ("columns", models.TextField(blank=True)),
                ("counted", models.BigIntegerField(default=0)),
                ("unreadable", models.BigIntegerField(default=0)),
                ("read_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("host", "path"), name="one_position_a_log")],
            },
        ),
        migrations.RunPython(schedule_the_count, migrations.RunPython.noop),
    ]
