"""The dashboard's questions, one function or query each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone

from ttscache.accounting.budget import budget_today
from ttscache.accounting.ledger import HITS, OUTCOMES
from ttscache.models import ContentType, WarmItem, WarmRun, kind_of
from ttscache.monitoring import totals
from ttscache.monitoring.inventory import Held, clips_held, clips_in_memory, clips_made_ahead, files_here
from ttscache.monitoring.totals import UsageSum


def cache_stats() -> dict[str, Any]:
    """The figures of the public contract. Counts cover all processes and survive restarts."""
    usage = totals.usage()
    outcomes: Counter[str] = Counter()
    for row in usage:
        outcomes[row.outcome] += row.requests
    by_tier = {outcome: outcomes[outcome] for outcome in OUTCOMES}
    held = clips_held()
    holdings = {
        "supabase_entries": sum(each.clips for each in held),
        "local_files": files_here().clips,
        "memory_cache": clips_in_memory(),
        "supabase_enabled": True,  # clips outlive a process, in whichever database or bucket
    }
    spent = sum(row.cost_microusd for row in totals.spending()) / 1e6
    served = sum(row.worth_microusd for row in usage if row.outcome != "failed") / 1e6
    budget = budget_today()
    return {
        "success": True,
        **holdings,
        "hit_rate": _hit_rate(by_tier),
        "by_content_type": _by_content_type(usage),
        "by_tier": by_tier,
        "spent_usd": round(spent, 6),
        "saved_usd": round(served - spent, 6),
        "budget": {"usd_a_day": budget.cap_usd, "committed_today_usd": budget.committed_usd},
        "compression": _compression(held),
        "warmed": _warmed(usage),
        "stats": holdings,
    }


def _compression(held: Iterable[Held]) -> dict[str, int]:
    """Clips that are packed at rest, and what that saves."""
    packed = [each for each in held if each.encoding]
    saved = sum(each.audio_bytes - each.stored_bytes for each in packed)
    return {"clips": sum(each.clips for each in packed), "saved_bytes": saved}


def _warmed(usage: Iterable[UsageSum]) -> dict[str, Any]:
    """Clips made before anybody asked for them: how many, how often heard, and what nobody has heard."""
    ahead = clips_made_ahead()
    return {
        "hits": sum(row.warmed_hits for row in usage),
        "clips": ahead.clips,
        "never_played": ahead.never_played,
        "never_played_usd": round(ahead.never_played_usd, 6),
    }


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


def _by_content_type(usage: Iterable[UsageSum]) -> dict[str, Any]:
    """All four are there, asked for or not."""
    asked: dict[str, Counter[str]] = {kind: Counter() for kind in ContentType.values}
    warmed: Counter[str] = Counter()
    for row in usage:
        kind = kind_of(row.content_type)
        asked[kind][row.outcome] += row.requests
        warmed[kind] += row.warmed_hits
    figures = {}
    for kind, outcomes in asked.items():
        figures[kind] = {
            "requests": sum(outcomes.values()),
            "hits": sum(outcomes.get(outcome, 0) for outcome in HITS),
            "warmed_hits": warmed[kind],
            "hit_rate": _hit_rate(outcomes),
        }
    return figures


def _hit_rate(outcomes: dict[str, int]) -> float:
    """Hits of all requests, between 0 and 1; 0 before the first request."""
    requests = sum(outcomes.values())
    return round(sum(outcomes.get(outcome, 0) for outcome in HITS) / requests, 4) if requests else 0.0
