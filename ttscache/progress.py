"""How far a warm run has come, and how long it will still take."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone

from ttscache.models import WarmItem, WarmRun


def progress_of(run: WarmRun) -> dict[str, Any]:
    """How far a run has come. `characters` and `cost_usd` are of the clips that were not there before it."""
    state = WarmItem.State
    ended = Q(state__in=[state.DONE, state.SKIPPED, state.FAILED])
    lately = Q(finished_at__gte=run.at_work_since or timezone.now())
    figures = run.items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=state.DONE)),
        skipped=Count("pk", filter=Q(state=state.SKIPPED)),
        failed=Count("pk", filter=Q(state=state.FAILED)),
        cancelled=Count("pk", filter=Q(state=state.CANCELLED)),
        left=Count("pk", filter=Q(state__in=WarmItem.OPEN)),
        ended_lately=Count("pk", filter=ended & lately),
        characters=Sum("characters", filter=~Q(state=state.SKIPPED)),
        cost=Sum("cost_microusd", filter=~Q(state=state.SKIPPED)),
    )
    return {
        "run": run.pk,
        "state": run.state,
        "paused_because": run.paused_because,
        **{name: figures[name] for name in ("total", "done", "skipped", "failed", "cancelled")},
        "characters": figures["characters"] or 0,
        "cost_usd": (figures["cost"] or 0) / 1e6,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "eta_seconds": _eta_seconds(run, figures["ended_lately"], figures["left"]),
    }


def _eta_seconds(run: WarmRun, ended: int, left: int) -> int | None:
    """By the pace since it began, or went on, with as many at once as there were; None before the first clip
    and while it is held up."""
    if run.state not in WarmRun.ACTIVE:
        return 0
    if run.state == WarmRun.State.PAUSED or run.at_work_since is None or not ended:
        return None
    elapsed = (timezone.now() - run.at_work_since).total_seconds()
    return round(elapsed / ended * left)
