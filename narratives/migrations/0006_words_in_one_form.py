from django.db import migrations, models

import narratives.models.lexicon
from ttscache.plain_text import comparable_word


def write_forms(apps, schema_editor):
    """Nothing is deleted: of two words that now are one, the later keeps its id in its form.

    The first was the one that the voices said. Staff see both and may delete one.
    """
    seen = set()
    entries = apps.get_model("narratives", "Pronunciation").objects
    for entry in entries.order_by("word", "voice", "pk"):
        form = comparable_word(entry.word)
        is_second = (form, entry.voice) in seen
        seen.add((form, entry.voice))
        entries.filter(pk=entry.pk).update(looked_up_as=f"{form} #{entry.pk}" if is_second else form)


class Migration(migrations.Migration):
    dependencies = [("narratives", "0004_wording")]

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
                validators=[narratives.models.lexicon.require_words],
            ),
        ),
        migrations.AlterField(
            "pronunciation",
            "say_as",
            models.CharField(
                help_text="Spell it the way it sounds, for example “Shivawn” for “Siobhan”.",
                max_length=200,
                validators=[narratives.models.lexicon.require_words],
            ),
        ),
    ]
