from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

# How the shipped reflections begin, and after which hard answers each of them was found to fit.
AFTER_HEAVY = {
    "Thank you for taking me back to where your story starts.": "theme",
    "The people around us early on can leave marks that last": "theme",
    "That younger you is still a part of the story": "theme",
    "Thank you for trusting this moment with something difficult.": "always",
    "Looking at a whole life at once is no small thing to do.": "always",
}
CHEERFUL = (
    "Pride can be quiet and still be real.",
    "It is not always easy to name the things we are glad to have done.",
    "There is a brightness in what you have just described.",
)
LOOK = "view_offeredreflection"
RIGHTS = {
    "Editor": [LOOK],
    "Publisher": [LOOK, "change_offeredreflection"],
    "Analyst": [LOOK],
    "Operator": [LOOK],
}


def mark_shipped_reflections(apps, schema_editor):
    bank = apps.get_model("narratives", "BankReflection").objects
    for beginning, fits in AFTER_HEAVY.items():
        bank.filter(text__startswith=beginning).update(after_heavy=fits)
    for beginning in CHEERFUL:
        bank.filter(text__startswith=beginning).update(is_cheerful=True)


def give_rights(apps, schema_editor):
    """Give rights to the groups that came with this project; a group that an admin has deleted stays deleted."""
    create_permissions(installed.get_app_config("narratives"), apps=apps, verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="narratives")
    for name, rights in RIGHTS.items():
        group = apps.get_model("auth", "Group").objects.filter(name=name).first()
        if group is not None:
            group.permissions.add(*permissions.filter(codename__in=rights))


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0004_reflections"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(mark_shipped_reflections, migrations.RunPython.noop),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
