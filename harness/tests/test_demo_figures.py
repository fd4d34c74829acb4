"""A year of invented figures for a demo site."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.demo_figures import REFLECTIONS, VOICES, RealFigures, seed
from ttscache.models import DailyRequests, PlaybackStart, Spending, Usage
from ttscache.reports.csv_export import COUNTED
from ttscache.reports.hit_rates import request_figures
from ttscache.reports.scope import Scope
from ttscache.reports.time_to_sound import time_to_sound

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo_data(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "has_demo_data": True}


def rows() -> dict[str, list[Any]]:
    counts = ("hour", "voice", "content_type", "outcome", "requests")
    calls = ("hour", "voice", "content_type", "outcome", "calls")
    return {
        "usage": sorted(Usage.objects.values_list(*counts)),
        "spending": sorted(Spending.objects.values_list(*calls)),
        "days": sorted(DailyRequests.objects.values_list("content_hash", "day", "requests")),
    }


def test_demo_figures_of_a_year_show_in_every_range():
    seed(365)
    for name in ("24h", "7d", "30d", "90d", "365d"):
        found = request_figures(Scope.from_query({"range": name}))
        assert found.rate.requests > 100
        assert all(kind.rate.requests for kind in found.kinds)


@pytest.mark.any_database
def test_demo_figures_are_equal_each_time():
    now = timezone.now()
    seed(10, now)
    first = rows()
    for model in (Usage, Spending, PlaybackStart, DailyRequests):
        model.objects.all().delete()
    seed(10, now)
    assert rows() == first


@pytest.mark.any_database
def test_time_to_sound_has_a_year_of_figures_too():
    seed(365)
    for name in ("24h", "7d", "365d"):
        found = time_to_sound(Scope.from_query({"range": name, "voice": VOICES[0]}))
        assert found.starts > 50
        assert found.p95 is not None and 100 < found.p95.ms < 5_000
    assert not PlaybackStart.objects.filter(content_type="response").exists()


@pytest.mark.any_database
def test_the_dashboard_lists_the_reflections_as_most_heard_and_says_that_they_are_demo_data(admin_client):
    seed(30)
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert REFLECTIONS[0] in page
    assert re.search(r"[\d,]+ plays \(demo data\)", page)
    assert "Demo data" in page


@pytest.mark.any_database
def test_each_counted_line_of_the_csv_and_its_file_name_say_demo_data(admin_client: Client, settings: Any):
    seed(2)
    address = reverse("admin:ttscache_dashboard_csv")
    answer = admin_client.get(address)
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    marked = {line["section"] for line in lines if line["figure"].endswith(" (demo data)")}
    unmarked = {line["section"] for line in lines if not line["figure"].endswith(" (demo data)")}

    assert "sound-demo-data-7d-" in answer["Content-Disposition"]
    assert marked == COUNTED
    assert unmarked == {"range", "coverage", "storage", "never heard", "queue"}
    settings.TTSCACHE = {**settings.TTSCACHE, "has_demo_data": False}
    answer = admin_client.get(address)
    assert "demo" not in answer["Content-Disposition"] + answer.content.decode()


@pytest.mark.any_database
def test_demo_figures_are_refused_where_somebody_has_asked_for_a_clip():
    seed(2)
    before = rows()
    with pytest.raises(RealFigures, match="Somebody has asked"):
        seed(2)
    assert rows() == before


@pytest.mark.any_database
def test_demo_figures_are_refused_on_a_site_that_is_not_for_them(settings):
    settings.TTSCACHE = {**settings.TTSCACHE, "has_demo_data": False}
    with pytest.raises(RealFigures, match="DEMO_DATA=1"):
        seed(2)
    assert not any(rows().values())
