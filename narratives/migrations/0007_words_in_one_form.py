import re
import unicodedata

from django.db import migrations, models

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u02b9`\u00b4\u2032\uff07", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\uff02", '"')
    | dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-")
    | {"\u2026": "..."}
)


def form_of(word):
    """Fold a word as the product does at the time of this migration."""
    plain = _UNSEEN.sub("", " ".join(unicodedata.normalize("NFC", word).split())).translate(_PLAIN)
    return unicodedata.normalize("NFC", plain.casefold())


def write_forms(apps, schema_editor):
    """Nothing is deleted: of two words that now are one, the later keeps its id in its form.

    The first was the one that the voices said. Staff see both and may delete one.
    """
    seen = set()
    entries = apps.get_model("narratives", "Pronunciation").objects
    for entry in entries.order_by("word", "voice", "pk"):
        form = form_of(entry.word)
        is_second = (form, entry.voice) in seen
        seen.add((form, entry.voice))
        entries.filter(pk=entry.pk).update(looked_up_as=f"{form} #{entry.pk}" if is_second else form)


class Migration(migrations.Migration):
    dependencies = [("narratives", "0006_wording")]

    operations = [
        migrations.RemoveConstraint("pronunciation", "one_pronunciation_a_word_and_voice"),
        migrations.AddField(
            "pronunciation", "looked_up_as", models.CharField(default="", editable=False, max_length=400)
        ),
        migrations.RunPython(write_forms, migrations.RunPython.noop),
        migrations.AddConstraint(
            "pronunciation",
            models.UniqueConstraint(
                fields=["looked_up_as", "voice"],
                name="one_pronunciation_a_word_and_voice",
                violation_error_message="The lexicon already has this word for this voice.",
            ),
        ),
        migrations.AlterField(
            "pronunciation",
            "word",
            models.CharField(
                help_text="The word as it is written. Whole words only. Capital letters do not matter.",
                max_length=100,
            ),
        ),
        migrations.AlterField(
            "pronunciation",
            "say_as",
            models.CharField(
                help_text="Spell it the way it sounds, for example “Shivawn” for “Siobhan”.",
                max_length=200,
            ),
        ),
    ]
