"""The context of the dashboard: the report, the links behind its numbers, what the user may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from ttscache.accounting.ledger import HITS, MISSES
from ttscache.accounting.rollup import start_of_day
from ttscache.admin.dashboard.links import (
    as_parameter,
    figures_list,
    last_success_list,
    list_of,
    spending_list,
    usage_list,
)
from ttscache.admin.dashboard.rows import (
    TONES,
    CostChart,
    KindChart,
    MostHeardRow,
    SourceRow,
    below_target,
    error_rows,
    kinds_stored,
    rate_rows,
)
from ttscache.conf import conf
from ttscache.hooks import ActionItem
from ttscache.models import WarmRun
from ttscache.reports.action_items import action_items_without_figures
from ttscache.reports.background_work import failed_lately
from ttscache.reports.csv_export import demo_mark
from ttscache.reports.report import Report, report
from ttscache.reports.retirements import VOICES_PAGE
from ttscache.reports.scope import RANGES, VIEWS, Scope
from ttscache.reports.storage import GROWTH_DAYS, NEVER_HEARD_DAYS
from ttscache.staff.badges import RUN_BADGES
from ttscache.warming.retry_limit import MOST_TRIES

RIGHTS = {  # `may.<name>` in the templates -> the permission for it
    "spending": "ttscache.view_spending",
    "time_to_sound": "ttscache.view_playbackstart",
    "clips": "ttscache.view_clip",
    "runs": "ttscache.view_warmrun",
    "tasks": "django_q.view_ormq",
    "failures": "django_q.view_failure",
    "make": "ttscache.make_clip",
    "hide": "ttscache.change_clip",
    "prune": "ttscache.prune_clip",
    "prunes": "ttscache.view_prunerun",
}

HOW_DAYS_ARE_COUNTED = (
    "Days (UTC) until the provider switches the model off. The day comes from TTS_MODEL_SHUTDOWN, else from "
    "the provider's list of models, which is read once a day, else from OpenAI's announcements. Shown from "
    "60 days before, for models that speak a listener voice now or next and for the one that writes "
    "reflections."
)


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK. Users who may not see figures get only their action items."""
    if not request.user.has_perm("ttscache.view_usage"):
        items = ((item, _address_for(item, request)) for item in action_items_without_figures())
        reachable = [(item, address) for item, address in items if address]
        return context | {"title": "Staff pages", "action_items": reachable}
    scope = Scope.from_query(request.GET.dict())
    shows_hidden = "hidden" in request.GET
    found = report(scope, hidden=shows_hidden)
    may = {name: request.user.has_perm(right) for name, right in RIGHTS.items()}
    return context | {
        "title": "Sound dashboard",
        "demo_mark": demo_mark(),
        "report": found,
        "scope": scope,
        "may": may,
        "shows_hidden": shows_hidden,
        "choices": _choices(found),
        "tile_tones": {
            "coverage": TONES[found.coverage.tone],
            "rate": below_target(found.requests.kinds),
        },
        "kind_charts": [KindChart.of(kind, scope) for kind in found.requests.kinds],
        "rate_rows": rate_rows(found),
        "cost_chart": CostChart.of(found),
        "growth": abs(found.storage.bytes_a_day),
        "sources": [SourceRow.of(source, scope) for source in found.requests.sources],
        "hits": found.requests.source_of(HITS),
        "misses": found.requests.source_of(MISSES),
        "most_heard_rows": [MostHeardRow.of(row, request) for row in found.most_heard.rows],
        "runs": [(run, RUN_BADGES[WarmRun.State(run.run.state)]) for run in found.runs],
        "action_items": [(item, _address_for(item, request)) for item in found.action_items],
        "kinds_stored": kinds_stored(found),
        "error_rows": error_rows(found),
        "tasks_failed_lately": failed_lately(),
        "never_heard_days": NEVER_HEARD_DAYS,
        "stale_days": conf().stale_days,
        "in_voice": f"&{urlencode(scope.by_voice)}" if scope.voice else "",
        "usage_list": usage_list(scope),
        "spending_list": spending_list(scope),
        "spending_today": list_of("spending", {"hour__gte": as_parameter(start_of_day(scope.now))}),
        "last_success_list": last_success_list(found),
        "hits_list": usage_list(scope, outcome__in=",".join(sorted(HITS))),
        "misses_list": usage_list(scope, outcome__in=",".join(sorted(MISSES))),
        "grown_list": list_of(
            "clip", {"made": "yes", "stored_at__gte": as_parameter(scope.now - timedelta(days=GROWTH_DAYS))}
        ),
        "most_tries": MOST_TRIES,
        "voices_page": VOICES_PAGE,
        "how_days_are_counted": HOW_DAYS_ARE_COUNTED,
        "time_to_sound_list": figures_list("playbackstart", scope, {}),
        "csv": f"{reverse('admin:ttscache_dashboard_csv')}?{scope.query}",
    }


# --- what may be chosen -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ScopeChoice:
    label: str
    address: str
    is_chosen: bool


def _choices(found: Report) -> dict[str, list[ScopeChoice]]:
    scope = found.scope
    now = {"range": scope.range.name, "voice": scope.voice, "view": scope.view}
    given = {
        "range": {each.name: each.label for each in RANGES},
        "voice": {"": "All voices"} | {voice: found.voice_names.get(voice, voice) for voice in found.voices},
        "view": VIEWS,
    }
    return {
        name: [
            ScopeChoice(label, f"?{urlencode(now | {name: value})}", now[name] == value)
            for value, label in values.items()
        ]
        for name, values in given.items()
    }


def _address_for(need: ActionItem, request: HttpRequest) -> str:
    """The address of an action item; empty if the user may not go there."""
    if need.right and not request.user.has_perm(need.right):
        return ""
    route, _, query = need.address.partition("?")
    try:
        return f"{reverse(route)}?{query}" if query else reverse(route)
    except NoReverseMatch:
        return need.address
