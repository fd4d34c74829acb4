"""The present state: clips by kind and place, coverage of published texts, local files, queues."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Sum
from django.db.models.functions import Coalesce, Length, Now
from django.utils import timezone
from django_q.models import OrmQ

from ttscache.accounting.prices import list_price_usd
from ttscache.adaptive_cache import Freshness, cached_in_process
from ttscache.coordination.hosts import CLUSTER, this_host
from ttscache.coordination.processes import is_process_alive
from ttscache.models import Clip, Pin, ProcessReport, WarmItem, WarmRun, kind_of, size_at_rest
from ttscache.wiring import speech_cache

REPORT_SECONDS = 90  # a process that has not reported for so long is gone
FRESH = Freshness(times=20)  # a query of one second is cached for twenty


# --- clips -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StoredClips:
    """The clips of one kind in one permanent tier and encoding; their bytes at rest and as heard."""

    content_type: str
    stored_in: str
    encoding: str
    clips: int
    stored_bytes: int
    audio_bytes: int


@cached_in_process(FRESH)
def clips_held() -> list[StoredClips]:
    """Clips that play without a provider call. Raises Error."""
    audio = Coalesce(F("audio_file_size"), 0)
    rows = (
        Clip.objects.with_audio()
        .order_by()
        .values_list("content_type", "stored_in", "encoding")
        .annotate(clips=Count("*"), stored=Sum(Coalesce(size_at_rest(), 0)), audio=Sum(audio))
    )
    sums: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for content_type, stored_in, encoding, *figures in rows:
        held = sums[kind_of(content_type), stored_in, encoding]
        held[:] = map(sum, zip(held, figures, strict=True))
    return [StoredClips(*key, *figures) for key, figures in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class MadeAhead:
    """How many clips were made ahead, and how many of these were never played."""

    clips: int
    never_played: int
    never_played_usd: float


@cached_in_process(FRESH)
def clips_made_ahead() -> MadeAhead:
    """Count clips made ahead; US dollars at today's prices. Raises Error."""
    unheard = Clip.objects.never_played().order_by().values_list("model")
    by_model = list(unheard.annotate(clips=Count("pk"), characters=Sum(Length("content_text"))))
    return MadeAhead(
        clips=Clip.objects.with_audio().filter(made_ahead=True).count(),
        never_played=sum(clips for _, clips, _ in by_model),
        never_played_usd=sum(list_price_usd(model, characters) for model, _, characters in by_model),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """Published texts in listener voices: how many clips are ready, of how many."""

    ready: int
    total: int

    @property
    def share(self) -> float:
        return self.ready / self.total if self.total else 1.0


def coverage(voice: str = "") -> Coverage:
    """Coverage of one listener voice, or of all. Raises Error."""
    wanted = Pin.objects.published().order_by().values("content_hash").distinct()
    if voice:
        spoken = Clip.objects.in_voice(voice).filter(content_hash=OuterRef("content_hash"))
        wanted = wanted.filter(Exists(spoken))
    is_there = Clip.objects.with_audio().filter(content_hash=OuterRef("content_hash"))
    counted = wanted.annotate(is_there=Exists(is_there)).aggregate(
        ready=Count("content_hash", filter=Q(is_there=True)), total=Count("content_hash")
    )
    return Coverage(counted["ready"], counted["total"])


# --- this host -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Files:
    clips: int
    bytes: int


@cached_in_process(FRESH)
def files_here() -> Files:
    """The clips in the local files of this host. Raises OSError."""
    sizes = [size for tier in speech_cache().tiers.local if tier.name == "file" for _, size in tier.entries()]
    return Files(len(sizes), sum(sizes))


def clips_in_memory() -> int:
    """Clips in the memory of this host's processes, as they last reported. Dead processes are left out."""
    reports = ProcessReport.objects.filter(
        host=this_host(), reported_at__gt=Now() - timedelta(seconds=REPORT_SECONDS)
    ).exclude(process=CLUSTER)
    counted = reports.values_list("process", "clips_in_memory")
    return sum(clips for process, clips in counted if is_process_alive(int(process)))


# --- work ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Queue:
    waiting: int
    oldest_seconds: float


def clips_waiting() -> Queue:
    """Clips queued to be made ahead. Raises Error."""
    waiting = WarmItem.objects.filter(state=WarmItem.State.QUEUED, run__in=WarmRun.objects.active())
    return _queue(waiting.order_by().aggregate(n=Count("pk"), since=Min("run__created_at")))


def tasks_waiting() -> Queue:
    """Background tasks that no worker of the cluster has taken. Raises Error."""
    # django-q2 sets a task's lock to the time of queueing, and into the future once a worker takes it.
    return _queue(OrmQ.objects.filter(lock__lte=timezone.now()).aggregate(n=Count("pk"), since=Min("lock")))


def _queue(figures: dict[str, Any]) -> Queue:
    since = figures["since"]
    return Queue(figures["n"], (timezone.now() - since).total_seconds() if since else 0.0)


def runs_by_state() -> dict[str, int]:
    """How many runs are in each state, zeros included. Raises Error."""
    counted = dict(WarmRun.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: counted.get(state, 0) for state in WarmRun.State.values}


def heartbeats() -> Iterable[tuple[str, float]]:
    """Each host, and the seconds since its cluster last finished a task. Raises Error."""
    reports = ProcessReport.objects.filter(process=CLUSTER).order_by("host")
    now = timezone.now()
    for host, at in reports.values_list("host").annotate(Max("reported_at")):
        yield host, max(0.0, (now - at).total_seconds())
