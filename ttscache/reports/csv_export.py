"""The report as lines of a CSV, one figure a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ttscache.conf import conf
from ttscache.reports.report import Report

HEADINGS = ("section", "what", "from (UTC)", "figure", "value", "unit")

COUNTED = {"asked", "over time", "source", "time to sound", "money", "most heard", "voice service"}

Line = tuple[str, str, str, str, Any, str]


def lines(found: Report, *, shows_texts: bool) -> Iterator[Line]:
    """One line for each figure, in the columns of HEADINGS. Reflections are left out unless `shows_texts`.

    Each figure that is counted says where it is demo data, because lines of a sheet are copied one by one.
    """
    mark = demo_mark()
    for section, what, begin, figure, value, unit in _lines(found, shows_texts=shows_texts):
        yield section, what, begin, figure + mark if section in COUNTED else figure, value, unit


def demo_mark() -> str:
    """The words after a figure of a site that shows made-up figures."""
    return " (demo data)" if conf().has_demo_data else ""


def _lines(found: Report, *, shows_texts: bool) -> Iterator[Line]:
    since = found.scope.since.isoformat()
    voice = found.voice_name or "all voices"
    yield "range", found.scope.range.label, since, "voice", voice, ""
    yield "range", found.scope.range.label, since, "rates by", found.scope.view, ""
    rate, costs = found.requests.rate, found.costs
    yield "asked", "all", since, "requests", rate.requests, ""
    yield "asked", "all", since, "hits", rate.hits, ""
    yield "asked", "all", since, "hit rate", rate.percent, "percent"
    yield "asked", "all", since, "change", found.requests.change, "points"
    for kind in found.requests.kinds:
        yield "asked", kind.name, since, "requests", kind.rate.requests, ""
        yield "asked", kind.name, since, "hits", kind.rate.hits, ""
        yield "asked", kind.name, since, "hit rate", kind.rate.percent, "percent"
        yield "asked", kind.name, since, "target", kind.rate.target, "percent"
    for kind in found.requests.kinds:
        for begin, step in zip(found.scope.steps, kind.steps, strict=True):
            yield "over time", kind.name, begin.isoformat(), "requests", step.requests, ""
            yield "over time", kind.name, begin.isoformat(), "hit rate", step.percent, "percent"
    for source in found.requests.sources:
        yield "source", source.outcome, since, "requests", source.requests, ""
        yield "source", source.outcome, since, "share", source.share, "percent"
        for name in ("p50", "p95", "p99"):
            latency = getattr(source, name)
            yield "source", source.outcome, since, name, latency and round(latency.ms, 1), "ms"
    sound = found.time_to_sound
    yield "time to sound", "all", since, "starts", sound.starts, ""
    for name, latency in (("p50", sound.p50), ("p95", sound.p95)):
        yield "time to sound", "all", since, name, latency and round(latency.ms, 1), "ms"
    yield "money", "all", since, "spent", round(costs.spent, 6), "USD"
    yield "money", "all", since, "without the cache", round(costs.without, 6), "USD"
    yield "money", "all", since, "saved", round(costs.saved, 6), "USD"
    yield "money", "all", since, "saved", costs.saved_percent, "percent"
    yield "money", "all", since, "calls", costs.calls, ""
    yield "money", "today", "", "budget", found.budget.cap_usd, "USD"
    yield "money", "today", "", "committed", round(found.budget.committed_usd, 6), "USD"
    for begin, spent, without in zip(found.scope.steps, costs.spent_steps, costs.without_steps, strict=True):
        yield "money", "over time", begin.isoformat(), "spent", round(spent, 6), "USD"
        yield "money", "over time", begin.isoformat(), "without the cache", round(without, 6), "USD"
    yield from _storage(found)
    yield from _most_heard(found, shows_texts=shows_texts)
    yield from _background_work(found)


def _storage(found: Report) -> Iterator[Line]:
    space = found.storage
    yield "coverage", "published", "", "clips", found.coverage.total, ""
    yield "coverage", "published", "", "made", found.coverage.ready, ""
    for name, size in space.bytes_by_kind.items():
        yield "storage", name, "", "clips", space.clips[name], ""
        yield "storage", name, "", "at rest", size, "bytes"
    yield "storage", "all", "", "clips", space.total_clips, ""
    yield "storage", "all", "", "at rest", space.total_bytes, "bytes"
    yield "storage", "all", "", "limit", space.limit_bytes, "bytes"
    yield "storage", "all", "", "growth a day", round(space.bytes_a_day), "bytes"
    yield "storage", "all", "", "days left", space.days_left, "days"
    yield "never heard", "all", "", "clips", found.never_heard.found.clips, ""
    yield "never heard", "all", "", "paid", round(found.never_heard.found.usd, 6), "USD"
    for kept in found.irreplaceable:
        what = f"from {kept.from_day.isoformat()} on" if kept.from_day else "now"
        yield "cannot be made again", what, "", "clips", kept.clips, ""
        yield "cannot be made again", what, "", "at rest", kept.stored_bytes, "bytes"
    if found.stale_total is not None:
        stale = found.stale_total.found
        yield "not asked for", "all", "", "clips", stale.clips, ""
        yield "not asked for", "all", "", "at rest", stale.stored_bytes, "bytes"
        yield "not asked for", "all", "", "to make again", round(stale.usd, 6), "USD"


def _most_heard(found: Report, *, shows_texts: bool) -> Iterator[Line]:
    since = found.scope.since.isoformat()
    for row in found.most_heard.rows if shows_texts else []:
        yield "most heard", row.clip.content_text, since, "plays", row.plays, ""
        yield "most heard", row.clip.content_text, since, "saved", round(row.saved_usd, 6), "USD"
    yield "most heard", "rare or private", "", "clips", found.most_heard.others, ""


def _background_work(found: Report) -> Iterator[Line]:
    waiting, service = found.queue, found.provider
    for figure in ("waiting", "running", "failed", "exhausted", "tasks_waiting", "tasks_failed"):
        yield "queue", "now", "", figure.replace("_", " "), getattr(waiting, figure), ""
    yield "queue", "now", "", "oldest waits", waiting.oldest_seconds, "s"
    yield "queue", "now", "", "done in about", waiting.eta_seconds, "s"
    yield "voice service", "24 hours", "", "calls", service.calls, ""
    yield "voice service", "24 hours", "", "failed", service.failed, "failed calls"
    yield "voice service", "24 hours", "", "error rate", service.error_percent, "percent"
    for name, failed in service.classes.items():
        yield "voice service", "24 hours", "", name, failed, "failed calls"
