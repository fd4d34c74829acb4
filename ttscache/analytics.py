"""The dashboard's questions, one function or query each."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone

from ttscache.conf import conf
from ttscache.ledger import HITS, OUTCOMES
from ttscache.models import (
    DEMO_MARK,
    Clip,
    ContentType,
    ProcessReport,
    Spending,
    Usage,
    WarmItem,
    WarmRun,
)
from ttscache.prices import list_price_usd
from ttscache.wiring import speech_cache

IS_REAL = ~Q(voice__endswith=DEMO_MARK)  # counted, not made up for a demonstration
SENTENCE_CHARACTERS = 100
REPORT_SECONDS = 90  # a process that has not reported for so long is gone


@dataclass(frozen=True, slots=True)
class BudgetToday:
    """What may be spent today (UTC), and what is spent or set aside for calls under way."""

    cap_usd: float | None
    committed_usd: float

    @property
    def is_spent(self) -> bool:
        """Whether not even an ordinary sentence can be paid for any more."""
        sentence_usd = list_price_usd(conf().house_model, SENTENCE_CHARACTERS)
        return self.cap_usd is not None and self.committed_usd + sentence_usd > self.cap_usd


def budget_today() -> BudgetToday:
    """Raises DatabaseError."""
    committed = speech_cache().speaker.budget.committed_microusd() / 1e6
    return BudgetToday(conf().daily_budget_usd, committed)


def cache_stats() -> dict[str, Any]:
    """The figures of the public contract. Counts cover all processes and survive restarts."""
    outcomes = _requests_by(("outcome",))
    by_tier = {outcome: outcomes.get((outcome,), 0) for outcome in OUTCOMES}
    holdings = {
        "supabase_entries": Clip.objects.with_audio().count(),
        "local_files": sum(1 for tier in speech_cache().local if tier.name == "file" for _ in tier.entries()),
        "memory_cache": _clips_in_memory(),
        "supabase_enabled": True,
    }
    spent = (Spending.objects.filter(IS_REAL).aggregate(total=Sum("cost_microusd"))["total"] or 0) / 1e6
    served = (
        Usage.objects.filter(IS_REAL)
        .exclude(outcome="failed")
        .aggregate(total=Sum("worth_microusd"))["total"]
        or 0
    ) / 1e6
    budget = budget_today()
    return {
        "success": True,
        **holdings,
        "hit_rate": _hit_rate(by_tier),
        "by_content_type": _by_content_type(),
        "by_tier": by_tier,
        "spent_usd": round(spent, 6),
        "saved_usd": round(served - spent, 6),
        "budget": {"usd_a_day": budget.cap_usd, "committed_today_usd": budget.committed_usd},
        "compression": _compression(),
        "stats": holdings,
    }


def _compression() -> dict[str, int]:
    """Clips that are packed at rest, and what that saves."""
    packed = Clip.objects.with_audio().exclude(encoding="")
    figures = packed.aggregate(clips=Count("pk"), saved=Sum(F("audio_file_size") - F("stored_size")))
    return {"clips": figures["clips"], "saved_bytes": figures["saved"] or 0}


def progress_of(run: WarmRun) -> dict[str, Any]:
    """How far a run has come. `characters` and `cost_usd` are of the clips that were not there before it."""
    state = WarmItem.State
    figures = run.items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=state.DONE)),
        skipped=Count("pk", filter=Q(state=state.SKIPPED)),
        failed=Count("pk", filter=Q(state=state.FAILED)),
        characters=Sum("characters", filter=~Q(state=state.SKIPPED)),
        cost=Sum("cost_microusd", filter=~Q(state=state.SKIPPED)),
    )
    return {
        "run": run.pk,
        "state": run.state,
        **{name: figures[name] for name in ("total", "done", "skipped", "failed")},
        "characters": figures["characters"] or 0,
        "cost_usd": (figures["cost"] or 0) / 1e6,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "eta_seconds": _eta_seconds(run, figures),
    }


def _eta_seconds(run: WarmRun, figures: dict[str, Any]) -> int | None:
    """By the pace of the clips made so far; None before the first."""
    if run.state not in WarmRun.ACTIVE:
        return 0
    if run.started_at is None or not figures["done"]:
        return None
    elapsed = (timezone.now() - run.started_at).total_seconds()
    left = figures["total"] - figures["done"] - figures["skipped"] - figures["failed"]
    return round(elapsed / int(figures["done"]) * int(left))


def _requests_by(fields: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    rows = Usage.objects.filter(IS_REAL).order_by().values_list(*fields).annotate(total=Sum("requests"))
    return {tuple(row[:-1]): row[-1] for row in rows}


def _by_content_type() -> dict[str, Any]:
    counted = _requests_by(("content_type", "outcome"))
    figures = {}
    for kind in ContentType.values:
        outcomes = {outcome: number for (found, outcome), number in counted.items() if found == kind}
        figures[kind] = {
            "requests": sum(outcomes.values()),
            "hits": sum(outcomes.get(outcome, 0) for outcome in HITS),
            "hit_rate": _hit_rate(outcomes),
        }
    return figures


def _hit_rate(outcomes: dict[str, int]) -> float:
    """Hits of all requests, between 0 and 1; 0 before the first request."""
    requests = sum(outcomes.values())
    return round(sum(outcomes.get(outcome, 0) for outcome in HITS) / requests, 4) if requests else 0.0


def _clips_in_memory() -> int:
    """On this host, as its processes last reported."""
    reports = ProcessReport.objects.filter(
        host=socket.gethostname(), reported_at__gt=Now() - timedelta(seconds=REPORT_SECONDS)
    )
    return reports.aggregate(total=Sum("clips_in_memory"))["total"] or 0
