from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

LOOK_AT_STORIES = ["narratives.view_journey", "narratives.view_narrative"]
LOOK_AT_OFFERS = "narratives.view_offeredreflection"
COUNTED = ("clip", "rendition", "usage", "playbackstart", "spending", "warmrun", "prunerun", "alert")
ANALYST = [
    *(f"ttscache.view_{model}" for model in COUNTED),
    LOOK_AT_OFFERS,
]
WRITTEN = ("journey", "narrative", "pronunciation", "bankreflection")
EDITOR = [
    "ttscache.view_clip",
    LOOK_AT_OFFERS,
    *("narratives.view_revision", "narratives.view_publication"),  # word for word, so nobody changes them
    *(f"narratives.{action}_{model}" for model in WRITTEN for action in ("add", "change", "delete", "view")),
]
PUBLISHER = [
    *EDITOR,
    "narratives.publish_journey",
    "narratives.change_offeredreflection",
    "ttscache.make_clip",
    "ttscache.change_clip",
    *("ttscache.view_rendition", "ttscache.choose_voice"),
    "ttscache.view_usage",
    "ttscache.view_playbackstart",
    "ttscache.view_warmrun",
]
OPERATOR = [
    *ANALYST,
    *LOOK_AT_STORIES,
    *("ttscache.make_clip", "ttscache.change_clip", "ttscache.prune_clip", "ttscache.change_warmrun"),
    "ttscache.choose_voice",
    *(f"ttscache.{action}_apitoken" for action in ("add", "change", "delete", "view")),
    *("django_q.view_schedule", "django_q.change_schedule"),
    *("django_q.view_ormq", "django_q.delete_ormq", "django_q.view_success"),
    *("django_q.view_failure", "django_q.change_failure", "django_q.delete_failure"),
]


def make_groups(apps, schema_editor=None):
    """Once: what an admin changes afterwards stays. A group of this name that is there already is theirs."""
    for label in ("narratives", "ttscache", "django_q"):
        # Django makes them when all migrations are done, which is too late; it leaves alone what it finds.
        create_permissions(installed.get_app_config(label), apps=apps, verbosity=0)
    for name, rights in [
        ("Editor", EDITOR),
        ("Publisher", PUBLISHER),
        ("Analyst", ANALYST),
        ("Operator", OPERATOR),
    ]:
        group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        if is_new:
            group.permissions.set([_permission(apps, right) for right in rights])


def _permission(apps, right):
    app_label, codename = right.split(".")
    permissions = apps.get_model("auth", "Permission").objects
    return permissions.get(content_type__app_label=app_label, codename=codename)


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0002_schedules"),
        ("ttscache", "0003_schema"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
