"""Operators may make and limit API tokens, which they could only delete."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations


def give_rights(apps, schema_editor):
    """To the group that came with this project; one that an admin has deleted stays deleted."""
    create_permissions(installed.get_app_config("ttscache"), apps=apps, verbosity=0)
    group = apps.get_model("auth", "Group").objects.filter(name="Operator").first()
    if group is not None:
        tokens = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="ttscache")
        group.permissions.add(*tokens.filter(codename__in=("add_apitoken", "change_apitoken")))


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0007_words_in_one_form"),
        ("ttscache", "0009_tokens"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
