"""Narrative, which holds the draft, and Revision, which holds published words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from narratives.models.journeys import Journey, Publication
from narratives.models.lexicon import Pronunciation
from narratives.models.soft_delete import Deletable, Present
from narratives.text.lexicon import Lexicon
from narratives.text.tidying import tidied, tidied_line
from ttscache.conf import conf
from ttscache.renditions.current import request_for
from ttscache.speech import SpeechRequest
from ttscache.text.plain_text import has_words


class Narrative(Deletable):
    """A text of a journey's draft: its words, kind, place, and whether it is deleted.

    Listeners read none of this: they get the entries of the live publication. `live` and `pending` point at
    this text's words there and in the publication that waits; publishing alone moves them.
    """

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
    text = models.TextField(help_text="Listeners hear this text after you publish it.")
    stage = models.CharField(max_length=100, default="", blank=True)
    theme = models.CharField(max_length=100, default="", blank=True)
    live = models.ForeignKey(
        "Revision", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    pending = models.ForeignKey(
        "Revision", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    edited_at = models.DateTimeField(default=timezone.now, editable=False)

    # Saving a draft writes only these fields. Somebody else may publish while this page is open, and saving
    # must not move `live` and `pending` back.
    DRAFT_FIELDS = ("kind", "position", "slug", "title", "text", "stage", "theme", "edited_at", "journey")

    objects: ClassVar[models.Manager[Narrative]] = Present()
    everything: ClassVar[models.Manager[Narrative]] = models.Manager()

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        # Deleted texts do not count, so that their slug can be used again.
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["journey", "slug"],
                condition=Q(deleted_at__isnull=True),
                name="one_slug_a_journey",
                violation_error_message="The journey has a narrative with this slug already.",
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_question(self) -> bool:
        return self.kind == self.Kind.QUESTION

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon that `share_lexicon` set; otherwise each access queries the database."""
        return self.__dict__.get("_lexicon") or Pronunciation.objects.lexicon()

    @property
    def differs_from_live(self) -> bool:
        """Whether the draft differs from the live words or would be pronounced differently."""
        return self.differs_from(self.live)

    @property
    def upcoming(self) -> Revision | None:
        """The revision that is live once the waiting publication, if any, has switched."""
        return self.pending or self.live

    @property
    def has_unpublished_changes(self) -> bool:
        """Whether the draft's words or their sound differ from what is live or waiting."""
        return self.differs_from(self.upcoming)

    def differs_from(self, revision: Revision | None) -> bool:
        """Whether the draft has other words than this revision, or would be pronounced differently."""
        if revision is None or (revision.title, revision.text) != (self.title, self.text):
            return True
        return not revision.sounds_as(self.lexicon)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Tidy the text first: the saved text is exactly what is spoken, and its hash names the clip."""
        self.title, self.text = tidied_line(self.title), tidied(self.text)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Raise ValidationError for a title or text that has nothing to read or speak."""
        written = {name: getattr(self, name) for name in ("title", "text")}
        empty = [name for name, words in written.items() if words and not has_words(words)]
        if empty:
            raise ValidationError(dict.fromkeys(empty, "Write at least one letter or digit."))

    def draft_speech(self, voice: str) -> SpeechRequest:
        return request_for(self.lexicon.spoken(self.text, voice), voice)


def share_lexicon(narratives: Iterable[Narrative]) -> list[Narrative]:
    """Load the lexicon once for all of these, instead of once per text."""
    given, lexicon = list(narratives), Pronunciation.objects.lexicon()
    for narrative in given:
        narrative.__dict__["_lexicon"] = lexicon
    return given


class Revision(models.Model):
    """Published words. A revision never changes: publishing creates a new one and moves `live` to it."""

    narrative = models.ForeignKey(Narrative, on_delete=models.CASCADE, related_name="revisions")
    title = models.CharField(max_length=200)
    text = models.TextField()
    spoken_text = models.TextField(help_text="The text as the voice says it.")
    # Only voices whose spoken text differs from `spoken_text`.
    spoken_by_voice = models.JSONField(default=dict, blank=True, help_text="Voices that say it differently.")
    publication = models.ForeignKey(
        Publication, on_delete=models.CASCADE, null=True, blank=True, related_name="revisions"
    )
    published_at = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-published_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.title}, {self.published_at:%d %b %Y}"

    def speech(self, voice: str) -> SpeechRequest:
        """The request that makes, and whose hash finds, the clip of these words in this voice."""
        return request_for(self.spoken_in(voice), voice)

    def sounds_as(self, lexicon: Lexicon) -> bool:
        """Whether this lexicon gives the same pronunciation in every listener voice."""
        return all(
            self.spoken_in(voice) == lexicon.spoken(self.text, voice) for voice in conf().listener_voices
        )

    @property
    def said(self) -> dict[str, Any]:
        """The published fields, to compare and to copy."""
        return {name: getattr(self, name) for name in ("title", "text", "spoken_text", "spoken_by_voice")}

    def spoken_in(self, voice: str) -> str:
        own: str | None = self.spoken_by_voice.get(voice)
        return self.spoken_text if own is None else own
