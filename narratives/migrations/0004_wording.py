import django.core.validators
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("narratives", "0005_reflection_marks"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="bankreflection",
            options={
                "ordering": ["theme", "pk"],
                "verbose_name": "reflection",
                "verbose_name_plural": "reflections",
            },
        ),
        migrations.AlterField(
            model_name="bankreflection",
            name="is_active",
            field=models.BooleanField(
                default=True, help_text="Listeners may hear it.", verbose_name="in use"
            ),
        ),
        migrations.AlterField(
            model_name="bankreflection",
            name="theme",
            field=models.SlugField(
                default="general",
                help_text="The theme of the questions it suits. Use “general” for all questions.",
            ),
        ),
        migrations.AlterField(
            model_name="journey",
            name="is_default",
            field=models.BooleanField(
                default=False, help_text="This is the journey listeners get.", verbose_name="default"
            ),
        ),
        migrations.AlterField(
            model_name="journey",
            name="is_live",
            field=models.BooleanField(
                default=False, help_text="Listeners can use this journey.", verbose_name="live"
            ),
        ),
        migrations.AlterField(
            model_name="narrative",
            name="text",
            field=models.TextField(help_text="Listeners hear this text after you publish it."),
        ),
        migrations.AlterField(
            model_name="pronunciation",
            name="say_as",
            field=models.CharField(
                help_text="Spell it the way it sounds, for example “Shivawn” for “Siobhan”.",
                max_length=200,
                validators=[
                    django.core.validators.RegexValidator("\\w", "Write at least one letter or digit.")
                ],
            ),
        ),
        migrations.AlterField(
            model_name="pronunciation",
            name="voice",
            field=models.CharField(
                blank=True, default="", help_text="Leave empty for all voices.", max_length=50
            ),
        ),
        migrations.AlterField(
            model_name="pronunciation",
            name="word",
            field=models.CharField(
                help_text="The word as it is written. Whole words only. Capital letters do not matter.",
                max_length=100,
                validators=[
                    django.core.validators.RegexValidator("\\w", "Write at least one letter or digit.")
                ],
            ),
        ),
        migrations.AlterField(
            model_name="publication",
            name="state",
            field=models.CharField(
                choices=[("waiting", "Waiting for audio"), ("live", "Published"), ("withdrawn", "Cancelled")],
                default="waiting",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="spoken_by_voice",
            field=models.JSONField(blank=True, default=dict, help_text="Voices that say it differently."),
        ),
        migrations.AlterField(
            model_name="revision",
            name="spoken_text",
            field=models.TextField(help_text="The text as the voice says it."),
        ),
        migrations.AlterConstraint(
            model_name="pronunciation",
            name="one_pronunciation_a_word_and_voice",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("word"),
                models.F("voice"),
                name="one_pronunciation_a_word_and_voice",
                violation_error_message="The lexicon already has this word for this voice.",
            ),
        ),
    ]
