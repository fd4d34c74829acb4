"""GET /metrics in the test process. tests/test_metrics_over_http.py compares it with real requests."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from ttscache import adaptive_cache
from ttscache.adaptive_cache import Freshness
from ttscache.models import (
    ApiToken,
    BudgetDay,
    Clip,
    PermanentStore,
    Pin,
    ProcessReport,
    Spending,
    Usage,
    WarmItem,
    WarmRun,
)
from ttscache.monitoring import totals
from ttscache.renditions.current import request_for

pytestmark = pytest.mark.django_db

HOUR = datetime(2026, 11, 22, 18, tzinfo=UTC)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def caller() -> Client:
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue('prometheus')}"})


def scraped(caller: Client) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples by name and by label values, in the order of the label names."""
    answer = caller.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parse(answer.content.decode()):
        for sample in family.samples:
            key = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[key] = sample.value
    return found


def count(outcome: str, bucket: int, requests: int, **more: Any) -> None:
    figures = {"content_type": "question", "voice": "nova", "hour": HOUR} | more
    Usage.objects.create(
        outcome=outcome,
        latency_bucket=bucket,
        requests=requests,
        characters=requests * 40,
        audio_bytes=requests * 1_000,
        list_price_microusd=requests * 1_200,
        **figures,
    )


def paid(outcome: str, calls: int) -> None:
    Spending.objects.create(
        hour=HOUR, content_type="question", voice="nova", model="tts-1-hd", outcome=outcome, calls=calls,
        characters=calls * 40, cost_microusd=calls * 1_200,
    )  # fmt: skip


def clip(text: str, *, is_made: bool = True, **fields: Any) -> Clip:
    made = Clip.objects.record(request_for(text, "nova"), "question")
    fields = ({"stored_at": timezone.now()} if is_made else {}) | fields
    Clip.objects.filter(pk=made.pk).update(audio_file_size=1_000, **fields)
    return made


class TestCounters:
    def test_requests_add_up_over_hours_by_kind_outcome_and_voice(self, caller: Client) -> None:
        count("memory", 0, 3)
        count("memory", 2, 4, hour=HOUR - timedelta(days=300))
        count("failed", 5, 1, voice="onyx")

        assert scraped(caller)["lifereview_requests_total"] == {
            ("question", "failed", "onyx"): 1,
            ("question", "memory", "nova"): 7,
        }

    def test_the_histogram_counts_up_to_each_end(self, caller: Client) -> None:
        count("memory", 0, 3)
        count("memory", 2, 4)
        count("memory", 14, 1)
        buckets = scraped(caller)["lifereview_request_seconds_bucket"]

        assert [buckets[end, "memory"] for end in ("0.001", "0.002", "0.005", "30", "+Inf")] == [
            3,
            3,
            7,
            7,
            8,
        ]

    def test_metrics_count_money_in_dollars(self, caller: Client) -> None:
        count("memory", 0, 10)
        paid("ok", 2)
        found = scraped(caller)

        assert found["lifereview_worth_usd_total"] == {("question", "memory", "nova"): pytest.approx(0.012)}
        assert found["lifereview_spent_usd_total"] == {
            ("question", "tts-1-hd", "nova"): pytest.approx(0.0024)
        }

    def test_metrics_count_calls_by_outcome(self, caller: Client) -> None:
        paid("ok", 2)
        paid("key_refused", 1)

        calls = scraped(caller)["lifereview_provider_calls_total"]
        assert calls == {("tts-1-hd", "key_refused"): 1, ("tts-1-hd", "ok"): 2}

    def test_metrics_count_hits_on_clips_made_ahead(self, caller: Client) -> None:
        count("memory", 0, 3, warmed_hits=2)

        assert scraped(caller)["lifereview_warmed_hits_total"] == {("question", "nova"): 2}


class TestGauges:
    def test_metrics_count_clips_and_stored_bytes_by_kind_and_tier(self, caller: Client) -> None:
        clip("One", stored_size=900)
        clip("Two")
        clip("Three", stored_in=PermanentStore.STORAGE)
        clip("Four", is_made=False)
        found = scraped(caller)

        assert found["lifereview_clips"] == {("question", "database"): 2, ("question", "storage"): 1}
        assert found["lifereview_clips_stored_bytes"]["question", "database"] == 1_900

    def test_metrics_report_coverage_of_published_clips(self, caller: Client) -> None:
        for one in (clip("Live"), clip("Missing", is_made=False)):
            Pin.objects.create(content_hash=one.content_hash, reason=Pin.Reason.LIVE)
        Pin.objects.create(content_hash=clip("Draft").content_hash, reason=Pin.Reason.DRAFT)
        found = scraped(caller)

        assert found["lifereview_published_clips"] == {(): 2}
        assert found["lifereview_published_clips_ready"] == {(): 1}

    def test_metrics_report_the_queue_of_a_run_at_work(self, caller: Client) -> None:
        for state in (WarmRun.State.RUNNING, WarmRun.State.CANCELLED):
            run = WarmRun.objects.create(scope="ours", state=state)
            WarmItem.objects.create(run=run, clip=clip(state, is_made=False), position=0, characters=3)
        found = scraped(caller)

        assert found["lifereview_clips_waiting"] == {(): 1}
        assert found["lifereview_clips_waiting_oldest_seconds"][()] > 0
        assert found["lifereview_warm_runs"]["running",] == 1

    def test_metrics_report_the_budget_and_its_reservations(self, caller: Client, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "daily_budget_usd": 5.0}
        BudgetDay.objects.create(day=datetime.now(UTC).date(), committed_microusd=1_500_000)
        found = scraped(caller)

        assert (found["lifereview_budget_usd"][()], found["lifereview_budget_committed_usd"][()]) == (
            5.0,
            1.5,
        )

    def test_every_cluster_has_a_heartbeat(self, caller: Client) -> None:
        for host in ("one", "two"):
            ProcessReport.objects.create(host=host, process="cluster", reported_at=timezone.now())

        assert set(scraped(caller)["lifereview_cluster_heartbeat_age_seconds"]) == {("one",), ("two",)}

    def test_metrics_name_the_running_version_and_models(self, caller: Client, settings: Any) -> None:
        (labels,) = scraped(caller)["lifereview_build_info"]
        project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]

        assert {"embedded", project["version"]} <= set(labels)


class TestResponse:
    def test_metrics_answer_in_openmetrics_when_asked(self, caller: Client) -> None:
        count("memory", 0, 3)
        paid("ok", 1)
        answer = caller.get("/metrics", headers={"Accept": OPENMETRICS})

        assert answer["Content-Type"].startswith(OPENMETRICS)
        families = {family.name: family for family in parse_openmetrics(answer.content.decode())}  # type: ignore[no-untyped-call]
        assert families["lifereview_requests"].samples[0].value == 3

    def test_metrics_require_a_token_or_staff(self, caller: Client, admin_client: Client) -> None:
        strangers, wrong = Client(), Client(headers={"Authorization": "Bearer wrong"})
        statuses = [client.get("/metrics").status_code for client in (strangers, wrong, caller, admin_client)]

        assert statuses == [401, 401, 200, 200]

    def test_metrics_require_a_token_where_free_text_is_open_too(self, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}

        assert Client().get("/metrics").status_code == 401

    def test_metrics_errors_are_json_without_database_details(
        self, caller: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise DatabaseError('relation "secret" does not exist')

        monkeypatch.setattr(totals, "usage", fail)
        answer = caller.get("/metrics")

        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert "secret" not in answer.content.decode()

    def test_metrics_take_few_queries_for_any_amount_of_data(
        self, caller: Client, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            count("memory", number % 15, 1, voice=f"voice{number}")
            clip(f"Text {number}")
        with django_assert_max_num_queries(20):
            scraped(caller)


def test_metrics_sum_settled_hours_once_and_new_ones_each_time(
    caller: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptive_cache, "QUICK_SECONDS", -1.0)
    count("memory", 0, 3, hour=HOUR - timedelta(days=300))
    requests = [sum(scraped(caller)["lifereview_requests_total"].values())]
    count("memory", 1, 4, hour=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        requests.append(sum(scraped(caller)["lifereview_requests_total"].values()))

    assert requests == [3, 7]
    assert not [query for query in queries if 'ttscache_usage"."hour" <' in query["sql"]]


def test_metrics_cache_slow_figures_and_repeat_quick_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = adaptive_cache.cached_in_process(Freshness(times=1e9))(lambda: looks.append(1))
    look(), look()
    monkeypatch.setattr(adaptive_cache, "QUICK_SECONDS", -1.0)
    look(), look(), look()

    assert len(looks) == 3
