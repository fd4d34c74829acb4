from django.db import migrations
from django.db.models import Min


def number_what_was_published(apps, schema_editor):
    """What listeners have from before there were publications is the first one of its journey."""
    publications = apps.get_model("narratives", "Publication").objects
    revisions = apps.get_model("narratives", "Revision").objects.filter(publication=None)
    for row in revisions.values("narrative__journey").annotate(begin=Min("published_at")).order_by():
        publication = publications.create(
            journey_id=row["narrative__journey"],
            number=1,
            state="live",
            asked_at=row["begin"],
            live_at=row["begin"],
        )
        revisions.filter(narrative__journey=row["narrative__journey"]).update(publication=publication)


def schedule_switching(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.update_or_create(
        name="switch what is ready",
        defaults={
            "func": "narratives.tasks.switch_what_is_ready",
            "schedule_type": "I",
            "minutes": 1,
            "repeats": -1,
            "kwargs": "q_options={'save': False}",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0003_publications"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [
        migrations.RunPython(number_what_was_published, migrations.RunPython.noop),
        migrations.RunPython(schedule_switching, migrations.RunPython.noop),
    ]
