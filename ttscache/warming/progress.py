"""The progress of a run, and when it will probably end."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone

from ttscache.models import WarmItem, WarmRun
from ttscache.warming.time_estimate import seconds_left


def progress_of(run: WarmRun) -> dict[str, Any]:
    """The fields of GET /api/warm-runs/<id>.

    `characters` and `cost_usd` (list price) leave out the clips that were there before the run.
    """
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
        "eta_seconds": seconds_left(run, figures["ended_lately"], figures["left"]),
    }
