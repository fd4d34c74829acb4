"""BankReflection: reflections that people wrote."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from narratives.text import reflection_rules
from narratives.text.lexicon import Lexicon
from narratives.text.tidying import tidied
from ttscache.renditions.current import request_for
from ttscache.speech import SpeechRequest


class BankReflectionQuerySet(models.QuerySet["BankReflection"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def with_words(self, text: str) -> BankReflection | None:
        """The reflection with exactly this text, in use or not."""
        return self.filter(text=text).first()


class BankReflection(models.Model):
    """A reflection that a person wrote. It suits any answer to a question of its theme."""

    class Occasion(models.TextChoices):
        ANY = "any", "Any answer"
        SHORT = "short", "A very short answer"
        SKIPPED = "skipped", "No answer"
        SAD = "sad", "A sad answer"
        GLAD = "glad", "A glad answer"

    class AfterHeavy(models.TextChoices):
        NEVER = "never", "Never"
        THEME = "theme", "If the question is of its theme"
        ALWAYS = "always", "Whatever the question"

    text = models.TextField(help_text="Two plain sentences, at most 200 characters.")
    theme = models.CharField(  # as long as that of a text
        max_length=100,
        default="general",
        db_index=True,
        help_text="The theme of the questions it suits. Use “general” for all questions.",
    )
    occasion = models.CharField(max_length=10, choices=Occasion, default=Occasion.ANY)
    after_heavy = models.CharField(
        "after a hard answer",
        max_length=10,
        choices=AfterHeavy,
        default=AfterHeavy.NEVER,
        help_text="Whether it fits an answer about abuse, suicide, despair or the like. Two people read it.",
    )
    is_cheerful = models.BooleanField(
        "cheerful",
        default=False,
        help_text="It says something glad, so it is said only to an answer that is plainly glad.",
    )
    is_active = models.BooleanField("in use", default=True, help_text="Listeners may hear it.")
    edited_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[BankReflection]] = BankReflectionQuerySet.as_manager()

    class Meta:
        verbose_name = "reflection"
        verbose_name_plural = "reflections"
        ordering: ClassVar = ["theme", "pk"]

    def __str__(self) -> str:
        return self.text[:60]

    def clean(self) -> None:
        """Raise ValidationError if the text breaks the rules for reflections."""
        self.text = tidied(self.text)
        wrong = reflection_rules.problems(self.text) if self.text else []
        if wrong:
            raise ValidationError({"text": wrong})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.text = tidied(self.text)
        super().save(*args, **kwargs)

    def is_fit_after_heavy(self, theme: str) -> bool:
        """Whether it may be said to a heavy answer to a question of this theme."""
        if self.after_heavy == self.AfterHeavy.THEME:
            return self.theme == theme
        return self.after_heavy == self.AfterHeavy.ALWAYS

    def speech(self, voice: str, lexicon: Lexicon) -> SpeechRequest:
        return request_for(lexicon.spoken(self.text, voice), voice)
