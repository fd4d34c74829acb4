from django.core.management import call_command
from django.db import migrations

from ttscache.adoption import plan


def adopt_clips(apps, schema_editor):
    plan.adopt_clips(apps, schema_editor.connection)


def create_cache_table(apps, schema_editor):
    """Django's cache lives in the database where no Redis is set; unused otherwise."""
    call_command("createcachetable", "django_cache", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0003_schema")]
    operations = [
        migrations.RunPython(adopt_clips, migrations.RunPython.noop),
        migrations.RunPython(create_cache_table, migrations.RunPython.noop),
    ]
