from itertools import pairwise

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

PUBLISHED, WAITING = "live", "waiting"
# Of the journeys that come with this project, as listeners read them where they choose.
DESCRIPTIONS = {
    "life-review-default": "Ten questions about the whole of a life.",
    "life-review-gentle": "Ten short, easy questions about pleasant memories.",
}


def retire_earlier_publications(apps, schema_editor):
    """Listeners get the last published version of each journey; each earlier one ended with the next."""
    publications = apps.get_model("narratives", "Publication").objects
    for journey in apps.get_model("narratives", "Journey").objects.all():
        published = list(publications.filter(journey=journey, state=PUBLISHED).order_by("number"))
        for before, after in pairwise(published):
            publications.filter(pk=before.pk).update(retired_at=after.live_at or after.requested_at)


def write_entries(apps, schema_editor):
    """Give each publication its texts: today's for what is live or waits, as far as is known for the others."""
    for journey in apps.get_model("narratives", "Journey").objects.all():
        _write_entries_of(apps, journey)
        if journey.slug in DESCRIPTIONS:
            journey.description = DESCRIPTIONS[journey.slug]
            journey.save(update_fields=["description"])
    # PostgreSQL checks the new rows' keys at the end of the transaction and alters no table before that.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


def _write_entries_of(apps, journey):
    publications = apps.get_model("narratives", "Publication").objects
    revisions = apps.get_model("narratives", "Revision").objects
    narratives = apps.get_model("narratives", "Narrative").objects
    # Texts deleted with the journey come back with it. Listeners lost all other deleted texts at once.
    texts = list(narratives.filter(journey=journey).order_by("position", "pk"))
    present = [each for each in texts if each.deleted_at in (None, journey.deleted_at)]
    gone = [each.pk for each in texts if each not in present]
    narratives.filter(pk__in=gone).update(live=None, pending=None)
    versions = list(publications.filter(journey=journey).order_by("number"))
    live = [each for each in present if each.live_id is not None]
    if live and not any(version.state == PUBLISHED for version in versions):
        number = max((version.number for version in versions), default=0) + 1
        version = publications.create(
            journey=journey, number=number, state=PUBLISHED, live_at=timezone.now(), requested_by="migrate"
        )
        versions.append(version)
    heard = {}
    for version in versions:
        own = {each.narrative_id: each.pk for each in revisions.filter(publication=version).order_by("pk")}
        if version.state == PUBLISHED and version.retired_at is None:
            told = [(each, each.live_id) for each in live]
        elif version.state == WAITING:
            told = [(each, each.pending_id or each.live_id) for each in present]
        else:
            words, then = {**heard, **own}, version.live_at or version.requested_at
            told = [
                (each, words.get(each.pk))
                for each in texts
                if each in present or (each.deleted_at is not None and each.deleted_at > then)
            ]
        if version.state == PUBLISHED:
            heard |= own
        _write(apps, version, [(text, revision) for text, revision in told if revision is not None])


def _write(apps, version, told):
    entry = apps.get_model("narratives", "PublicationEntry")
    entry.objects.bulk_create(
        entry(
            publication=version,
            narrative=text,
            revision_id=revision,
            position=position,
            kind=text.kind,
            slug=text.slug,
            theme=text.theme,
        )
        for position, (text, revision) in enumerate(told)
    )


class Migration(migrations.Migration):
    dependencies = [("narratives", "0008_token_rights")]

    operations = [
        migrations.AddField(
            "journey",
            "description",
            models.CharField(
                "one line about it",
                blank=True,
                default="",
                help_text="Listeners read it where they choose among several journeys.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            "publication", "retired_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.RunPython(retire_earlier_publications, migrations.RunPython.noop),
        migrations.AddConstraint(
            "publication",
            models.UniqueConstraint(
                condition=models.Q(("retired_at__isnull", True), ("state", "live")),
                fields=("journey",),
                name="one_live_publication_a_journey",
            ),
        ),
        migrations.CreateModel(
            "PublicationEntry",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("intro", "Intro"),
                            ("question", "Question"),
                            ("outro", "Outro"),
                            ("system", "System clip"),
                        ],
                        max_length=10,
                    ),
                ),
                ("slug", models.SlugField()),
                ("theme", models.CharField(blank=True, default="", max_length=100)),
                (
                    "publication",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="narratives.publication",
                    ),
                ),
                (
                    "narrative",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="narratives.narrative",
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="narratives.revision",
                    ),
                ),
            ],
            options={"ordering": ["position", "pk"], "default_permissions": ()},
        ),
        migrations.AddConstraint(
            "publicationentry",
            models.UniqueConstraint(
                fields=("publication", "narrative"), name="one_entry_a_publication_and_text"
            ),
        ),
        migrations.RunPython(write_entries, migrations.RunPython.noop),
    ]
