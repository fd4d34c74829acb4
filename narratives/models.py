"""Journey, its ordered Narratives, their Revisions in Publications; and how words are pronounced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Max, Q
from django.db.models.functions import Lower
from django.utils import timezone

from narratives import reflection_rules
from narratives.deletable import Deletable, Present
from narratives.lexicon import Entry, Lexicon
from ttscache.conf import conf
from ttscache.speech import SpeechRequest


def tidied(text: str) -> str:
    """No blanks at the ends, single spaces, and no more than one empty line in a row."""
    lines = [" ".join(line.split()) for line in text.replace("\r\n", "\n").replace("\x00", "").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class JourneyQuerySet(models.QuerySet["Journey"]):
    def live(self) -> Self:
        return self.filter(is_live=True)


PresentJourneys = Present.from_queryset(JourneyQuerySet)


class Journey(Deletable):
    """A guided life story: an intro, questions, an outro, and the short clips that help along the way."""

    slug = models.SlugField()
    title = models.CharField(max_length=200)
    language = models.CharField(max_length=20, default="en")
    is_live = models.BooleanField("live", default=False, help_text="Listeners can take this journey.")
    is_default = models.BooleanField(
        "default", default=False, help_text="The journey that listeners get when they ask for none by name."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PresentJourneys()
    everything: ClassVar[models.Manager[Journey]] = JourneyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-is_default", "title"]
        permissions: ClassVar = [("publish_journey", "Can publish: change what listeners get")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["slug"],
                condition=Q(deleted_at__isnull=True),
                name="one_journey_a_slug",
                violation_error_message="There is a journey with this slug already.",
            ),
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True, deleted_at__isnull=True),
                name="one_default_journey",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def waiting(self) -> Publication | None:
        """What was published and still waits for its sound."""
        return self.publications.waiting().first()

    @property
    def next_number(self) -> int:
        """Of the version that would be published now."""
        last: int | None = self.publications.aggregate(last=Max("number"))["last"]
        return (last or 0) + 1


class PublicationQuerySet(models.QuerySet["Publication"]):
    def waiting(self) -> Self:
        return self.filter(state=Publication.State.WAITING)

    def heard(self) -> Self:
        """Those that listeners have or had."""
        return self.filter(state=Publication.State.LIVE)


class Publication(models.Model):
    """Some texts of a journey that listeners get at once: all of them, words and sound, or none yet.

    `number` is the journey's version. It waits until every clip is there; one journey has one that waits.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for its sound"
        LIVE = "live", "Published"
        WITHDRAWN = "withdrawn", "Taken back"

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="publications")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    requested_by = models.CharField(max_length=150, default="", blank=True)
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    live_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[models.Manager[Publication]] = PublicationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["journey", "number"], name="one_number_a_journey"),
            models.UniqueConstraint(
                fields=["journey"], condition=Q(state="waiting"), name="one_waiting_publication_a_journey"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.journey}, v{self.number}"

    @property
    def scope(self) -> str:
        """The key of the run that makes its clips."""
        return f"publication:{self.pk}"

    @property
    def run_name(self) -> str:
        return f"{self.journey.slug}, publication {self.number}"


class NarrativeQuerySet(models.QuerySet["Narrative"]):
    def published(self) -> Self:
        """What listeners get, in order, each with its live words."""
        return self.filter(live__isnull=False).select_related("live").order_by("position", "pk")


PresentNarratives = Present.from_queryset(NarrativeQuerySet)


class Narrative(Deletable):
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
    pending = models.ForeignKey(
        "Revision", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    edited_at = models.DateTimeField(default=timezone.now, editable=False)

    # What staff write. The pointers to what listeners get are moved by publishing alone, which may happen
    # while somebody has this narrative's page open.
    DRAFT_FIELDS = ("kind", "position", "slug", "title", "text", "stage", "theme", "edited_at", "journey")

    objects = PresentNarratives()
    everything: ClassVar[models.Manager[Narrative]] = NarrativeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position", "pk"]
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
        """The one in force, asked for anew each time; or the one that `share_lexicon` gave."""
        return self.__dict__.get("_lexicon") or Pronunciation.objects.lexicon()

    @property
    def has_changes(self) -> bool:
        """Whether the draft says something else than listeners get, or would sound different."""
        return self._differs_from(self.live)

    @property
    def upcoming(self) -> Revision | None:
        """What listeners will have once all that was published is heard."""
        return self.pending or self.live

    @property
    def is_ahead(self) -> bool:
        """Whether there is something to publish."""
        return self._differs_from(self.upcoming)

    def _differs_from(self, revision: Revision | None) -> bool:
        if revision is None or (revision.title, revision.text) != (self.title, self.text):
            return True
        return not revision.sounds_as(self.lexicon)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Authors' texts are tidied when they are saved; from then on they are spoken as they are."""
        self.title, self.text = " ".join(self.title.split()), tidied(self.text)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Raises ValidationError for what nobody can see, or no voice can say."""
        written = {name: getattr(self, name) for name in ("title", "text")}
        empty = [name for name, words in written.items() if words and not re.search(r"\w", words)]
        if empty:
            raise ValidationError(dict.fromkeys(empty, "It has no letter and no digit."))

    def draft_speech(self, voice: str) -> SpeechRequest:
        return conf().house_request(self.lexicon.spoken(self.text, voice), voice)


def share_lexicon(narratives: Iterable[Narrative]) -> list[Narrative]:
    """Look the lexicon up once for all of them."""
    given, lexicon = list(narratives), Pronunciation.objects.lexicon()
    for narrative in given:
        narrative.__dict__["_lexicon"] = lexicon
    return given


class Revision(models.Model):
    """What was published, word for word. Never changed: publishing makes a new one and moves the pointer."""

    narrative = models.ForeignKey(Narrative, on_delete=models.CASCADE, related_name="revisions")
    title = models.CharField(max_length=200)
    text = models.TextField()
    spoken_text = models.TextField(help_text="The text as it is said aloud.")
    spoken_by_voice = models.JSONField(default=dict, blank=True, help_text="Where a voice says it otherwise.")
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
        """These words in the house rendition: the one key under which their sound is kept."""
        return conf().house_request(self.spoken_in(voice), voice)

    def sounds_as(self, lexicon: Lexicon) -> bool:
        """Whether this lexicon has it said in the same way, in every voice that listeners have."""
        return all(
            self.spoken_in(voice) == lexicon.spoken(self.text, voice) for voice in conf().listener_voices
        )

    @property
    def said(self) -> dict[str, Any]:
        """What it consists of, to compare and to copy."""
        return {name: getattr(self, name) for name in ("title", "text", "spoken_text", "spoken_by_voice")}

    def spoken_in(self, voice: str) -> str:
        own: str | None = self.spoken_by_voice.get(voice)
        return self.spoken_text if own is None else own


class PronunciationQuerySet(models.QuerySet["Pronunciation"]):
    def lexicon(self) -> Lexicon:
        return Lexicon.of(each.entry for each in self)


class Pronunciation(models.Model):
    """Say a word otherwise than it is written. Captions keep the spelling."""

    word = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"\w", "A word has a letter or a digit.")],
        help_text="As it is written; capitals or not is the same. Whole words only.",
    )
    say_as = models.CharField(
        max_length=200,
        validators=[RegexValidator(r"\w", "There has to be something to say.")],
        help_text="Spelled so that a voice says it right, for example “Shivawn” for “Siobhan”.",
    )
    voice = models.CharField(
        max_length=50, default="", blank=True, help_text="Only in this voice; empty: in all."
    )
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
                violation_error_message="There is an entry for this word already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.word} → {self.say_as}"

    def clean(self) -> None:
        self.word, self.say_as = " ".join(self.word.split()), " ".join(self.say_as.split())

    @property
    def entry(self) -> Entry:
        return Entry(self.word, self.say_as, self.voice)


# --- reflections -----------------------------------------------------------------------------------------
class BankReflectionQuerySet(models.QuerySet["BankReflection"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class BankReflection(models.Model):
    """A reflection that a person wrote, for any answer to a question of its theme."""

    class Occasion(models.TextChoices):
        ANY = "any", "Any answer"
        SHORT = "short", "A very short answer"
        SKIPPED = "skipped", "No answer"
        SAD = "sad", "A sad answer"
        GLAD = "glad", "A glad answer"

    text = models.TextField(help_text="Two plain sentences, at most 200 characters.")
    theme = models.SlugField(
        default="general", help_text="The theme of the questions it suits; “general” for all of them."
    )
    occasion = models.CharField(max_length=10, choices=Occasion, default=Occasion.ANY)
    is_active = models.BooleanField("in use", default=True, help_text="May be spoken to listeners.")
    edited_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[BankReflection]] = BankReflectionQuerySet.as_manager()

    class Meta:
        verbose_name = "reflection"
        verbose_name_plural = "reflection bank"
        ordering: ClassVar = ["theme", "pk"]

    def __str__(self) -> str:
        return self.text[:60]

    def clean(self) -> None:
        """Raises ValidationError for what the rules do not allow to be spoken."""
        self.text = tidied(self.text)
        wrong = reflection_rules.problems(self.text) if self.text else []
        if wrong:
            raise ValidationError({"text": wrong})

    def speech(self, voice: str, lexicon: Lexicon) -> SpeechRequest:
        return conf().house_request(lexicon.spoken(self.text, voice), voice)


class ShippedContent(models.Model):
    """What came with this project and was loaded once; deleted, it stays deleted."""

    name = models.SlugField(max_length=60, primary_key=True)
    loaded_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name
