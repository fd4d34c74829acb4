"""Background work: runs, the queue, and the errors of the voice service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils import timezone
from django_q.models import Failure

from ttscache.models import Clip, Spending, WarmItem, WarmRun, has_audio
from ttscache.monitoring.alerts import last_outcomes
from ttscache.monitoring.inventory import tasks_waiting
from ttscache.reports.hit_rates import RequestFigures
from ttscache.reports.scope import Scope
from ttscache.reports.storage import missing_clips
from ttscache.warming.retry_limit import exhausted_clips
from ttscache.warming.time_estimate import seconds_of_queue

RUNS_SHOWN = 5
LATELY = timedelta(hours=24)
OK = "ok"

# Staff's words for classes of errors -> the codes in them. Any other code is in "Other".
CLASSES = {
    "Key refused": ("key_refused",),
    "Quota used up": ("quota_used_up",),
    "Busy": ("provider_busy", "provider_unavailable"),
    "Too slow": ("provider_timeout",),
    "Text refused": ("text_refused",),
    "Wrong words": ("reworded",),
    "Model switched off": ("model_retired",),
    "Wrong address": ("wrong_address",),
}
TEXT_REFUSED, OTHER = "Text refused", "Other"


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run, and how many of its clips are ready and failed."""

    run: WarmRun
    total: int
    ready: int
    failed: int


def runs() -> list[RunProgress]:
    """At most RUNS_SHOWN runs: those under way first, then the latest. Two or three queries."""
    state = WarmItem.State
    lately = list(WarmRun.objects.active()[:RUNS_SHOWN])
    if len(lately) < RUNS_SHOWN:
        lately += WarmRun.objects.exclude(state__in=WarmRun.ACTIVE)[: RUNS_SHOWN - len(lately)]
    counted = {
        run: counts
        for run, *counts in WarmItem.objects.filter(run__in=lately)
        .order_by()
        .values_list("run")
        .annotate(
            total=Count("pk"),
            ready=Count("pk", filter=Q(state__in=[state.DONE, state.SKIPPED])),
            failed=Count("pk", filter=Q(state=state.FAILED)),
        )
    }
    return [RunProgress(run, *counted.get(run.pk, (0, 0, 0))) for run in lately]


def failures() -> QuerySet[WarmItem]:
    """Items that failed in the last 24 hours. A clip that failed in several runs appears for each."""
    since = timezone.now() - LATELY
    return WarmItem.objects.filter(state=WarmItem.State.FAILED, finished_at__gte=since)


def failed_clips() -> QuerySet[Clip]:
    """Clips that failed in the last 24 hours and are still missing."""
    return Clip.objects.filter(~has_audio(), pk__in=failures().order_by().values("clip"))


def exhausted_published_clips() -> QuerySet[Clip]:
    """Published clips that failed MOST_TRIES times, so that only staff start them again."""
    return exhausted_clips(missing_clips())


def clips_to_try_again() -> QuerySet[Clip]:
    """The clips that the button "Try again" queues: failed lately, or too often."""
    waits = Q(pk__in=failed_clips().values("pk")) | Q(pk__in=exhausted_published_clips().values("pk"))
    return Clip.objects.filter(waits)


def waiting_longest() -> QuerySet[WarmItem]:
    """The queued items of the oldest active run that has any."""
    waiting = WarmItem.objects.open().filter(state=WarmItem.State.QUEUED)
    first = waiting.order_by("run__created_at", "run").values("run")[:1]
    return waiting.filter(run__in=first)


def failed_lately() -> str:
    """Query parameters for a list of the tasks that failed in the last 24 hours."""
    return urlencode({"stopped__gte": timezone.now() - LATELY})


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """Clips to be made ahead, and background tasks. Times are seconds, or None if unknown."""

    waiting: int
    running: int
    failed: int
    exhausted: int
    oldest_seconds: float | None
    eta_seconds: float | None
    tasks_waiting: int
    tasks_failed: int


def queue(requests: RequestFigures) -> WorkQueue:
    """Count clips and tasks that wait, run or failed. A clip in several runs counts once.

    ETA = waiting x median time of a generation in the range / clips made at once.
    """
    state = WarmItem.State
    since = timezone.now() - LATELY
    # A clip may wait in several runs, but is made once: count clips and not items.
    figures = WarmItem.objects.open().aggregate(
        waiting=Count("clip", filter=Q(state=state.QUEUED), distinct=True),
        running=Count("clip", filter=Q(state=state.MAKING), distinct=True),
        oldest=Min("run__created_at", filter=Q(state=state.QUEUED)),
    )
    median = requests.source_of(["generated"]).p50
    waiting = figures["waiting"]
    return WorkQueue(
        waiting,
        figures["running"],
        failed_clips().count(),
        exhausted_published_clips().count(),
        (timezone.now() - figures["oldest"]).total_seconds() if figures["oldest"] else None,
        seconds_of_queue(waiting, median.ms / 1_000) if median else None,
        tasks_waiting().waiting,
        Failure.objects.filter(stopped__gte=since).count(),
    )


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """Calls of the last 24 hours, failed ones by class and their codes, and the state of the service now."""

    calls: int
    failed: int
    classes: dict[str, int]
    codes: dict[str, list[str]]
    last: Mapping[str, datetime]  # when a call last ended with each outcome
    trouble: str  # the error class of the latest call; empty if the service worked
    trouble_at: datetime | None

    @property
    def last_ok(self) -> datetime | None:
        return self.last.get(OK)

    @property
    def error_percent(self) -> float | None:
        """Failed calls / calls."""
        return 100 * self.failed / self.calls if self.calls else None


def provider(scope: Scope) -> ProviderStatus:
    """Calls are counted for the scope's voice; the latest success and trouble, over all voices."""
    # Figures are by the hour: begin one earlier, to count the oldest hour whole.
    rows = (
        Spending.objects.filter(hour__gte=timezone.now() - LATELY - timedelta(hours=1), **scope.by_voice)
        .order_by()
        .values_list("outcome")
        .annotate(number=Sum("calls"))
    )
    classes = dict.fromkeys([*CLASSES, OTHER], 0)
    codes: dict[str, list[str]] = {name: [] for name in classes}
    calls, failed = 0, 0
    for outcome, number in rows:
        calls += number
        if outcome != OK:
            failed += number
            classes[_class_of(outcome)] += number
            codes[_class_of(outcome)].append(outcome)
    last = last_outcomes()
    latest = max(last, key=lambda outcome: last[outcome], default=OK)
    is_well = latest == OK or _class_of(latest) == TEXT_REFUSED  # a refused text is no fault of the service
    trouble = "" if is_well else _class_of(latest)
    return ProviderStatus(calls, failed, classes, codes, last, trouble, last[latest] if trouble else None)


def _class_of(code: str) -> str:
    return next((name for name, codes in CLASSES.items() if code in codes), OTHER)
