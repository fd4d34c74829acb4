"""Pronunciation: the entries of the lexicon."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from narratives.text.lexicon import Lexicon, LexiconEntry


class PronunciationQuerySet(models.QuerySet["Pronunciation"]):
    def lexicon(self) -> Lexicon:
        return Lexicon.of(each.entry for each in self)


class Pronunciation(models.Model):
    """The spoken form of a written word. Captions keep the written form."""

    word = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"\w", "Write at least one letter or digit.")],
        help_text="The word as it is written. Whole words only. Capital letters do not matter.",
    )
    say_as = models.CharField(
        max_length=200,
        validators=[RegexValidator(r"\w", "Write at least one letter or digit.")],
        help_text="Spell it the way it sounds, for example “Shivawn” for “Siobhan”.",
    )
    voice = models.CharField(max_length=50, default="", blank=True, help_text="Leave empty for all voices.")
    note = models.CharField(max_length=200, default="", blank=True)

    objects: ClassVar[models.Manager[Pronunciation]] = PronunciationQuerySet.as_manager()

    class Meta:
        verbose_name = "word"
        verbose_name_plural = "lexicon"
        ordering: ClassVar = ["word", "voice"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("word"),
                "voice",
                name="one_pronunciation_a_word_and_voice",
                violation_error_message="The lexicon already has this word for this voice.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.word} → {self.say_as}"

    def clean(self) -> None:
        self.word, self.say_as = " ".join(self.word.split()), " ".join(self.say_as.split())

    @property
    def entry(self) -> LexiconEntry:
        return LexiconEntry(self.word, self.say_as, self.voice)
