"""GET /api/cache-stats: clips held, requests, hit rates, money spent and saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.accounting.budget import budget_today
from ttscache.accounting.ledger import HITS, OUTCOMES, UNPRICED
from ttscache.api.base import JsonView
from ttscache.api.permissions import MayReadFiguresUnlessOpen
from ttscache.delivery.http import NEVER
from ttscache.models import ContentType, kind_of
from ttscache.monitoring import totals
from ttscache.monitoring.inventory import (
    StoredClips,
    clips_held,
    clips_in_memory,
    clips_made_ahead,
    files_here,
)
from ttscache.monitoring.totals import UsageSum
from ttscache.wiring import speech_cache


class CacheStatsView(JsonView):
    """Clips held, requests, hit rates, money spent and saved."""

    permission_classes = (MayReadFiguresUnlessOpen,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        speech_cache().ledger.flush()  # counts of this process that are not in the database yet
        return Response(cache_stats(), headers={"Cache-Control": NEVER})


def cache_stats() -> dict[str, Any]:
    """All figures since the database was made, over all processes. Money is in US dollars. Raises Error.

    Earlier front ends read the names that start with `supabase_`.
    """
    usage = totals.usage()
    outcomes: Counter[str] = Counter()
    for row in usage:
        outcomes[row.outcome] += row.requests
    by_tier = {outcome: outcomes[outcome] for outcome in OUTCOMES}
    held = clips_held()
    stored = {
        "supabase_entries": sum(each.clips for each in held),
        "local_files": files_here().clips,
        "memory_cache": clips_in_memory(),
        "supabase_enabled": True,  # clips outlive the process, in any database or bucket
    }
    spent = sum(row.cost_microusd for row in totals.spending()) / 1e6
    served = sum(row.list_price_microusd for row in usage if row.outcome not in UNPRICED) / 1e6
    budget = budget_today()
    return {
        "success": True,
        **stored,
        "hit_rate": _hit_rate(by_tier),
        "by_content_type": _by_content_type(usage),
        "by_tier": by_tier,
        "spent_usd": round(spent, 6),
        "saved_usd": round(served - spent, 6),
        "budget": {"usd_a_day": budget.cap_usd, "committed_today_usd": budget.committed_usd},
        "compression": _compression(held),
        "warmed": _warmed(usage),
        "stats": stored,
    }


def _compression(held: Iterable[StoredClips]) -> dict[str, int]:
    """How many clips are compressed at rest, and how many bytes that saves."""
    packed = [each for each in held if each.encoding]
    saved = sum(each.audio_bytes - each.stored_bytes for each in packed)
    return {"clips": sum(each.clips for each in packed), "saved_bytes": saved}


def _warmed(usage: Iterable[UsageSum]) -> dict[str, Any]:
    """Clips made ahead: how many, how often they were hit, and how many were never played."""
    ahead = clips_made_ahead()
    return {
        "hits": sum(row.warmed_hits for row in usage),
        "clips": ahead.clips,
        "never_played": ahead.never_played,
        "never_played_usd": round(ahead.never_played_usd, 6),
    }


def _by_content_type(usage: Iterable[UsageSum]) -> dict[str, Any]:
    """Figures of all four content types, requested or not."""
    outcomes_by_kind: dict[str, Counter[str]] = {kind: Counter() for kind in ContentType.values}
    warmed: Counter[str] = Counter()
    for row in usage:
        kind = kind_of(row.content_type)
        outcomes_by_kind[kind][row.outcome] += row.requests
        warmed[kind] += row.warmed_hits
    figures = {}
    for kind, outcomes in outcomes_by_kind.items():
        figures[kind] = {
            "requests": sum(outcomes.values()),
            "hits": sum(outcomes.get(outcome, 0) for outcome in HITS),
            "warmed_hits": warmed[kind],
            "hit_rate": _hit_rate(outcomes),
        }
    return figures


def _hit_rate(outcomes: dict[str, int]) -> float:
    """hits / requests, from 0 to 1; 0 before the first request."""
    requests = sum(outcomes.values())
    return round(sum(outcomes.get(outcome, 0) for outcome in HITS) / requests, 4) if requests else 0.0
