"""Clip (tts_cache), ClipFile (tts_cache_files), Leftover, Pin, Claim, Usage and kin, WarmRun, ApiToken …"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import ClassVar, Self, TypeVar

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThan
from django.utils import timezone

from ttscache.speech import LEGACY_MODEL, SpeechRequest


class Lane(models.IntegerChoices):
    """Whose turn it is when clips are made ahead. A listener's own request waits in no lane at all."""

    PREFETCH = 1, "Before others: a listener is about to ask"
    SCHEDULED = 2, "In turn"


class ContentType(models.TextChoices):
    """What kind of text a clip says; figures are given by these four."""

    NARRATIVE = "narrative", "Narrative"  # intro, outro, greeting, system clips
    QUESTION = "question", "Question"
    ANALYSIS = "analysis", "Reflection"
    RESPONSE = "response", "A person's own words"  # spoken, never kept


class Keeper(models.TextChoices):
    """Which permanent tier has a clip's bytes."""

    DATABASE = "database", "Database"
    STORAGE = "storage", "Object storage"


_KINDS = frozenset(ContentType.values)


def kind_of(content_type: str) -> str:
    """One of the four, also for the kinds that the earlier system knew besides (greeting, outro)."""
    return content_type if content_type in _KINDS else ContentType.NARRATIVE


ACCESS_PRECISION = timedelta(hours=1)  # how exactly "last asked for" is known
MOST_PARAMETERS = 900  # of one statement; SQLite may be built for no more than 999 parameters
OUT_OF_USE_DAYS = 7  # after which a clip goes that was taken out of use


T = TypeVar("T")


def in_batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one statement takes."""
    return (values[start : start + MOST_PARAMETERS] for start in range(0, len(values), MOST_PARAMETERS))


def has_audio(path: str = "") -> Q:
    """The clips that play without a provider call. `path` leads to them from another table, e.g. `clip__`."""
    return Q(**{f"{path}kept_at__isnull": False, f"{path}is_active": True})


def _is_held() -> Exists:
    """By a pin: it is the audio of a draft, a live or lately live text, a system clip, or of the bank."""
    return Exists(Pin.objects.in_force().filter(content_hash=OuterRef("content_hash")))


def _asked_for_before(days: int) -> Q:
    """For the last time, so many days ago."""
    return Q(last_accessed_at__lt=Now() - timedelta(days=days))


def _is_out_of_use() -> Q:
    """For a week. No index leads there: that of the column would lead past every clip of the last months."""
    asked_for = Coalesce("last_accessed_at", Now())  # no column, so no index
    return Q(LessThan(asked_for, Now() - timedelta(days=OUT_OF_USE_DAYS)), is_active=False)


def _is_held_for_good() -> Exists:
    return Exists(Pin.objects.filter(content_hash=OuterRef("content_hash"), until__isnull=True))


def _is_claimed() -> Exists:
    """Somebody makes it this moment; a claim with an error says only that it could not be made."""
    return Exists(Claim.objects.filter(name=OuterRef("content_hash"), until__gt=Now(), error=""))


def _is_about_to_be_made() -> Exists:
    items = WarmItem.objects.filter(clip=OuterRef("pk"), state__in=WarmItem.OPEN)
    return Exists(items.filter(run__state__in=WarmRun.ACTIVE))


class ClipQuerySet(models.QuerySet["Clip"]):
    def with_audio(self) -> Self:
        """Those that play without a provider call."""
        return self.filter(has_audio())

    def kept_by(self, keeper: Keeper) -> Self:
        """Those whose bytes are there, in use or not."""
        return self.filter(kept_in=keeper, kept_at__isnull=False)

    def never_played(self) -> Self:
        """Those that were made ahead, and nobody has asked for to this day."""
        is_asked_for = Exists(ClipDay.objects.filter(content_hash=OuterRef("content_hash")))
        return self.with_audio().filter(~is_asked_for, made_ahead=True)

    def unexamined(self) -> Self:
        """Clips of the earlier system whose bytes nobody has looked at yet."""
        return self.with_audio().filter(adopted_at__isnull=False, checksum="", file__isnull=False)

    def stale(self, days: int) -> Self:
        """Those that nobody asked for in so many days, nothing holds and nobody makes.

        Clips out of use go sooner. Adoption sets an adopted clip's clock to its own time, whatever the
        earlier system noted before.
        """
        return self.filter(_asked_for_before(days) | _is_out_of_use())._loose()

    def stale_lists(self, days: int) -> tuple[Self, Self]:
        """The same, quick to read: the old ones by an index, oldest first; the others in one pass."""
        is_old = _asked_for_before(days)
        old, others = self.filter(is_old), self.filter(_is_out_of_use()).exclude(is_old)
        return old._loose().order_by("last_accessed_at"), others._loose().order_by()

    def held_though_stale(self, days: int) -> Self:
        return self.filter(_asked_for_before(days), _is_held())

    def _loose(self) -> Self:
        return self.filter(~_is_held(), ~_is_claimed(), ~_is_about_to_be_made())

    def keep_from_prune(self, content_hashes: Iterable[str]) -> None:
        """Before pins or items are made for them, in one transaction: whoever removes one of them now is
        waited for, and whoever comes later finds it asked for lately. What is gone has to be recorded anew.
        """
        self.filter(~_is_held_for_good()).were_asked_for(content_hashes)

    def record(self, request: SpeechRequest, content_type: str) -> Clip:
        """The record of a text that may be spoken, made when it is new."""
        self.record_all([request], content_type)
        return self.get(content_hash=request.content_hash)

    def record_all(
        self, requests: Iterable[SpeechRequest], content_type: str, *, are_shareable: bool = False
    ) -> None:
        """The same for many texts at once; those on record already stay as they are.

        `are_shareable` declares all of them fit for others, but for what is a person's own words.
        """
        clips = [Clip.of(request, content_type) for request in requests]
        clips.sort(key=attrgetter("content_hash"))  # two who record the same do not wait for each other
        self.bulk_create(clips, ignore_conflicts=True, unique_fields=["content_hash"])
        if are_shareable:
            for some in in_batches(sorted(clip.content_hash for clip in clips)):
                unshared = self.filter(content_hash__in=some, is_shareable=False)
                unshared.exclude(content_type=ContentType.RESPONSE).update(is_shareable=True)

    def touch_or_record(self, request: SpeechRequest, content_type: str) -> None:
        """Put it on record, or note that it was asked for now; one statement, which waits for a prune."""
        self.bulk_create(
            [Clip.of(request, content_type)],
            update_conflicts=True,
            unique_fields=["content_hash"],
            update_fields=["last_accessed_at"],
        )

    @transaction.atomic
    def were_asked_for(self, content_hashes: Iterable[str]) -> None:
        """Note that it was now, unless that is known to the hour already."""
        for some in in_batches(sorted(content_hashes)):
            unnoted = self.filter(
                content_hash__in=some,
                last_accessed_at__lt=Now() - ACCESS_PRECISION,
            )
            # Locked in one order: two processes that note the same clips do not wait for each other.
            locked = unnoted.order_by("content_hash").select_for_update()
            self.filter(pk__in=locked.values("pk")).update(last_accessed_at=Now())

    def is_asked_for_now(self, content_hash: str) -> bool:
        """Note it at once, so that no prune takes it from under a listener; False if it is not on record."""
        found = self.filter(content_hash=content_hash)
        is_noted = found.annotate(is_noted=Q(last_accessed_at__gte=Now() - ACCESS_PRECISION))
        noted = is_noted.values_list("is_noted", flat=True).first()
        if noted is False:
            self.were_asked_for([content_hash])
            return found.exists()  # unless it was being removed
        return bool(noted)


class Clip(models.Model):
    """The record of a text that may be spoken in one rendition; its audio may be there or not.

    The first ten columns are the earlier system's and keep their names. `audio_file_path` is the name of the
    object where the clip is kept in object storage; `audio_file_size` is the size of the clip as it is heard,
    `stored_size` that of its bytes at rest in their `encoding`.
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
    last_accessed_at = models.DateTimeField("last asked for", db_default=Now(), editable=False)

    model = models.CharField(max_length=100, default=LEGACY_MODEL, db_default=LEGACY_MODEL)
    audio_format = models.CharField(max_length=10, default="mp3", db_default="mp3")
    speed = models.FloatField(default=1.0, db_default=1.0)
    instructions = models.TextField(default="", db_default="", blank=True)

    kept_at = models.DateTimeField("made", null=True, blank=True, editable=False, db_index=True)
    checksum = models.CharField(max_length=64, default="", db_default="", editable=False)
    duration_ms = models.IntegerField(null=True, blank=True, editable=False)
    loudness_dbfs = models.FloatField(null=True, blank=True, editable=False)
    waveform = models.BinaryField(null=True, blank=True)
    kept_in = models.CharField(
        max_length=10, choices=Keeper, default=Keeper.DATABASE, db_default="database", editable=False
    )
    encoding = models.CharField(max_length=10, default="", db_default="", editable=False)
    stored_size = models.IntegerField("bytes at rest", null=True, blank=True, editable=False)
    is_shareable = models.BooleanField(default=False, db_default=False)
    adopted_at = models.DateTimeField(null=True, blank=True, editable=False)
    made_ahead = models.BooleanField(default=False, db_default=False, editable=False)
    is_hidden = models.BooleanField(default=False, db_default=False, editable=False)  # from the most heard

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
            models.Index(  # all that is asked about what is held, without reading a row
                fields=["content_type", "kept_in", "encoding", "stored_size", "audio_file_size"],
                condition=has_audio(),
                name="clip_held",
            ),
            # Enough to count clips and their bytes without reading a clip.
            models.Index(
                fields=["content_type", "voice", "is_active", "kept_at", "stored_size", "audio_file_size"],
                name="clip_holdings",
            ),
            models.Index(fields=["content_hash"], condition=Q(is_hidden=True), name="clip_hidden"),
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
    def is_ready(self) -> bool:
        """Whether it plays without a provider call."""
        return self.kept_at is not None and self.is_active


class ClipFile(models.Model):
    """A clip's bytes, where the permanent tier is the database."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cache = models.OneToOneField(Clip, on_delete=models.CASCADE, related_name="file")
    file_data = models.BinaryField()
    file_size = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "tts_cache_files"

    def __str__(self) -> str:
        return f"{self.file_size} bytes of {self.cache_id}"


class Leftover(models.Model):
    """An object that no record names, or not yet; removed from `remove_after` on, unless one does by then.

    Written before the object is, so that whoever is killed in between leaves nothing that is not known.
    """

    name = models.TextField(primary_key=True)
    remove_after = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


class Identity(models.Model):
    """Which database this is, for a bucket that holds its clips. One row, written once."""

    name = models.UUIDField(default=uuid.uuid4, editable=False)

    class Meta:
        verbose_name_plural = "identity"

    def __str__(self) -> str:
        return str(self.name)

    @classmethod
    def of_this_database(cls) -> str:
        return str(cls.objects.get_or_create(pk=1)[0])


class Removal(models.Model):
    """A clip that was removed or has other bytes now, for every process and host that may hold a copy of it.
    Kept for some days.
    """

    content_hash = models.CharField(max_length=32)
    removed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    def __str__(self) -> str:
        return self.content_hash


class Replaced(models.Model):
    """The bytes at rest of a clip that was made again: how many there were, since when, and until when.

    So what grows is told from what only changes. Kept for some weeks.
    """

    stored_bytes = models.BigIntegerField()
    kept_at = models.DateTimeField(editable=False)
    replaced_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    class Meta:
        verbose_name_plural = "replaced"

    def __str__(self) -> str:
        return f"{self.stored_bytes} bytes, {self.replaced_at:%d %b %Y}"


class PruneRun(models.Model):
    """One prune: what it found, and how much of it is gone. `requested_by` is a person or a program.

    A planned run removes nothing: it is a list that staff look at, and `started_at` is when it was made.
    The figures that begin with `listed` are those of the list, the others those of what is gone.
    """

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Cut off"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    days = models.IntegerField()
    requested_by = models.CharField(max_length=150, default="", blank=True)
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    listed = models.IntegerField(default=0)
    listed_bytes = models.BigIntegerField(default=0)
    listed_cost_microusd = models.BigIntegerField(default=0)
    removed = models.IntegerField(default=0)
    freed_bytes = models.BigIntegerField(default=0)
    remake_cost_microusd = models.BigIntegerField(default=0)
    kept_back = models.IntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.started_at:%d %b %Y %H:%M}, {self.listed} clips listed"


class PruneBatch(models.Model):
    """Clips on the list of a prune that it has not looked at yet. None are left when it is at its end."""

    run = models.ForeignKey(PruneRun, models.CASCADE, related_name="batches")
    content_hashes = models.JSONField()

    class Meta:
        verbose_name_plural = "prune batches"

    def __str__(self) -> str:
        return f"{len(self.content_hashes)} clips"


class PinQuerySet(models.QuerySet["Pin"]):
    def in_force(self) -> Self:
        return self.filter(Q(until__isnull=True) | Q(until__gt=Now()))

    def published(self) -> Self:
        """What listeners hear now: anyone may keep it for as long as its address holds."""
        return self.in_force().filter(reason__in=[Pin.Reason.LIVE, Pin.Reason.SYSTEM])

    def audible(self) -> Self:
        """What anyone may hear without a token. To be frequent is no reason: that is for each text to say."""
        return self.in_force().exclude(reason__in=[Pin.Reason.DRAFT, Pin.Reason.FREQUENT])


class Pin(models.Model):
    """Why a clip is held: who may hear it and whether it may go, without knowing what it is part of."""

    class Reason(models.TextChoices):
        LIVE = "live", "Live"
        SYSTEM = "system", "System clip"
        RECENT = "recent", "Live until lately"
        BANK = "bank", "Reflection bank"
        DRAFT = "draft", "Draft"
        FREQUENT = "frequent", "Frequent reflection"

    content_hash = models.CharField(max_length=32)
    reason = models.CharField(max_length=10, choices=Reason)
    until = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Pin]] = PinQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_hash", "reason"], name="one_pin_a_clip_and_reason")
        ]

    def __str__(self) -> str:
        return f"{self.content_hash}: {self.reason}"


class Claim(models.Model):
    """The right to do one thing, over all processes and hosts, until a moment on the database's clock."""

    name = models.CharField(max_length=80, primary_key=True)
    owner = models.CharField(max_length=120)
    until = models.DateTimeField()
    error = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner"], name="claim_owner")]

    def __str__(self) -> str:
        return self.name


class Usage(models.Model):
    """Clips asked for in one hour, by kind, voice, outcome and latency bucket. No person, no text."""

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    outcome = models.CharField(max_length=10)
    latency_bucket = models.SmallIntegerField()
    requests = models.BigIntegerField(default=0)
    characters = models.BigIntegerField(default=0)
    audio_bytes = models.BigIntegerField(default=0)
    worth_microusd = models.BigIntegerField(default=0)
    warmed_hits = models.BigIntegerField(default=0, db_default=0)  # of `requests`: on clips made ahead

    class Meta:
        verbose_name_plural = "usage"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "outcome", "latency_bucket"], name="one_usage_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.content_type} {self.voice} {self.outcome}: {self.requests}"


class Spending(models.Model):
    """Provider calls of one hour, background work included, at the price of the time."""

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    model = models.CharField(max_length=100)
    outcome = models.CharField(max_length=40)  # "ok", or the code of the error
    calls = models.BigIntegerField(default=0)
    characters = models.BigIntegerField(default=0)
    cost_microusd = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "spending"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "model", "outcome"], name="one_spending_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.model} {self.outcome}: {self.calls}"


class SoundStart(models.Model):
    """Clips that began to sound in browsers, by how long people waited for them. No person, no text, and no
    proof: anybody may report one."""

    hour = models.DateTimeField()
    content_type = models.CharField(max_length=50)
    voice = models.CharField(max_length=50)
    latency_bucket = models.SmallIntegerField()
    starts = models.BigIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = "time to sound", "times to sound"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "content_type", "voice", "latency_bucket"], name="one_sound_start_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.content_type} {self.voice}: {self.starts}"


class BudgetDay(models.Model):
    """What provider calls of one day (UTC) have cost, and what is set aside for those under way."""

    day = models.DateField(unique=True)
    committed_microusd = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.day}: {self.committed_microusd / 1e6:.4f} USD"


class ClipDay(models.Model):
    """How often one clip was asked for on one day (UTC)."""

    content_hash = models.CharField(max_length=32)
    day = models.DateField()
    requests = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["content_hash", "day"], name="one_row_a_clip_and_day")
        ]
        indexes: ClassVar = [models.Index(fields=["day"], name="clip_day_day")]

    def __str__(self) -> str:
        return f"{self.content_hash} {self.day}: {self.requests}"


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def sign(self, ledger: str, page: int) -> bool:
        """Whether this page is to be written now, in the same transaction; False if it was already.

        Where the first attempt is still about to be committed, this waits for its end.
        """
        if self.filter(ledger=ledger, page__lt=page).update(page=page, signed_at=Now()):
            return True
        return self.get_or_create(ledger=ledger, defaults={"page": page, "signed_at": Now()})[1]


class Receipt(models.Model):
    """The last page of counts that one process wrote, so that none is written twice."""

    ledger = models.CharField(max_length=32, primary_key=True)
    page = models.BigIntegerField()
    signed_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Receipt]] = ReceiptQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.ledger}: page {self.page}"


class ProcessReport(models.Model):
    """What one process last said about itself; its host's figures are sums of these."""

    host = models.CharField(max_length=100)
    process = models.CharField(max_length=40)
    clips_in_memory = models.IntegerField(default=0)
    reported_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host", "process"], name="one_report_a_process")
        ]

    def __str__(self) -> str:
        return f"{self.process} on {self.host}"


class LastCallQuerySet(models.QuerySet["LastCall"]):
    def note(self, outcome: str, at: datetime) -> None:
        """Unless a later one is known: pages of counts may be written late."""
        if not self.filter(outcome=outcome, at__lt=at).update(at=at):
            self.get_or_create(outcome=outcome, defaults={"at": at})


class LastCall(models.Model):
    """When a provider call last ended in this way: as in Spending, "ok" or what was the matter."""

    outcome = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[LastCall]] = LastCallQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.outcome}: {self.at:%Y-%m-%d %H:%M:%S}"


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        """What staff have to know: it goes on, and has gone on for long enough."""
        return self.filter(over_at__isnull=True, due_at__lte=Now())


class Alert(models.Model):
    """Trouble, from when it was first seen until it was over. One row is open for a kind and its subject."""

    class Kind(models.TextChoices):
        KEY_REFUSED = "key_refused", "The voice service refuses our key"
        QUOTA_USED_UP = "quota_used_up", "Our quota with the voice service is used up"
        BUDGET = "budget", "Today's budget is nearly spent"
        COVERAGE = "coverage", "Published clips are missing"
        HIT_RATE = "hit_rate", "Listeners wait too often"
        STORAGE = "storage", "Space runs out"

    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=100, default="", blank=True)  # a kind of clip, or a host
    says = models.CharField(max_length=300)
    since = models.DateTimeField()
    due_at = models.DateTimeField()  # before that it may still pass without anyone being told
    mailed_at = models.DateTimeField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)
    over_mailed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Alert]] = AlertQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-since"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(over_at__isnull=True), name="one_open_alert"
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class WarmRunQuerySet(models.QuerySet["WarmRun"]):
    def active(self) -> Self:
        return self.filter(state__in=WarmRun.ACTIVE)


class WarmRun(models.Model):
    """Many clips made ahead. One active run for each scope: who asks again joins it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Pause(models.TextChoices):
        BUDGET = "budget", "Today's budget is spent; this goes on by itself once there is room again."
        STAFF = "staff", "Paused by staff; it waits until somebody lets it go on."

    ACTIVE = (State.QUEUED, State.RUNNING, State.PAUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Keys and not names: a journey that is renamed keeps its run, and what is paid for in it.
    scope = models.CharField(max_length=120, help_text="The key of what is made, e.g. journey:1:nova.")
    name = models.CharField(max_length=120, default="", blank=True, help_text="What is made, in words.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    at_work_since = models.DateTimeField(null=True, blank=True)  # later than its start where it was held up
    finished_at = models.DateTimeField(null=True, blank=True)
    paused_because = models.CharField(max_length=200, choices=Pause, default="", blank=True)
    requested_by = models.CharField(max_length=150, default="", blank=True)  # a person, or what asked instead

    objects: ClassVar[models.Manager[WarmRun]] = WarmRunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(state__in=["queued", "running", "paused"]),
                name="one_active_run_a_scope",
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.get_state_display().lower()})"

    @property
    def label(self) -> str:
        """What is made, as staff read it."""
        return self.name or self.scope


class WarmItem(models.Model):
    """One clip of a run: made, found to be there, or failed with a reason."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        MAKING = "making", "Being made"
        DONE = "done", "Made"
        SKIPPED = "skipped", "Was there"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.QUEUED, State.MAKING)

    run = models.ForeignKey(WarmRun, on_delete=models.CASCADE, related_name="items")
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="+")
    lane = models.SmallIntegerField(choices=Lane, default=Lane.SCHEDULED, db_default=Lane.SCHEDULED)
    position = models.IntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=200, default="", blank=True)
    attempts = models.SmallIntegerField(default=0)
    owner = models.CharField(max_length=120, default="", blank=True)  # of the claim under which it is made
    characters = models.IntegerField()
    cost_microusd = models.BigIntegerField(default=0)
    newer_than = models.DateTimeField(null=True, blank=True)  # a clip made before that is made again
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["run", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "clip"], name="one_item_a_run_and_clip")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "lane", "run"], name="warm_item_turn")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.position}: {self.state}"


class ApiToken(models.Model):
    """A caller's right to free text and figures. Only a digest is kept, so the table opens no door."""

    name = models.CharField(max_length=100, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    is_admin = models.BooleanField("may prune", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, name: str, *, is_admin: bool = False) -> str:
        """Make a token and return it; it cannot be shown again."""
        token = secrets.token_urlsafe(32)
        cls.objects.create(name=name, digest=cls.digest_of(token), is_admin=is_admin)
        return token

    @staticmethod
    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()
