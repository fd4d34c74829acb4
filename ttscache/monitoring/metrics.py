"""Metrics for Prometheus, read from the database at each scrape.

So counters cover all processes and hosts and survive restarts, and any process may answer. Histograms have
buckets but no sum, because only the bucket of a latency is stored. Names follow
https://prometheus.io/docs/practices/naming
"""

from __future__ import annotations

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from itertools import accumulate
from typing import Any

import django
from django.conf import settings
from django.db import connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ttscache.accounting.budget import budget_today
from ttscache.accounting.ledger import LATENCY_BUCKETS_MS, UNTIMED
from ttscache.conf import conf
from ttscache.coordination.hosts import host_name
from ttscache.models import Alert
from ttscache.monitoring import inventory, totals
from ttscache.renditions.current import live_rendition
from ttscache.renditions.retirement import watched_models
from ttscache.wiring import speech_cache

# Seconds, written as Prometheus expects its `le` labels.
BUCKET_ENDS = (*(f"{milliseconds / 1_000:g}" for milliseconds in LATENCY_BUCKETS_MS), "+Inf")

Rows = Sequence[tuple[Any, ...]]


class Figures(Collector):
    """All metrics. Collecting raises Error; a scrape then fails as a whole."""

    def collect(self) -> Iterator[Metric]:
        yield from _requests(totals.usage())
        yield _time_to_sound(totals.playback_starts())
        yield from _calls(totals.spending())
        yield from _clips()
        yield from _work()
        yield from _service()
        yield from _models()


# --- counters --------------------------------------------------------------------------------------------
def _requests(usage: Rows) -> Iterator[Metric]:
    labels = ["content_type", "voice", "outcome"]
    sums = _summed(usage, lambda row: row[:3])
    says = "{} of clips requested. The outcomes memory, file, database, storage and edge are hits."
    yield _counter("lifereview_requests", "Clips requested, by outcome.", labels, _column(sums, 0))
    yield _counter("lifereview_request_characters", says.format("Characters"), labels, _column(sums, 1))
    yield _counter("lifereview_sent_bytes", says.format("Bytes sent"), labels, _column(sums, 2))
    list_prices = _column(sums, 3, micro=True)
    yield _counter("lifereview_worth_usd", "List price of all clips served.", labels, list_prices)
    ahead = _column(_summed(usage, lambda row: row[:2]), 4)
    yield _counter("lifereview_warmed_hits", "Hits on clips that were made ahead.", labels[:2], ahead)
    yield _latency(usage)


def _latency(usage: Rows) -> Metric:
    says = "From the request to the first byte, by outcome. There are buckets, but no sum."
    counts = ((row[2:3], row[3], row[4]) for row in usage if row[2] not in UNTIMED)
    return _histogram("lifereview_request_seconds", says, ["outcome"], counts)


def _time_to_sound(playback_starts: Rows) -> Metric:
    says = "From the press to sound, as listeners' browsers report it. There are buckets, but no sum."
    counts = ((row[:2], row[2], row[3]) for row in playback_starts)
    return _histogram("lifereview_time_to_sound_seconds", says, ["content_type", "voice"], counts)


def _calls(spending: Rows) -> Iterator[Metric]:
    calls = _column(_summed(spending, lambda row: row[2:4]), 0)
    says = 'Calls of the speech provider, background included. The outcome is "ok" or an error code.'
    yield _counter("lifereview_provider_calls", says, ["model", "outcome"], calls)
    spent = _summed(spending, lambda row: row[:3])
    labels = ["content_type", "voice", "model"]
    says = "Cost of provider calls, at the prices when they were made."
    yield _counter("lifereview_spent_usd", says, labels, _column(spent, 2, micro=True))
    says = "Characters of provider calls."
    yield _counter("lifereview_provider_characters", says, labels, _column(spent, 1))


# --- gauges ----------------------------------------------------------------------------------------------
def _clips() -> Iterator[Metric]:
    clips: Counter[tuple[str, str]] = Counter()
    stored: Counter[tuple[str, str]] = Counter()
    for held in inventory.clips_held():
        clips[held.content_type, held.stored_in] += held.clips
        stored[held.content_type, held.stored_in] += held.stored_bytes
    labels = ["content_type", "tier"]
    yield _gauge("lifereview_clips", "Clips in the permanent tiers.", labels, clips)
    yield _gauge("lifereview_clips_stored_bytes", "Bytes at rest in the permanent tiers.", labels, stored)
    files, host = inventory.files_here(), ["host"]
    here = (host_name(),)
    says = "Clips in the local files of the host that answers."
    yield _gauge("lifereview_local_files", says, host, {here: files.clips})
    says = "Bytes of the local files of the host that answers."
    yield _gauge("lifereview_local_files_bytes", says, host, {here: files.bytes})
    says = "Clips in the memory of the processes of the host that answers, as they last reported."
    yield _gauge("lifereview_memory_clips", says, host, {here: inventory.clips_in_memory()})
    coverage = inventory.coverage()
    says = "Published texts times listener voices."
    yield _gauge("lifereview_published_clips", says, [], {(): coverage.total})
    says = "Published texts times listener voices whose clip plays without a provider call."
    yield _gauge("lifereview_published_clips_ready", says, [], {(): coverage.ready})


def _work() -> Iterator[Metric]:
    clips, tasks = inventory.clips_waiting(), inventory.tasks_waiting()
    yield _gauge("lifereview_clips_waiting", "Clips queued to be made ahead.", [], {(): clips.waiting})
    says = "Seconds since the oldest run with queued clips was requested."
    yield _gauge("lifereview_clips_waiting_oldest_seconds", says, [], {(): clips.oldest_seconds})
    yield _gauge("lifereview_tasks_waiting", "Background tasks in the queue.", [], {(): tasks.waiting})
    says = "Seconds since the oldest waiting task was queued."
    yield _gauge("lifereview_tasks_waiting_oldest_seconds", says, [], {(): tasks.oldest_seconds})
    runs = {(state,): number for state, number in inventory.runs_by_state().items()}
    yield _gauge("lifereview_warm_runs", "Warm runs on record, by state.", ["state"], runs)
    ages = {(host,): age for host, age in inventory.heartbeats()}
    says = "Seconds since the task cluster of a host last finished a task."
    yield _gauge("lifereview_cluster_heartbeat_age_seconds", says, ["host"], ages)


def _service() -> Iterator[Metric]:
    budget = budget_today()
    if budget.cap_usd is not None:
        says = "The budget of a day (UTC)."
        yield _gauge("lifereview_budget_usd", says, [], {(): budget.cap_usd})
    says = "Spent today (UTC), or set aside for calls under way."
    yield _gauge("lifereview_budget_committed_usd", says, [], {(): budget.committed_usd})
    says = "1 while the circuit breaker of the process that answers is open."
    is_open = speech_cache().synthesizer.circuit.is_open
    yield _gauge("lifereview_circuit_open", says, [], {(): int(is_open)})
    is_on = dict.fromkeys(Alert.Kind.values, 0)
    is_on |= dict.fromkeys(Alert.objects.open().values_list("kind", flat=True), 1)
    says = "1 while an alert of this kind is open."
    yield _gauge("lifereview_alert", says, ["kind"], {(kind,): on for kind, on in is_on.items()})
    about = {
        "version": settings.VERSION,
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": connection.vendor,
        "provider": conf().provider,
        "model": live_rendition(conf().default_voice).model,
    }
    says = "Versions and settings of the process that answers."
    yield _gauge("lifereview_build_info", says, list(about), {tuple(about.values()): 1})


def _models() -> Iterator[Metric]:
    """Metrics of the models in use."""
    watched, label = watched_models(), ["model"]
    days = {(each.model,): each.days_left for each in watched if each.days_left is not None}
    begins = {
        (each.model,): datetime.combine(each.shutdown_date, time(), UTC).timestamp()
        for each in watched
        if each.shutdown_date is not None
    }
    says = "When the provider switches the model off. Models without a known day are left out."
    yield _gauge("lifereview_model_shutdown_timestamp_seconds", says, label, begins)
    says = "Days until the provider switches the model off; 0 afterwards."
    yield _gauge("lifereview_model_shutdown_days", says, label, days)
    says = "1 once the model is switched off, or the provider has refused it as gone."
    yield _gauge("lifereview_model_retired", says, label, {(e.model,): int(e.is_retired) for e in watched})


# --- families of metrics ---------------------------------------------------------------------------------
def _summed(rows: Rows, key: Any) -> dict[tuple[str, ...], list[int]]:
    """Add up the rows by a key. A row has four dimensions, followed by its counts."""
    sums: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * 5)
    for row in rows:
        figures = sums[key(row)]
        for place, count in enumerate(row[4:]):
            figures[place] += count
    return sums


def _column(sums: dict[tuple[str, ...], list[int]], place: int, *, micro: bool = False) -> dict[Any, float]:
    return {key: figures[place] / 1e6 if micro else figures[place] for key, figures in sums.items()}


def _counter(name: str, says: str, labels: list[str], values: Mapping[Any, float]) -> Metric:
    return _filled(CounterMetricFamily(name, says, labels=labels), values)


def _gauge(name: str, says: str, labels: list[str], values: Mapping[Any, float]) -> Metric:
    return _filled(GaugeMetricFamily(name, says, labels=labels), values)


def _histogram(
    name: str, says: str, labels: list[str], counts: Iterable[tuple[Sequence[str], int, int]]
) -> Metric:
    """`counts` holds (label values, bucket, number of requests in it)."""
    found: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * len(BUCKET_ENDS))
    for key, bucket, number in counts:
        found[tuple(key)][bucket] += number
    family = HistogramMetricFamily(name, says, labels=labels, unit="seconds")
    for key, buckets in sorted(found.items()):
        family.add_metric(list(key), list(zip(BUCKET_ENDS, accumulate(buckets), strict=True)), None)
    return family


def _filled(family: Any, values: Mapping[Any, float]) -> Metric:
    for key in sorted(values):
        family.add_metric(list(key), values[key])
    found: Metric = family
    return found
