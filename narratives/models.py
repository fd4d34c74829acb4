"""Journey and its ordered Narratives (intro, questions, outro, system clips), and their Revisions."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from ttscache.conf import conf
from ttscache.speech import SpeechRequest


def tidied(text: str) -> str:
    """No blanks at the ends, single spaces, and no more than one empty line in a row."""
    lines = [" ".join(line.split()) for line in text.replace("\r\n", "\n").replace("\x00", "").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class JourneyQuerySet(models.QuerySet["Journey"]):
    def live(self) -> Self:
        return self.filter(is_live=True)


class Journey(models.Model):
    """A guided life story: an intro, questions, an outro, and the short clips that help along the way."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    language = models.CharField(max_length=20, default="en")
    is_live = models.BooleanField("live", default=False, help_text="Listeners can take this journey.")
    is_default = models.BooleanField(
        "default", default=False, help_text="The journey that listeners get when they ask for none by name."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[Journey]] = JourneyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-is_default", "title"]
        permissions: ClassVar = [("publish_journey", "Can publish: change what listeners get")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_journey"
            )
        ]

    def __str__(self) -> str:
        return self.title


class NarrativeQuerySet(models.QuerySet["Narrative"]):
    def published(self) -> Self:
        """What listeners get, in order, each with its live words."""
        return self.filter(live__isnull=False).select_related("live").order_by("position", "pk")


class Narrative(models.Model):
    """A place in a journey. `title` and `text` are the draft; `live` is what listeners get."""

    class Kind(models.TextChoices):
        INTRO = "intro", "Intro"
        QUESTION = "question", "Question"
        OUTRO = "outro", "Outro"
        SYSTEM = "system", "System clip"

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="narratives")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.QUESTION)
    position = models.PositiveIntegerField(default=0, db_index=True)
    slug = models.SlugField()
    title = models.CharField(max_length=200)
    text = models.TextField(help_text="What the voice says. Listeners hear it once it is published.")
    stage = models.CharField(max_length=100, default="", blank=True)
    theme = models.CharField(max_length=100, default="", blank=True)
    live = models.ForeignKey(
        "Revision", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    edited_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[Narrative]] = NarrativeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["journey", "slug"], name="one_slug_a_journey")
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_question(self) -> bool:
        return self.kind == self.Kind.QUESTION

    @property
    def has_changes(self) -> bool:
        """Whether the draft says something else than listeners get."""
        return self.live is None or (self.live.title, self.live.text) != (self.title, self.text)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Authors' texts are tidied when they are saved; from then on they are spoken as they are."""
        self.title, self.text = " ".join(self.title.split()), tidied(self.text)
        super().save(*args, **kwargs)

    def draft_speech(self, voice: str) -> SpeechRequest:
        return conf().house_request(self.text, voice)


class Revision(models.Model):
    """What was published, word for word. Never changed: publishing makes a new one and moves the pointer."""

    narrative = models.ForeignKey(Narrative, on_delete=models.CASCADE, related_name="revisions")
    title = models.CharField(max_length=200)
    text = models.TextField()
    spoken_text = models.TextField(help_text="The text as it is said aloud.")
    published_at = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-published_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.title}, {self.published_at:%d %b %Y}"

    def speech(self, voice: str) -> SpeechRequest:
        """These words in the house rendition: the one key under which their sound is kept."""
        return conf().house_request(self.spoken_text, voice)
