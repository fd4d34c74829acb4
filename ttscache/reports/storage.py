"""Stored clips: coverage, bytes at rest, growth, and clips that were paid for and never heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Length, Now
from django.utils import timezone

from ttscache.accounting.prices import list_price_usd
from ttscache.adaptive_cache import CachedResult, cache_errors, keep_result, kept_result
from ttscache.conf import conf
from ttscache.maintenance.pruning import Stale
from ttscache.models import (
    Clip,
    ClipQuerySet,
    Pin,
    PruneRun,
    Replaced,
    has_audio,
    kind_of,
    size_at_rest,
)
from ttscache.monitoring import inventory
from ttscache.monitoring.alerts import STORAGE_SHARE
from ttscache.renditions import retirement
from ttscache.renditions.irreplaceable import irreplaceable_clips
from ttscache.renditions.retirement import ModelOutlook
from ttscache.reports.cached import remembered
from ttscache.reports.hit_rates import tone_of
from ttscache.reports.scope import DAY, Scope

COVERAGE_TARGET = 100.0  # percent
GROWTH_DAYS = 14
NEVER_HEARD_DAYS = 30


@dataclass(frozen=True, slots=True)
class PublishedCoverage(inventory.Coverage):
    """Coverage, compared with its target of 100%."""

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
    """Published clips (pinned as live or system) that are ready, and how many there are in all."""
    found = inventory.coverage(scope.voice)
    return PublishedCoverage(found.ready, found.total)


def published_clip_rows() -> ClipQuerySet:
    return Clip.objects.filter(content_hash__in=Pin.objects.published().values("content_hash"))


def missing_clips(voice: str = "") -> QuerySet[Clip]:
    """Published clips that are not ready, in one voice or in all."""
    return published_clip_rows().in_voice(voice).filter(~has_audio())


@dataclass(frozen=True, slots=True)
class StoredKind:
    """The clips of one kind in one voice. `at_rest` counts those with audio; `stored_bytes` is their size."""

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
        """Whether the share at which the alert begins is used."""
        return self.limit_bytes is not None and self.used_bytes >= STORAGE_SHARE * self.limit_bytes


def storage(scope: Scope) -> Storage:
    """Bytes at rest of all clips with audio in the scope's voice. Growth and limit are over all voices."""
    known = remembered("stored-kinds", _stored_kinds, read=lambda rows: [StoredKind(*row) for row in rows])
    clips: dict[str, int] = {}
    sizes: dict[str, int] = {}
    reflections = 0
    for each in known.found:
        if scope.voice and each.voice != scope.voice:
            continue
        kind = kind_of(each.kind)
        clips[kind] = clips.get(kind, 0) + each.at_rest
        sizes[kind] = sizes.get(kind, 0) + each.stored_bytes
        reflections += each.on_record if kind == "analysis" else 0
    growth = remembered("growth", _bytes_a_day, read=float).found
    used = sum(each.stored_bytes for each in known.found)
    voices = sorted({each.voice for each in known.found})
    limit = conf().storage_limit_bytes or None
    return Storage(clips, sizes, reflections, voices, growth, limit, used, known.as_of)


def _stored_kinds() -> list[tuple[str, str, int, int, int]]:
    rows = (
        Clip.objects.order_by()
        .values_list("content_type", "voice")
        .annotate(
            on_record=Count("*"),  # Count("pk") would leave the index that covers all other columns
            at_rest=Count("stored_at", filter=Q(is_active=True)),
            stored=Sum(size_at_rest(), filter=has_audio()),
        )
    )
    return [
        (kind, voice, on_record, at_rest, stored or 0) for kind, voice, on_record, at_rest, stored in rows
    ]


def _bytes_a_day() -> float:
    """(bytes of clips made in 14 days - bytes of older clips they replaced - bytes freed by prunes) / 14."""
    since = timezone.now() - timedelta(days=GROWTH_DAYS)
    made = Clip.objects.filter(stored_at__gte=since).aggregate(total=Sum(size_at_rest()))["total"]
    freed = PruneRun.objects.filter(started_at__gte=since).aggregate(total=Sum("freed_bytes"))["total"]
    # A clip that was made twice in these days counts once above, so its first take is not subtracted.
    replaced = Replaced.objects.filter(replaced_at__gte=since, stored_at__lt=since).aggregate(
        total=Sum("stored_bytes")
    )["total"]
    return ((made or 0) - (replaced or 0) - (freed or 0)) / GROWTH_DAYS


@dataclass(frozen=True, slots=True)
class Irreplaceable:
    """Clips with bytes that cannot be made again from `from_day` on, or now if it is None."""

    from_day: date | None
    clips: int
    stored_bytes: int


def irreplaceable(known: Iterable[ModelOutlook] = ()) -> list[Irreplaceable]:
    """Clips that cannot be made again, then those that soon cannot, in all voices. Raises Error.

    The models in `known` are not looked up again.
    """
    sums: defaultdict[date | None, list[int]] = defaultdict(lambda: [0, 0])
    rows: list[tuple[str, int, int]] = remembered("irreplaceable", _irreplaceable_by_model).found
    outlooks = {each.model: each for each in known}
    others = retirement.outlooks(model for model, _, _ in rows if model not in outlooks)
    outlooks |= {each.model: each for each in others}
    for model, clips, stored_bytes in rows:
        from_day = None if outlooks[model].is_retired else outlooks[model].shutdown_date
        sums[from_day] = [sums[from_day][0] + clips, sums[from_day][1] + stored_bytes]
    in_order = sorted(sums.items(), key=lambda item: item[0] or date.min)
    return [Irreplaceable(from_day, *figures) for from_day, figures in in_order]


def _irreplaceable_by_model() -> list[tuple[str, int, int]]:
    size = Sum(size_at_rest())
    rows = irreplaceable_clips().order_by("model").values_list("model")
    found = rows.annotate(clips=Count("pk"), stored_bytes=size)
    return [(model, clips, stored_bytes or 0) for model, clips, stored_bytes in found]


@dataclass(frozen=True, slots=True)
class StaleTotal:
    """The clips that a prune would remove, their bytes at rest, and the price to make them again."""

    clips: int
    stored_bytes: int
    usd: float


def note_stale_total(days: int, found: Stale) -> None:
    """Cache what a search after a prune found, for the dashboard."""
    total = StaleTotal(len(found.content_hashes), found.freed_bytes, found.remake_cost_usd)
    keep_result(_stale_name(days), asdict(total))


def stale_total() -> CachedResult[StaleTotal] | None:
    """The count noted last, in all voices; None if there is none. Raises Error.

    A page never counts them itself: that would read through a million clips.
    """
    # The figure is a convenience: without the cache the dashboard shows the rest.
    try:
        return kept_result(_stale_name(conf().stale_days), lambda plain: StaleTotal(**plain))
    except cache_errors():
        return None


def _stale_name(days: int) -> str:
    return f"figures:stale-total:{days}"


@dataclass(frozen=True, slots=True)
class NeverHeard:
    clips: int
    usd: float


def never_heard(scope: Scope) -> CachedResult[NeverHeard]:
    """Clips made or adopted more than 30 days ago and never requested since, and their price today."""
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
    return Clip.objects.never_requested().filter(
        Q(adopted_at__isnull=True) | Q(adopted_at__lt=long_ago), stored_at__lt=long_ago
    )
