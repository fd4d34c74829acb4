from django.core.management import call_command
from django.db import migrations
from django.db.models import Exists, OuterRef
from django.utils import timezone


def adopt_clips(apps, schema_editor):
    """What an existing database holds becomes ours: its bytes are clips, and their stale clock starts now."""
    Clip = apps.get_model("ttscache", "Clip")
    ClipFile = apps.get_model("ttscache", "ClipFile")
    now = timezone.now()
    found = Clip.objects.filter(adopted_at__isnull=True)
    found.filter(content_type__isnull=True).update(content_type="narrative")
    found.filter(is_active__isnull=True).update(is_active=True)
    found.filter(created_at__isnull=True).update(created_at=now)
    has_bytes = Exists(ClipFile.objects.filter(cache=OuterRef("pk")).exclude(file_data=b""))
    found.filter(has_bytes).update(kept_at=now)
    found.update(adopted_at=now, last_accessed_at=now)


def create_cache_table(apps, schema_editor):
    """Django's cache lives in the database where no Redis is set; unused otherwise."""
    call_command("createcachetable", "django_cache", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0003_records_runs_and_books")]
    operations = [
        migrations.RunPython(adopt_clips, migrations.RunPython.noop),
        migrations.RunPython(create_cache_table, migrations.RunPython.noop),
    ]
