"""The staff's first page: how sound fares, in numbers, and the deeds that start from there."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.sites import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from ttscache import charts, warming
from ttscache.accounting.ledger import HITS, MISSES
from ttscache.accounting.rollup import start_of_day
from ttscache.admin_making import make_missing_page, retry_page
from ttscache.admin_pages import StaffAdmin, has_said_yes
from ttscache.admin_stale import stale_page
from ttscache.admin_widgets import OUTCOMES, RUN_BADGES, being_made_in_words, in_words, player, price
from ttscache.conf import conf
from ttscache.figures.asked import Kind, Source
from ttscache.figures.heard import Heard, shareable_reflections
from ttscache.figures.holdings import GROWTH_DAYS, NEVER_HEARD_DAYS
from ttscache.figures.lines import HEADINGS, lines
from ttscache.figures.needs import Need, needs_without_figures, reflection_links
from ttscache.figures.report import Report, report
from ttscache.figures.scope import HOUR, RANGES, VIEWS, Scope
from ttscache.figures.work import CLASSES, LATELY, OK, failed_lately
from ttscache.models import Clip, ContentType, WarmRun
from ttscache.tries import MOST_TRIES

RIGHTS = {  # what the page asks for, and what somebody may then see or do
    "spending": "ttscache.view_spending",
    "time_to_sound": "ttscache.view_soundstart",
    "clips": "ttscache.view_clip",
    "runs": "ttscache.view_warmrun",
    "tasks": "django_q.view_ormq",
    "failures": "django_q.view_failure",
    "make": "ttscache.make_clip",
    "hide": "ttscache.change_clip",
    "prune": "ttscache.prune_clip",
    "prunes": "ttscache.view_prunerun",
}
TONES = {
    "none": ("", ""),
    "good": ("check_circle", "On target"),
    "below": ("warning", "Below target"),
    "far": ("error", "Far below target"),
}


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What Unfold's first page shows besides: figures, or only what needs those who may not see any."""
    if not request.user.has_perm("ttscache.view_usage"):
        needs = ((need, _address_for(need, request)) for need in needs_without_figures())
        reachable = [(need, address) for need, address in needs if address]
        return context | {"title": "Staff pages", "needs": reachable}
    scope = Scope.asked_for(request.GET.dict())
    shows_hidden = "hidden" in request.GET
    found = report(scope, hidden=shows_hidden)
    may = {name: request.user.has_perm(right) for name, right in RIGHTS.items()}
    return context | {
        "title": "Sound dashboard",
        "report": found,
        "scope": scope,
        "may": may,
        "shows_hidden": shows_hidden,
        "choices": _choices(found),
        "tile_tones": {
            "coverage": TONES[found.coverage.tone],
            "rate": _below_target(found.asked.kinds),
        },
        "kind_charts": [KindChart.of(kind, scope) for kind in found.asked.kinds],
        "rate_rows": _rate_rows(found),
        "money_chart": MoneyChart.of(found),
        "growth": abs(found.storage.bytes_a_day),
        "sources": [SourceRow.of(source, scope) for source in found.asked.sources],
        "hits": found.asked.source_of(HITS),
        "misses": found.asked.source_of(MISSES),
        "heard_rows": [HeardRow.of(row, request) for row in found.heard.rows],
        "runs": [(run, RUN_BADGES[WarmRun.State(run.run.state)]) for run in found.runs],
        "needs": [(need, _address_for(need, request)) for need in found.needs],
        "kinds_stored": _kinds_stored(found),
        "error_rows": _error_rows(found),
        "tasks_failed_lately": failed_lately(),
        "never_heard_days": NEVER_HEARD_DAYS,
        "stale_days": conf().stale_days,
        "in_voice": f"&{urlencode(scope.by_voice)}" if scope.voice else "",
        "usage_list": usage_list(scope),
        "spending_list": spending_list(scope),
        "spending_today": _list_of("spending", {"hour__gte": _written(start_of_day(scope.now))}),
        "last_success_list": _last_success(found),
        "hits_list": usage_list(scope, outcome__in=",".join(sorted(HITS))),
        "misses_list": usage_list(scope, outcome__in=",".join(sorted(MISSES))),
        "grown_list": _list_of(
            "clip", {"made": "yes", "kept_at__gte": _written(scope.now - timedelta(days=GROWTH_DAYS))}
        ),
        "most_tries": MOST_TRIES,
        "time_to_sound_list": _figures_list("soundstart", scope, {}),
        "csv": f"{reverse('admin:ttscache_dashboard_csv')}?{scope.query}",
    }


# --- what may be chosen -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    address: str
    is_chosen: bool


def _choices(found: Report) -> dict[str, list[Choice]]:
    scope = found.scope
    now = {"range": scope.range.name, "voice": scope.voice, "view": scope.view}
    given = {
        "range": {each.name: each.label for each in RANGES},
        "voice": {"": "All voices"} | {voice: voice for voice in found.voices},
        "view": VIEWS,
    }
    return {
        name: [
            Choice(label, f"?{urlencode(now | {name: value})}", now[name] == value)
            for value, label in values.items()
        ]
        for name, values in given.items()
    }


# --- lists behind the numbers -----------------------------------------------------------------------------
def usage_list(scope: Scope, **narrowed: str) -> str:
    return _figures_list("usage", scope, narrowed)


def spending_list(scope: Scope, **narrowed: str) -> str:
    return _figures_list("spending", scope, narrowed)


def _figures_list(model: str, scope: Scope, narrowed: dict[str, str]) -> str:
    return _list_of(model, {"hour__gte": _written(scope.since)} | scope.by_voice | narrowed)


def _list_of(model: str, narrowed: Mapping[str, str]) -> str:
    return f"{reverse(f'admin:ttscache_{model}_changelist')}?{urlencode(narrowed)}"


def _last_success(found: Report) -> str:
    """The calls that were made last: those of its day, the latest first."""
    last = found.provider.last_ok
    since = {"hour__gte": _written(start_of_day(last))} if last else {}
    return _list_of("spending", {"outcome": OK} | since)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S+00:00}"


def _address_for(need: Need, request: HttpRequest) -> str:
    """Where it leads; nowhere for those who may not go there."""
    if need.right and not request.user.has_perm(need.right):
        return ""
    route, _, query = need.address.partition("?")
    try:
        return f"{reverse(route)}?{query}" if query else reverse(route)
    except NoReverseMatch:
        return need.address


# --- charts, each with the numbers of its table -----------------------------------------------------------
@dataclass(frozen=True, slots=True)
class KindChart:
    """The hit rate of one content type, step by step, with its target as a dashed line."""

    kind: Kind
    icon: str
    word: str
    low: float
    line: str
    marks: str
    target_line: str
    link: str

    @classmethod
    def of(cls, kind: Kind, scope: Scope) -> KindChart:
        values = [rate.percent for rate in kind.steps]
        target = kind.rate.target
        scale = charts.Scale(charts.floor_for(values, target), 100.0)
        icon, word = TONES[kind.rate.tone]
        return cls(
            kind,
            icon,
            word,
            scale.low,
            charts.line(values, scale),
            charts.marks(values, scale),
            charts.level(target, scale) if target else "",
            usage_list(scope, content_type__exact=kind.name),
        )


@dataclass(frozen=True, slots=True)
class MoneyChart:
    """Spent as bars, and what it would have been without the cache as a dashed line."""

    high: float
    spent: str
    without: str
    marks: str
    rows: list[tuple[Any, str, float, float]]

    @classmethod
    def of(cls, found: Report) -> MoneyChart:
        money = found.money
        high = max([*money.spent_steps, *money.without_steps, 0.0])
        scale = charts.Scale(0.0, high or 1.0)
        return cls(
            high,
            charts.bars(money.spent_steps, scale),
            charts.line(money.without_steps, scale) if money.without else "",
            charts.marks(money.without_steps, scale) if money.without else "",
            [
                (begin, spending_list(found.scope, **_of_step(begin, found.scope)), spent, without)
                for begin, spent, without in zip(
                    found.scope.steps, money.spent_steps, money.without_steps, strict=True
                )
            ],
        )


@dataclass(frozen=True, slots=True)
class SourceRow:
    source: Source
    label: str
    width: float  # of its bar, of 100
    link: str

    @classmethod
    def of(cls, source: Source, scope: Scope) -> SourceRow:
        label = OUTCOMES.get(source.outcome, source.outcome)
        return cls(source, label, source.share or 0.0, usage_list(scope, outcome=source.outcome))


@dataclass(frozen=True, slots=True)
class HeardRow:
    heard: Heard
    players: list[Any]
    makes: list[tuple[str, str, str]]  # voice, price, address
    links: list[tuple[str, str]]
    hide: str
    page: str
    listed: str

    @classmethod
    def of(cls, row: Heard, request: HttpRequest) -> HeardRow:
        def may(right: str) -> bool:
            return not right or request.user.has_perm(right)

        pk = row.clip.pk
        makes = [
            (each.voice, price(each.price_usd), reverse("admin:ttscache_clip_speak", args=[pk, each.voice]))
            for each in row.missing
        ]
        is_of_model = not row.is_demo and not row.is_of_the_bank
        links = [(link.label, link.address(row.clip)) for link in reflection_links() if may(link.right)]
        return cls(
            row,
            [player(each.clip, voice=each.voice, says=row.clip.content_text[:60]) for each in row.voices],
            [] if row.is_demo else makes,
            links if is_of_model else [],
            reverse("admin:ttscache_clip_hide", args=[pk]),
            "" if row.is_demo else reverse("admin:ttscache_clip_change", args=[pk]),
            _list_of("clip", {"id__in": ",".join(str(each) for each in row.clips)}),
        )


def _rate_rows(found: Report) -> list[tuple[Any, str, list[Any]]]:
    """For the table: when each step began, its list, and the rate of each kind in it; the latest first."""
    kinds = [kind.steps for kind in found.asked.kinds]
    rows = zip(found.scope.steps, *kinds, strict=True)
    return [
        (begin, usage_list(found.scope, **_of_step(begin, found.scope)), cells) for begin, *cells in rows
    ][::-1]


def _of_step(begin: datetime, scope: Scope) -> dict[str, str]:
    """For the list of figures: from its first hour to its last."""
    end = begin + scope.range.step
    return {"hour__gte": _written(begin), "hour__lt": _written(end)}


def _below_target(kinds: Iterable[Kind]) -> list[tuple[str, str, str, list[str]]]:
    """Tone, icon, word, and the kinds that are so; far below first."""
    said = []
    for tone in ("far", "below"):
        if labels := [kind.label for kind in kinds if kind.rate.tone == tone]:
            said.append((tone, *TONES[tone], labels))
    return said


def _error_rows(found: Report) -> list[tuple[str, int, str]]:
    """Of the voice service: all calls, all failed ones, and each class; how many, and their list."""
    service = found.provider
    since = _written(timezone.now() - LATELY - HOUR)

    def of(**narrowed: str) -> str:
        return _list_of("spending", {"hour__gte": since} | found.scope.by_voice | narrowed)

    def failed_with(codes: Iterable[str]) -> str:
        return of(outcome__in=",".join(sorted(codes)))

    codes = {name: service.codes[name] or CLASSES.get(name) or [name.lower()] for name in service.classes}
    every = [code for those in codes.values() for code in those]
    rows = [("Calls", service.calls, of()), ("Failed", service.failed, failed_with(every))]
    return rows + [(name, number, failed_with(codes[name])) for name, number in service.classes.items()]


def _kinds_stored(found: Report) -> list[tuple[str, str, int, int]]:
    """Label, name, clips, bytes."""
    return [
        (kind.label, kind.value, found.storage.clips.get(kind, 0), found.storage.bytes_by_kind.get(kind, 0))
        for kind in ContentType
        if kind != ContentType.RESPONSE
    ]


# --- CSV --------------------------------------------------------------------------------------------------
@require_GET
def dashboard_csv(request: HttpRequest) -> HttpResponse:
    """The figures of the page, one a line; texts for those who may see clips."""
    if not request.user.has_perm("ttscache.view_usage"):
        raise PermissionDenied
    scope = Scope.asked_for(request.GET.dict())
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"sound-{scope.range.name}-{timezone.now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow(HEADINGS)
    shows_texts = request.user.has_perm("ttscache.view_clip")
    for line in lines(report(scope), shows_texts=shows_texts):
        writer.writerow(line)
    return response


# --- deeds ------------------------------------------------------------------------------------------------
class DashboardPages:
    """The addresses of the dashboard's deeds, under those of clips."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("figures.csv", site.admin_view(dashboard_csv), name="ttscache_dashboard_csv"),
            path("stale/", site.admin_view(stale_page), name="ttscache_clip_stale"),
            path("missing/", site.admin_view(make_missing_page), name="ttscache_clip_make_missing"),
            path("failed/", site.admin_view(retry_page), name="ttscache_clip_retry"),
            path("<uuid:pk>/speak/<str:voice>/", site.admin_view(speak_page), name="ttscache_clip_speak"),
            path("<uuid:pk>/hide/", site.admin_view(hide), name="ttscache_clip_hide"),
        ]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]


def speak_page(request: HttpRequest, pk: Any, voice: str) -> HttpResponse:
    """Have a reflection that is heard often made in another voice: its price first, then the deed."""
    if not request.user.has_perm("ttscache.make_clip"):
        raise PermissionDenied
    clip = _reflection(pk)
    if voice not in conf().listener_voices or not clip.is_shareable:
        raise Http404
    wanted = warming.Wanted(conf().house_request(clip.content_text, voice), ContentType.ANALYSIS)
    planned = warming.plan([wanted])
    if not has_said_yes(request, planned):
        summary = f"“{clip.content_text}” {in_words(planned)}"
        question = {"title": f"Make in {voice}", "verb": "Make it", "back": reverse("admin:index")}
        return _clip_admin().ask_to_make(request, planned, summary=summary, **question)
    if planned.missing:
        Clip.objects.record(wanted.speech, wanted.content_type)
        Clip.objects.filter(content_hash=wanted.speech.content_hash).update(is_shareable=True)
        who = request.user.get_username()
        warming.start_run(f"reflection {wanted.speech.content_hash[:12]}, {voice}", [wanted], asked_by=who)
        _log(request, clip, f"Asked for in the voice {voice}. {being_made_in_words(planned)}")
    messages.success(request, being_made_in_words(planned))
    return redirect("admin:index")


@require_POST
def hide(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take a reflection out of the most heard, in all voices; or show it again."""
    if not request.user.has_perm("ttscache.change_clip"):
        raise PermissionDenied
    clip = _reflection(pk)
    is_hidden = "show" not in request.POST
    shareable_reflections().filter(content_text=clip.content_text).update(is_hidden=is_hidden)
    said = "Hidden from the most heard reflections" if is_hidden else "Shown among the most heard reflections"
    _log(request, clip, f"{said}.")
    messages.success(request, f"{said}. It plays as before.")
    query = Scope.asked_for(request.POST.dict()).query
    return redirect(f"{reverse('admin:index')}?{query}")


def _reflection(pk: Any) -> Clip:
    clip = shareable_reflections().filter(pk=pk).first()
    if clip is None:
        raise Http404
    return clip


def _log(request: HttpRequest, clip: Clip, message: str) -> None:
    _clip_admin().log_change(request, clip, message)


def _clip_admin() -> StaffAdmin:
    return cast(StaffAdmin, site.get_model_admin(Clip))
