"""The dashboard's charts and tables, prepared for its templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from ttscache import hooks
from ttscache.admin.dashboard import charts
from ttscache.admin.dashboard.links import as_parameter, list_of, of_step, spending_list, usage_list
from ttscache.models import ContentType
from ttscache.reports.background_work import CLASSES, LATELY
from ttscache.reports.hit_rates import Kind, Rate, Source
from ttscache.reports.most_heard import Heard
from ttscache.reports.report import Report
from ttscache.reports.scope import HOUR, Scope
from ttscache.staff.clip_widgets import player
from ttscache.staff.wording import OUTCOMES, price
from ttscache.templatetags.figures import axis_name, number, percent, step, usd

TONES = {
    "none": ("", ""),
    "good": ("check_circle", "On target"),
    "below": ("warning", "Below target"),
    "far": ("error", "Far below target"),
}


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The dates under a chart, and what each step says on hover and focus, as JSON."""

    dates: list[tuple[float, str]]  # percent of the width, name of the step
    readouts: str

    @classmethod
    def of(cls, scope: Scope, said: Sequence[str]) -> TimeAxis:
        steps = scope.steps
        names = [step(begin, scope) for begin in steps]
        open_names = [*names[:-1], f"{names[-1]}, not over yet"]
        return cls(
            [(at, axis_name(steps[place], scope)) for place, at in charts.ticks(len(steps))],
            json.dumps([f"{name}: {words}" for name, words in zip(open_names, said, strict=True)]),
        )


@dataclass(frozen=True, slots=True)
class KindChart:
    """The hit rate of one content type, step by step, with its target as a dashed line."""

    kind: Kind
    icon: str
    word: str
    low: float
    line: str
    open_end: str
    marks: str
    target_line: str
    link: str
    axis: TimeAxis

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
            charts.open_end(values, scale),
            charts.marks(values, scale),
            charts.horizontal(target, scale) if target else "",
            usage_list(scope, content_type__exact=kind.name),
            TimeAxis.of(scope, [_rate_in_words(rate) for rate in kind.steps]),
        )


def _rate_in_words(rate: Rate) -> str:
    return f"{percent(rate.percent)} of {number(rate.requests)} requests" if rate.requests else "no request"


@dataclass(frozen=True, slots=True)
class CostChart:
    """Spending as bars, and its price without saved audio as a dashed line."""

    high: float
    spent: str
    spent_today: str
    without: str
    open_end: str
    marks: str
    axis: TimeAxis
    rows: list[tuple[Any, str, float, float]]

    @classmethod
    def of(cls, found: Report) -> CostChart:
        costs = found.costs
        high = max([*costs.spent_steps, *costs.without_steps, 0.0])
        scale = charts.Scale(0.0, high or 1.0)
        steps = list(zip(found.scope.steps, costs.spent_steps, costs.without_steps, strict=True))
        without = _since_counting_began(found, costs.without_steps)
        *over, today = costs.spent_steps
        said = [f"{usd(spent)} spent, {usd(full)} without saved audio" for _, spent, full in steps]
        return cls(
            high,
            charts.bars([*over, 0.0], scale),
            charts.bars([*(0.0 for _ in over), today], scale),
            charts.line(without, scale),
            charts.open_end(without, scale),
            charts.marks(without, scale),
            TimeAxis.of(found.scope, said),
            [
                (begin, spending_list(found.scope, **of_step(begin, found.scope)), spent, full)
                for begin, spent, full in reversed(steps)
            ],
        )


def _since_counting_began(found: Report, values: Sequence[float]) -> list[float | None]:
    """The values, with None for each step before the first request was counted."""
    if found.requests.before.requests:
        return list(values)
    is_counted = [
        any(cells) for cells in zip(*(_requests_of(kind) for kind in found.requests.kinds), strict=True)
    ]
    first = is_counted.index(True) if True in is_counted else len(values)
    return [value if place >= first else None for place, value in enumerate(values)]


def _requests_of(kind: Kind) -> list[int]:
    return [rate.requests for rate in kind.steps]


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
class MostHeardRow:
    heard: Heard
    players: list[Any]
    makes: list[tuple[str, str, str]]  # voice, price, address
    links: list[tuple[str, str]]
    hide: str
    page: str
    listed: str

    @classmethod
    def of(cls, row: Heard, request: HttpRequest) -> MostHeardRow:
        def may(right: str) -> bool:
            return not right or request.user.has_perm(right)

        pk = row.clip.pk
        makes = [
            (each.voice, price(each.price_usd), reverse("admin:ttscache_clip_speak", args=[pk, each.voice]))
            for each in row.missing
        ]
        links = [
            (link.label, link.address(row.clip))
            for link in hooks.installed().reflection_links()
            if may(link.right)
        ]
        return cls(
            row,
            [player(each.clip, voice=each.voice, says=row.clip.content_text[:60]) for each in row.voices],
            makes,
            [] if row.is_of_the_bank else links,
            reverse("admin:ttscache_clip_hide", args=[pk]),
            reverse("admin:ttscache_clip_change", args=[pk]),
            list_of("clip", {"id__in": ",".join(str(each) for each in row.clips)}),
        )


def rate_rows(found: Report) -> list[tuple[Any, str, list[Any]]]:
    """Rows of the table, the latest first: start of the step, address of its list, rate of each kind."""
    kinds = [kind.steps for kind in found.requests.kinds]
    rows = zip(found.scope.steps, *kinds, strict=True)
    return [(begin, usage_list(found.scope, **of_step(begin, found.scope)), cells) for begin, *cells in rows][
        ::-1
    ]


def below_target(kinds: Iterable[Kind]) -> list[tuple[str, str, str, list[str]]]:
    """The kinds that miss their target: tone, icon, word, labels; far below comes first."""
    said = []
    for tone in ("far", "below"):
        if labels := [kind.label for kind in kinds if kind.rate.tone == tone]:
            said.append((tone, *TONES[tone], labels))
    return said


def error_rows(found: Report) -> list[tuple[str, int, str]]:
    """Label, number and list address: of all calls, of all failed calls, and of each class of errors."""
    service = found.provider
    # Figures are by the hour: begin one earlier, as the report does, to count the oldest hour whole.
    since = as_parameter(timezone.now() - LATELY - HOUR)

    def of(**narrowed: str) -> str:
        return list_of("spending", {"hour__gte": since} | found.scope.by_voice | narrowed)

    def failed_with(codes: Iterable[str]) -> str:
        return of(outcome__in=",".join(sorted(codes)))

    codes = {name: service.codes[name] or CLASSES.get(name) or [name.lower()] for name in service.classes}
    every = [code for those in codes.values() for code in those]
    rows = [("Calls", service.calls, of()), ("Failed", service.failed, failed_with(every))]
    return rows + [(name, number, failed_with(codes[name])) for name, number in service.classes.items()]


def kinds_stored(found: Report) -> list[tuple[str, str, int, int]]:
    """Label, name, clips and bytes of each content type that is stored."""
    return [
        (kind.label, kind.value, found.storage.clips.get(kind, 0), found.storage.bytes_by_kind.get(kind, 0))
        for kind in ContentType
        if kind != ContentType.RESPONSE
    ]
