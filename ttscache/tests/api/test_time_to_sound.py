"""POST /api/time-to-sound, and the pages that show its figures. Browser tests are in tests/."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse
from rest_framework.settings import api_settings

from harness.staff_pages import figure
from ttscache.api.throttling import ScopedThrottle
from ttscache.models import PlaybackStart
from ttscache.monitoring.metrics import Figures
from ttscache.reports.percentiles import Latency
from ttscache.reports.scope import RANGES, Scope
from ttscache.reports.time_to_sound import time_to_sound
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
REPORT: dict[str, Any] = {"voice": "nova", "content_type": "question", "milliseconds": 210}


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    """Clear the throttle counts and the cached figures."""
    for cache in caches.all(initialized_only=False):
        cache.clear()


def tell(body: Any = REPORT, **fields: Any) -> Any:
    sent = body | fields if isinstance(body, dict) else body
    return Client().post("/api/time-to-sound", sent, content_type="application/json")


def counted() -> dict[tuple[str, str, int], int]:
    speech_cache().ledger.flush()
    rows = PlaybackStart.objects.values_list("content_type", "voice", "latency_bucket", "starts")
    return {(kind, voice, bucket): starts for kind, voice, bucket, starts in rows}


def started(*buckets: int, days_ago: float = 0, voice: str = "nova") -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - days_ago * DAY
    for bucket in buckets:
        PlaybackStart.objects.create(
            hour=hour, content_type="question", voice=voice, latency_bucket=bucket, starts=10
        )


# --- taking reports --------------------------------------------------------------------------------------
def test_a_report_of_time_to_sound_is_counted_by_voice_kind_and_bucket() -> None:
    for fields in ({}, {}, {"voice": "onyx"}, {"content_type": "narrative"}, {"milliseconds": 60_000}):
        answer = tell(**fields)
        assert (answer.status_code, answer.content, answer["Cache-Control"]) == (204, b"", "no-store")

    assert counted() == {
        ("question", "nova", 8): 2,
        ("question", "onyx", 8): 1,
        ("narrative", "nova", 8): 1,
        ("question", "nova", 14): 1,
    }


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(0, 0), (1, 0), (2, 1), (200, 7), (201, 8), (30_001, 14)]
)
def test_a_time_to_sound_is_counted_in_the_bucket_it_does_not_exceed(milliseconds: int, bucket: int) -> None:
    tell(milliseconds=milliseconds)

    assert counted() == {("question", "nova", bucket): 1}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"voice": "alloy"}, "unknown_voice"),
        ({"voice": ""}, "invalid"),
        ({"voice": None}, "invalid"),
        ({"voice": ["nova"]}, "invalid"),
        ({"voice": "nova (demo)"}, "unknown_voice"),
        ({"content_type": "response"}, "unknown_content_type"),
        ({"content_type": "greeting"}, "unknown_content_type"),
        ({"content_type": ["question"]}, "unknown_content_type"),
        ({"milliseconds": -1}, "invalid"),
        ({"milliseconds": 60_001}, "invalid"),
        ({"milliseconds": 10**400}, "invalid"),
        ({"milliseconds": 1.5}, "invalid"),
        ({"milliseconds": "210"}, "invalid"),
        ({"milliseconds": True}, "invalid"),
        ({"milliseconds": None}, "invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_time_to_sound_refuses_values_outside_its_range(fields: dict[str, Any], code: str) -> None:
    answer = tell(**fields)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert counted() == {}


@pytest.mark.parametrize("name", REPORT)
def test_time_to_sound_requires_every_field(name: str) -> None:
    answer = tell({key: value for key, value in REPORT.items() if key != name})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "body", ["", "[1]", "{", '"nova"', "null"], ids=["none", "list", "cut", "text", "null"]
)
def test_a_time_to_sound_body_that_is_no_object_is_refused(body: str) -> None:
    assert tell(body).status_code == 400
    assert counted() == {}


def test_a_time_to_sound_error_never_repeats_the_body() -> None:
    for name in REPORT:
        assert "Rosa" not in tell(**{name: "My mother's name was Rosa."}).content.decode()


def test_time_to_sound_makes_one_statement_that_counts_it_and_sets_no_cookie(
    django_assert_num_queries: Any,
) -> None:
    with django_assert_num_queries(1):
        answer = tell()

    assert not answer.cookies


def test_too_many_reports_of_time_to_sound_are_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {**api_settings.DEFAULT_THROTTLE_RATES, "time_to_sound": "2/min"}
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", rates)
    answers = [tell() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert answers[2].json() == {"error": "Too much was reported.", "code": "throttled"}
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert sum(counted().values()) == 2


def test_time_to_sound_is_in_the_api_schema(client: Client) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    described = schema["paths"]["/api/time-to-sound"]["post"]

    assert set(described["responses"]) == {"204", "400", "413", "429", "503"}
    assert schema["components"]["schemas"]["TimeToSound"]["properties"]["milliseconds"]["maximum"] == 60_000


# --- showing figures -------------------------------------------------------------------------------------
def test_median_and_95th_percentile_of_time_to_sound_are_reported() -> None:
    started(7, 8)
    found = time_to_sound(Scope.from_query({}))

    assert (found.starts, found.p50, found.p95) == (20, Latency(200), Latency(470))


def test_time_to_sound_is_empty_without_a_start() -> None:
    found = time_to_sound(Scope.from_query({}))

    assert (found.starts, found.p50, found.p95) == (0, None, None)


@pytest.mark.parametrize("name", [each.name for each in RANGES])
def test_time_to_sound_counts_the_starts_of_the_chosen_range(name: str) -> None:
    length = next(each.length for each in RANGES if each.name == name)
    for voice, ago in (("nova", 0 * DAY), ("onyx", length - DAY), ("nova", length + DAY)):
        started(7, days_ago=ago / DAY, voice=voice)

    assert time_to_sound(Scope.from_query({"range": name})).starts == 20


def test_time_to_sound_counts_the_starts_of_the_chosen_voice() -> None:
    started(7, days_ago=5)
    started(8, days_ago=5, voice="onyx")

    assert time_to_sound(Scope.from_query({"voice": "onyx"})).buckets == {8: 10}


def page_of(client: Client, query: str = "") -> str:
    return str(client.get(f"{reverse('admin:index')}?{query}").content.decode())


def test_dashboard_shows_time_to_sound_and_a_dash_without_starts(admin_client: Client) -> None:
    names = ("sound-p50", "sound-p95", "sound-starts")
    assert [figure(page_of(admin_client), name) for name in names] == ["-", "-", "0"]
    started(7, 8)

    assert [figure(page_of(admin_client), name) for name in names] == ["200 ms", "470 ms", "20"]


def test_time_to_sound_leads_to_the_rows_of_its_range_and_voice(admin_client: Client) -> None:
    started(8)
    started(8, days_ago=20)
    started(8, voice="onyx")
    link = re.search(r'href="([^"]+)"\s+data-figure="sound-p95"', page_of(admin_client, "voice=nova"))
    assert link is not None
    rows = admin_client.get(link[1].replace("&amp;", "&")).content.decode()

    assert rows.count("field-waited") == 1
    assert "up to 500 ms" in rows


def test_the_csv_has_the_time_to_sound(admin_client: Client) -> None:
    started(7, 8)
    text = admin_client.get(reverse("admin:ttscache_dashboard_csv")).content.decode()
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["section"] == "time to sound"]

    assert [(line["figure"], line["value"]) for line in lines] == [
        ("starts", "20"),
        ("p50", "200.0"),
        ("p95", "470.0"),
    ]


def test_metrics_have_a_histogram_of_the_time_to_sound() -> None:
    started(7, 8, 14)
    started(8, days_ago=300)
    found = {}
    for family in parse(generate_latest(Figures()).decode()):
        for sample in family.samples:
            if sample.name == "lifereview_time_to_sound_seconds_bucket":
                found[sample.labels["le"]] = sample.value
                assert (sample.labels["content_type"], sample.labels["voice"]) == ("question", "nova")

    assert [found[end] for end in ("0.1", "0.2", "0.5", "30", "+Inf")] == [0, 10, 30, 30, 40]
