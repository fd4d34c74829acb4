"""Pronunciation: the entries of the lexicon."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from narratives.text.lexicon import Lexicon, LexiconEntry
from narratives.text.tidying import tidied_line
from ttscache.text.plain_text import comparable_word, has_words


class PronunciationQuerySet(models.QuerySet["Pronunciation"]):
    def lexicon(self) -> Lexicon:
        return Lexicon.of(each.entry for each in self)


class Pronunciation(models.Model):
    """The spoken form of a written word. Captions keep the written form."""

    word = models.CharField(
        max_length=100,
        help_text="The word as it is written. Whole words only. Capital letters do not matter.",
    )
    say_as = models.CharField(
        max_length=200,
        help_text="Spell it the way it sounds, for example “Shivawn” for “Siobhan”.",
    )
    voice = models.CharField(max_length=50, default="", blank=True, help_text="Leave empty for all voices.")
    note = models.CharField(max_length=200, default="", blank=True)
    # The form in which the word is compared: SQLite ignores the case of ASCII letters only, and no database
    # takes a typographic apostrophe for a plain one. Folding may lengthen a word: "ß" becomes "ss".
    looked_up_as = models.CharField(max_length=400, default="", editable=False)

    objects: ClassVar[models.Manager[Pronunciation]] = PronunciationQuerySet.as_manager()

    class Meta:
        verbose_name = "word"
        verbose_name_plural = "lexicon"
        ordering: ClassVar = ["word", "voice"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["looked_up_as", "voice"],
                name="one_pronunciation_a_word_and_voice",
                violation_error_message="The lexicon already has this word for this voice.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.word} → {self.say_as}"

    def clean(self) -> None:
        """Raise ValidationError for a word or a spoken form that no voice can say."""
        self._tidy()
        written = {name: getattr(self, name) for name in ("word", "say_as")}
        empty = [name for name, words in written.items() if words and not has_words(words)]
        if empty:
            raise ValidationError(dict.fromkeys(empty, "Write at least one letter or digit."))

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Also check the field that no form has, because the word of the form decides it."""
        super().validate_constraints({*(exclude or ())} - {"looked_up_as"})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._tidy()
        super().save(*args, **kwargs)

    def _tidy(self) -> None:
        self.word, self.say_as = tidied_line(self.word), tidied_line(self.say_as)
        self.looked_up_as = comparable_word(self.word)

    @property
    def entry(self) -> LexiconEntry:
        return LexiconEntry(self.word, self.say_as, self.voice)
