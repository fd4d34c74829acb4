"""What there is: published clips, bytes at rest and how they grow; and what was paid for and never heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Length, Now
from django.utils import timezone
from redis.exceptions import RedisError

from ttscache.accounting.prices import list_price_usd
from ttscache.adaptive_cache import CachedResult, keep_result, kept_result
from ttscache.conf import conf
from ttscache.maintenance.pruning import Stale
from ttscache.models import Clip, ClipQuerySet, DailyRequests, Pin, PruneRun, Replaced, has_audio, kind_of
from ttscache.monitoring import inventory
from ttscache.monitoring.alerts import STORAGE_SHARE
from ttscache.renditions import retirement
from ttscache.renditions.irreplaceable import irreplaceable_clips
from ttscache.reports.cached import remembered
from ttscache.reports.requests import tone_of
from ttscache.reports.scope import DAY, Scope

COVERAGE_TARGET = 100.0  # percent
GROWTH_DAYS = 14
NEVER_HEARD_DAYS = 30


@dataclass(frozen=True, slots=True)
class PublishedCoverage(inventory.Coverage):
    """The same, and how it stands to its target."""

    @property
    def missing(self) -> int:
        return self.total - self.ready

    @property
    def percent(self) -> float | None:
        return 100 * self.ready / self.total if self.total else None

    @property
    def tone(self) -> str:
        return "none" if self.percent is None else tone_of(self.percent, COVERAGE_TARGET)


def published_coverage(scope: Scope) -> PublishedCoverage:
    """Clips held as live or system clips that play without a provider call, of all that are so held."""
    found = inventory.coverage(scope.voice)
    return PublishedCoverage(found.ready, found.total)


def published_clip_rows() -> ClipQuerySet:
    return Clip.objects.filter(content_hash__in=Pin.objects.published().values("content_hash"))


def missing_clips(voice: str = "") -> QuerySet[Clip]:
    """Those of them that are not there: what coverage lacks."""
    return published_clip_rows().in_voice(voice).filter(~has_audio())


@dataclass(frozen=True, slots=True)
class Holding:
    """The clips of one kind in one voice. `at_rest` counts those with audio, `stored_bytes` theirs."""

    kind: str
    voice: str
    on_record: int
    at_rest: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes at rest, by kind, and how fast they grow."""

    clips: Mapping[str, int]
    bytes_by_kind: Mapping[str, int]
    reflections_on_record: int
    voices: list[str]  # of all clips on record
    bytes_a_day: float
    limit_bytes: int | None
    used_bytes: int  # of all voices, as the limit is
    as_of: datetime

    @property
    def total_bytes(self) -> int:
        return sum(self.bytes_by_kind.values())

    @property
    def total_clips(self) -> int:
        return sum(self.clips.values())

    @property
    def days_left(self) -> float | None:
        """(limit - used) / mean daily net growth of 14 days; None without a limit or without growth."""
        if self.limit_bytes is None or self.bytes_a_day <= 0:
            return None
        return max(0.0, (self.limit_bytes - self.used_bytes) / self.bytes_a_day)

    @property
    def is_nearly_full(self) -> bool:
        """From the mark on at which the alert begins."""
        return self.limit_bytes is not None and self.used_bytes >= STORAGE_SHARE * self.limit_bytes


def storage(scope: Scope) -> Storage:
    """The sum of bytes at rest of all clips with audio. Growth is of all voices, as is the limit."""
    known = remembered("holdings", _holdings, read=lambda rows: [Holding(*row) for row in rows])
    clips: dict[str, int] = {}
    sizes: dict[str, int] = {}
    reflections = 0
    for holding in known.found:
        if scope.voice and holding.voice != scope.voice:
            continue
        kind = kind_of(holding.kind)
        clips[kind] = clips.get(kind, 0) + holding.at_rest
        sizes[kind] = sizes.get(kind, 0) + holding.stored_bytes
        reflections += holding.on_record if kind == "analysis" else 0
    growth = remembered("growth", _bytes_a_day, read=float).found
    used = sum(holding.stored_bytes for holding in known.found)
    voices = sorted({holding.voice for holding in known.found})
    limit = conf().storage_limit_bytes or None
    return Storage(clips, sizes, reflections, voices, growth, limit, used, known.as_of)


def _holdings() -> list[tuple[str, str, int, int, int]]:
    rows = (
        Clip.objects.order_by()
        .values_list("content_type", "voice")
        .annotate(
            on_record=Count("*"),  # not the key, which is not in the index that has all the rest
            at_rest=Count("stored_at", filter=Q(is_active=True)),
            stored=Sum(Coalesce("stored_size", "audio_file_size"), filter=has_audio()),
        )
    )
    return [
        (kind, voice, on_record, at_rest, stored or 0) for kind, voice, on_record, at_rest, stored in rows
    ]


def _bytes_a_day() -> float:
    """(bytes of clips made in 14 days - of older ones that they replaced - freed by prunes in them) / 14."""
    since = timezone.now() - timedelta(days=GROWTH_DAYS)
    made = Clip.objects.filter(stored_at__gte=since).aggregate(
        total=Sum(Coalesce("stored_size", "audio_file_size"))
    )["total"]
    freed = PruneRun.objects.filter(started_at__gte=since).aggregate(total=Sum("freed_bytes"))["total"]
    # Of a clip that was made twice in them, the first was never counted, so it is not taken off either.
    replaced = Replaced.objects.filter(replaced_at__gte=since, stored_at__lt=since).aggregate(
        total=Sum("stored_bytes")
    )["total"]
    return ((made or 0) - (replaced or 0) - (freed or 0)) / GROWTH_DAYS


@dataclass(frozen=True, slots=True)
class Irreplaceable:
    """Clips with bytes that cannot be made again: now, or from that day on. Nothing throws them away."""

    from_day: date | None
    clips: int
    stored_bytes: int


def irreplaceable() -> list[Irreplaceable]:
    """What cannot be made any more, then what soon cannot, in all voices. Raises Error."""
    sums: defaultdict[date | None, list[int]] = defaultdict(lambda: [0, 0])
    rows: list[tuple[str, int, int]] = remembered("irreplaceable", _irreplaceable_by_model).found
    for model, clips, stored_bytes in rows:
        from_day = None if retirement.is_retired(model) else retirement.shutdown_date(model)
        sums[from_day] = [sums[from_day][0] + clips, sums[from_day][1] + stored_bytes]
    in_order = sorted(sums.items(), key=lambda item: item[0] or date.min)
    return [Irreplaceable(from_day, *figures) for from_day, figures in in_order]


def _irreplaceable_by_model() -> list[tuple[str, int, int]]:
    size = Sum(Coalesce("stored_size", "audio_file_size"))
    rows = irreplaceable_clips().order_by("model").values_list("model")
    found = rows.annotate(clips=Count("pk"), stored_bytes=size)
    return [(model, clips, stored_bytes or 0) for model, clips, stored_bytes in found]


@dataclass(frozen=True, slots=True)
class NotAskedFor:
    """What a prune would remove: clips, their bytes at rest, and the price to make them again."""

    clips: int
    stored_bytes: int
    usd: float


def note_not_asked_for(days: int, found: Stale) -> None:
    """What the look after a prune found."""
    total = NotAskedFor(len(found.content_hashes), found.freed_bytes, found.remake_cost_usd)
    keep_result(_not_asked_for(days), asdict(total))


def not_asked_for() -> CachedResult[NotAskedFor] | None:
    """As it was noted last, in all voices; a million clips are not gone through for a page. Raises Error."""
    with suppress(RedisError):
        return kept_result(_not_asked_for(conf().stale_days), lambda plain: NotAskedFor(**plain))
    return None


def _not_asked_for(days: int) -> str:
    return f"figures:not-asked-for:{days}"


@dataclass(frozen=True, slots=True)
class NeverHeard:
    clips: int
    usd: float


def never_heard(scope: Scope) -> CachedResult[NeverHeard]:
    """Clips with audio, made (or taken over) more than 30 days ago, that nobody has asked for since, and what
    making them costs at today's prices."""
    voice = scope.voice
    return remembered(
        f"never-heard:{voice}",
        lambda: asdict(_never_heard(voice)),
        read=lambda plain: NeverHeard(**plain),
    )


def _never_heard(voice: str) -> NeverHeard:
    by_model = never_heard_clips().in_voice(voice).order_by().values_list("model")
    found = list(by_model.annotate(clips=Count("pk"), characters=Sum(Length("content_text"))))
    return NeverHeard(
        sum(clips for _, clips, _ in found),
        sum(list_price_usd(model, characters) for model, _, characters in found),
    )


def never_heard_clips() -> ClipQuerySet:
    long_ago = Now() - NEVER_HEARD_DAYS * DAY
    return Clip.objects.with_audio().filter(
        Q(adopted_at__isnull=True) | Q(adopted_at__lt=long_ago),
        ~Exists(DailyRequests.objects.filter(content_hash=OuterRef("content_hash"))),
        stored_at__lt=long_ago,
    )
