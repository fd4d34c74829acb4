"""manage.py demo_usage: a year to show, never to be taken for real."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from ttscache.analytics import cache_stats
from ttscache.figures import asked, demo
from ttscache.figures.scope import Scope
from ttscache.models import Clip, ClipDay, Spending, Usage

pytestmark = pytest.mark.django_db

TABLES = (Usage, Spending, ClipDay, Clip)


def run(*options: str) -> str:
    out = StringIO()
    call_command("demo_usage", *options, stdout=out)
    return out.getvalue()


def real_usage() -> Usage:
    return Usage.objects.create(
        hour=timezone.now(),
        content_type="question",
        voice="nova",
        outcome="failed",
        latency_bucket=1,
        requests=1,
    )


def rows() -> dict[str, list[Any]]:
    counts = ("hour", "voice", "content_type", "outcome", "requests")
    return {"usage": sorted(Usage.objects.values_list(*counts)), "days": list(ClipDay.objects.order_by("pk"))}


def test_a_year_shows_in_every_range():
    run("--days", "365")
    for name in ("24h", "7d", "30d", "90d", "365d"):
        found = asked.asked(Scope.asked_for({"range": name}))
        assert found.rate.requests > 100
        assert all(kind.rate.requests for kind in found.kinds)


def test_it_is_the_same_each_time():
    run("--days", "10")
    first = rows()["usage"]
    run("--days", "10")
    assert rows()["usage"] == first


def test_clearing_removes_it_and_nothing_else():
    real = real_usage()
    run("--days", "3", "--force")
    run("--clear")
    assert [model.objects.count() for model in TABLES] == [1, 0, 0, 0]
    assert Usage.objects.get() == real


def test_it_refuses_beside_real_figures():
    real_usage()
    with pytest.raises(CommandError, match="There are real figures here"):
        run()
    assert Usage.objects.count() == 1


def test_what_the_service_says_of_itself_leaves_it_out():
    run("--days", "3")
    real_usage()
    stats = cache_stats()
    assert (sum(stats["by_tier"].values()), stats["spent_usd"], stats["saved_usd"]) == (1, 0, 0)


def test_the_dashboard_says_so_until_it_is_gone(admin_client):
    run("--days", "3")
    index = reverse("admin:index")
    assert "Made-up figures." in admin_client.get(index).content.decode()
    run("--clear")
    cache.clear()
    assert "Made-up figures." not in admin_client.get(index).content.decode()


def test_nobody_can_make_or_hear_it():
    run("--days", "3")
    assert not Clip.objects.filter(is_shareable=True).exists()
    assert not Clip.objects.with_audio().exists()
    assert all(clip.voice in demo.VOICES for clip in Clip.objects.all())
