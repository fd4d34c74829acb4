"""Clip (tts_cache), the record of a text that may be spoken, and ClipFile (tts_cache_files), its bytes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from operator import attrgetter
from typing import ClassVar, Self

from django.db import models, transaction
from django.db.models import Case, Exists, F, Min, OuterRef, Q, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from ttscache.models.batches import in_batches
from ttscache.models.pins import Pin
from ttscache.models.usage import DailyRequests
from ttscache.speech import LEGACY_MODEL, SpeechRequest


class ContentType(models.TextChoices):
    """The kind of text that a clip says. All figures are given by these four."""

    NARRATIVE = "narrative", "Narrative"  # intro, outro, greeting, system clips
    QUESTION = "question", "Question"
    ANALYSIS = "analysis", "Reflection"
    RESPONSE = "response", "A person's own words"  # spoken, never kept


class PermanentStore(models.TextChoices):
    """The permanent tier that holds a clip's bytes."""

    DATABASE = "database", "Database"
    STORAGE = "storage", "Object storage"


_KINDS = frozenset(ContentType.values)


def kind_of(content_type: str) -> str:
    """Return one of the four kinds; kinds of the earlier system (greeting, outro) count as narrative."""
    return content_type if content_type in _KINDS else ContentType.NARRATIVE


ACCESS_PRECISION = timedelta(hours=1)  # of `last_accessed_at`: a clip is touched at most once an hour


def has_audio(path: str = "") -> Q:
    """Condition for clips that play without a provider call. `path` leads to the clip, e.g. `clip__`."""
    return Q(**{f"{path}stored_at__isnull": False, f"{path}is_active": True})


def is_stored_in(store: PermanentStore, path: str = "") -> Q:
    """Condition for clips whose bytes are in this store, also those that are switched off."""
    return Q(**{f"{path}stored_in": store, f"{path}stored_at__isnull": False})


def size_at_rest() -> Coalesce:
    """The bytes that a clip takes in its permanent tier: compressed, or as it is played. May be null."""
    return Coalesce("stored_size", "audio_file_size")


# Made from one person's words. A reflection is private until somebody has declared it fit for others.
IS_PRIVATE = Q(content_type=ContentType.RESPONSE) | Q(content_type=ContentType.ANALYSIS, is_shareable=False)


_IS_REQUESTED = Exists(DailyRequests.objects.filter(content_hash=OuterRef("content_hash")))


class ClipQuerySet(models.QuerySet["Clip"]):
    def with_audio(self) -> Self:
        """Clips that play without a provider call."""
        return self.filter(has_audio())

    def in_voice(self, voice: str) -> Self:
        """Clips in this voice, or all if it is empty."""
        return self.filter(voice=voice) if voice else self

    def not_private(self) -> Self:
        """Clips whose text staff may read; see `Clip.is_private`."""
        return self.exclude(IS_PRIVATE)

    def stored_by(self, store: PermanentStore) -> Self:
        """Clips whose bytes are in this store, also those that are switched off."""
        return self.filter(is_stored_in(store))

    def never_requested(self) -> Self:
        """Clips that play without a provider call, and that nobody has requested."""
        return self.with_audio().filter(~_IS_REQUESTED)

    def never_played(self) -> Self:
        """Clips that were made ahead and never requested."""
        return self.never_requested().filter(made_ahead=True)

    def with_last_request(self) -> Self:
        """Add `last_requested_at`: None for a clip that was only recorded or made ahead, and never requested.

        `last_accessed_at` is the age by which a prune goes, and begins with the record itself.
        """
        is_prepared = Q(made_ahead=True) | Q(stored_at__isnull=True)
        last_requested_at = Case(When(is_prepared & ~_IS_REQUESTED, then=None), default=F("last_accessed_at"))
        return self.annotate(last_requested_at=last_requested_at)

    def unexamined(self) -> Self:
        """Clips of the earlier system whose bytes have not been checked yet."""
        return self.with_audio().filter(adopted_at__isnull=False, checksum="", file__isnull=False)

    def voice_models(self) -> list[str]:
        """The voice models of all clips. They are few: one index lookup each is quicker than DISTINCT."""
        found: list[str] = []
        while model := self.filter(model__gt=found[-1] if found else "").aggregate(first=Min("model"))[
            "first"
        ]:
            found.append(model)
        return found

    def protect(self, content_hashes: Iterable[str]) -> None:
        """Touch these clips before pins or items refer to them, in the same transaction.

        It waits for a prune that is removing one of them; a later prune finds it requested lately. Record
        removed clips again afterwards.
        """
        held_for_good = Pin.objects.filter(content_hash=OuterRef("content_hash"), until__isnull=True)
        self.filter(~Exists(held_for_good)).touch_all(content_hashes)

    def record(self, request: SpeechRequest, content_type: str) -> Clip:
        """Return the record of a text that may be spoken; create it if it is new."""
        self.record_all([request], content_type)
        return self.get(content_hash=request.content_hash)

    def record_all(
        self, requests: Iterable[SpeechRequest], content_type: str, *, are_shareable: bool = False
    ) -> None:
        """Create the records of many texts; existing ones stay as they are.

        `are_shareable` declares all of them fit for others, except a person's own words.
        """
        clips = [Clip.of(request, content_type) for request in requests]
        clips.sort(key=attrgetter("content_hash"))  # sorted against deadlocks with another process
        self.bulk_create(clips, ignore_conflicts=True, unique_fields=["content_hash"])
        if are_shareable:
            for some in in_batches(sorted(clip.content_hash for clip in clips)):
                unshared = self.filter(content_hash__in=some, is_shareable=False)
                unshared.exclude(content_type=ContentType.RESPONSE).update(is_shareable=True)

    def touch_or_record(self, request: SpeechRequest, content_type: str) -> None:
        """Create the record, or set its last request to now. One statement, which waits for a prune."""
        self.bulk_create(
            [Clip.of(request, content_type)],
            update_conflicts=True,
            unique_fields=["content_hash"],
            update_fields=["last_accessed_at"],
        )

    @transaction.atomic
    def touch_all(self, content_hashes: Iterable[str]) -> None:
        """Set the last request to now, unless it is already known to the hour."""
        for some in in_batches(sorted(content_hashes)):
            unnoted = self.filter(content_hash__in=some, last_accessed_at__lt=Now() - ACCESS_PRECISION)
            # Lock in one order, so that two processes that touch the same clips cannot deadlock.
            locked = unnoted.order_by("content_hash").select_for_update()
            self.filter(pk__in=locked.values("pk")).update(last_accessed_at=Now())


class Clip(models.Model):
    """The record of a text that may be spoken in one rendition, with or without audio.

    The first ten columns keep the names of the earlier system. `audio_file_path` is the object's name, if the
    clip is in object storage. `audio_file_size` is the size in bytes of the clip as it is played,
    `stored_size` that of the bytes at rest in their `encoding`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    content_hash = models.CharField(max_length=32, unique=True)
    content_text = models.TextField("text")
    voice = models.CharField(max_length=50, db_index=True)
    audio_file_path = models.TextField(null=True, blank=True, editable=False)
    audio_file_size = models.IntegerField("bytes", null=True, blank=True, editable=False)
    content_type = models.CharField(
        max_length=50,
        choices=ContentType,
        default=ContentType.NARRATIVE,
        db_default="narrative",
        db_index=True,
    )
    is_active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_accessed_at = models.DateTimeField("last requested", db_default=Now(), editable=False)

    model = models.CharField(max_length=100, default=LEGACY_MODEL, db_default=LEGACY_MODEL)
    audio_format = models.CharField(max_length=10, default="mp3", db_default="mp3")
    speed = models.FloatField(default=1.0, db_default=1.0)
    instructions = models.TextField(default="", db_default="", blank=True)

    stored_at = models.DateTimeField("made", null=True, blank=True, editable=False, db_index=True)
    checksum = models.CharField(max_length=64, default="", db_default="", editable=False)
    duration_ms = models.IntegerField(null=True, blank=True, editable=False)
    loudness_dbfs = models.FloatField(null=True, blank=True, editable=False)
    waveform = models.BinaryField(null=True, blank=True)
    stored_in = models.CharField(
        max_length=10,
        choices=PermanentStore,
        default=PermanentStore.DATABASE,
        db_default="database",
        editable=False,
    )
    encoding = models.CharField(max_length=10, default="", db_default="", editable=False)
    stored_size = models.IntegerField("bytes at rest", null=True, blank=True, editable=False)
    is_shareable = models.BooleanField(default=False, db_default=False)
    adopted_at = models.DateTimeField(null=True, blank=True, editable=False)
    made_ahead = models.BooleanField(default=False, db_default=False, editable=False)
    is_hidden = models.BooleanField(default=False, db_default=False, editable=False)  # from the most heard
    # Of bytes that staff accepted although a check refused them; later checks leave these bytes alone.
    accepted_checksum = models.CharField(max_length=64, default="", db_default="", editable=False)

    objects: ClassVar[models.Manager[Clip]] = ClipQuerySet.as_manager()

    class Meta:
        db_table = "tts_cache"
        ordering: ClassVar = ["-created_at"]
        permissions: ClassVar = [
            ("make_clip", "Can have clips made, which costs money"),
            ("prune_clip", "Can remove clips that nobody asks for"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["last_accessed_at"], name="clip_last_accessed"),
            models.Index(  # answers the storage figures without reading a row
                fields=["content_type", "stored_in", "encoding", "stored_size", "audio_file_size"],
                condition=has_audio(),
                name="clip_held",
            ),
            # Enough to count clips and their bytes without reading a clip.
            models.Index(
                fields=["content_type", "voice", "is_active", "stored_at", "stored_size", "audio_file_size"],
                name="clip_holdings",
            ),
            models.Index(fields=["content_hash"], condition=Q(is_hidden=True), name="clip_hidden"),
            models.Index(fields=["model"], name="clip_model"),
        ]

    def __str__(self) -> str:
        return f"{self.voice}: {self.content_text[:60]}"

    @classmethod
    def of(cls, request: SpeechRequest, content_type: str) -> Clip:
        return cls(
            content_hash=request.content_hash,
            content_text=request.text,
            voice=request.voice,
            content_type=content_type,
            model=request.model,
            audio_format=request.audio_format,
            speed=request.speed,
            instructions=request.instructions,
            created_at=timezone.now(),
            last_accessed_at=timezone.now(),
        )

    @property
    def request(self) -> SpeechRequest:
        return SpeechRequest(
            text=self.content_text,
            voice=self.voice,
            model=self.model,
            audio_format=self.audio_format,
            speed=self.speed,
            instructions=self.instructions,
        )

    @property
    def bytes_at_rest(self) -> int:
        """The bytes that it takes in its permanent tier, as `size_at_rest` has them; 0 if unknown."""
        size = self.audio_file_size if self.stored_size is None else self.stored_size
        return size or 0

    @property
    def is_ready(self) -> bool:
        """Whether the clip plays without a provider call."""
        return self.stored_at is not None and self.is_active

    @property
    def is_private(self) -> bool:
        """Whether the text comes from one person's words, so that staff must not see it."""
        if self.content_type == ContentType.ANALYSIS:
            return not self.is_shareable
        return self.content_type == ContentType.RESPONSE


class ClipFile(models.Model):
    """The bytes of a clip that is stored in the database."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cache = models.OneToOneField(Clip, on_delete=models.CASCADE, related_name="file")
    file_data = models.BinaryField()
    file_size = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "tts_cache_files"

    def __str__(self) -> str:
        return f"{self.file_size} bytes of {self.cache_id}"
