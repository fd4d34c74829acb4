"""manage.py demo_usage: a year to show, never to be taken for real."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from prometheus_client import generate_latest

from ttscache.accounting.budget import budget_today
from ttscache.analytics import cache_stats
from ttscache.conf import conf
from ttscache.figures import asked, demo
from ttscache.figures.scope import Scope
from ttscache.figures.time_to_sound import time_to_sound
from ttscache.models import Alert, Clip, ClipDay, Pin, SoundStart, Spending, Usage
from ttscache.monitoring import alerts
from ttscache.monitoring.metrics import Figures
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

TABLES = (Usage, Spending, SoundStart, ClipDay, Clip)


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


@pytest.mark.any_database
def test_it_is_the_same_each_time():
    run("--days", "10")
    first = rows()["usage"]
    run("--days", "10")
    assert rows()["usage"] == first


@pytest.mark.any_database
def test_clearing_removes_it_and_nothing_else():
    real = real_usage()
    run("--days", "3", "--force")
    run("--clear")
    assert [model.objects.count() for model in TABLES] == [1, 0, 0, 0, 0]
    assert Usage.objects.get() == real


@pytest.mark.any_database
def test_it_refuses_beside_real_figures():
    real_usage()
    with pytest.raises(CommandError, match="There are real figures here"):
        run()
    assert Usage.objects.count() == 1


def told_to_others() -> tuple[dict[str, Any], str, list[tuple[str, str, str]]]:
    """cache-stats, metrics, and what staff are mailed about."""
    alerts.look()
    found = Alert.objects.order_by("kind", "subject").values_list("kind", "subject", "says")
    return cache_stats(), generate_latest(Figures()).decode(), list(found)


def real_figures() -> None:
    """Little of everything, and a published clip that is missing."""
    now = timezone.now()
    usage = {"hour": now, "content_type": "question", "voice": "nova", "latency_bucket": 1}
    for outcome, requests in (("memory", 80), ("failed", 20)):
        Usage.objects.create(**usage, outcome=outcome, requests=requests, worth_microusd=requests)
    Spending.objects.create(hour=now, voice="nova", model="tts-1-hd", outcome="ok", calls=3, cost_microusd=90)
    SoundStart.objects.create(hour=now, content_type="question", voice="nova", latency_bucket=7, starts=5)
    clip = Clip.objects.record(conf().house_request("Not made.", "nova"), "question")
    Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)


@pytest.mark.any_database
def test_what_the_service_says_of_itself_to_others_is_the_same_with_it_and_without():
    real_figures()
    before = told_to_others()
    run("--days", "100", "--force")
    after = told_to_others()
    assert after == before
    assert [kind for kind, _, _ in before[2]] == ["coverage", "hit_rate"]
    assert Usage.objects.filter(voice__in=demo.VOICES).exists()


@pytest.mark.any_database
def test_misses_that_were_made_up_raise_no_alarm():
    misses = {"outcome": "failed", "latency_bucket": 1, "requests": 100}
    Usage.objects.create(hour=timezone.now(), content_type="question", voice=demo.VOICES[0], **misses)
    alerts.look()
    assert not Alert.objects.filter(kind="hit_rate").exists()


@pytest.mark.any_database
def test_time_to_sound_has_a_year_of_it_too():
    run("--days", "365")
    for name in ("24h", "7d", "365d"):
        found = time_to_sound(Scope.asked_for({"range": name, "voice": demo.VOICES[0]}))
        assert found.starts > 50
        assert found.p95 is not None and 100 < found.p95.ms < 5_000
    assert not SoundStart.objects.filter(content_type="response").exists()


@pytest.mark.any_database
def test_it_uses_up_nobody_s_budget(settings):
    settings.TTSCACHE = {**settings.TTSCACHE, "daily_budget_usd": 5}
    call = {"outcome": "ok", "calls": 1, "cost_microusd": 4_900_000}
    Spending.objects.create(hour=timezone.now(), voice=demo.VOICES[0], **call)
    assert speech_cache().speaker.budget.reserve(1.0)
    assert budget_today().committed_usd == 1


@pytest.mark.any_database
def test_the_dashboard_says_so_until_it_is_gone(admin_client):
    run("--days", "3")
    index = reverse("admin:index")
    assert "Made-up figures." in admin_client.get(index).content.decode()
    run("--clear")
    cache.clear()
    assert "Made-up figures." not in admin_client.get(index).content.decode()


@pytest.mark.any_database
def test_a_look_at_a_real_voice_has_none_of_it_and_does_not_say_so(admin_client):
    run("--days", "3")
    page = admin_client.get(f"{reverse('admin:index')}?voice=nova")
    assert "Made-up figures." not in page.content.decode()
    found = page.context["report"]
    assert (found.asked.rate.requests, found.money.calls, found.provider.calls) == (0, 0, 0)


@pytest.mark.any_database
def test_nobody_can_make_or_hear_it():
    run("--days", "3")
    assert not Clip.objects.filter(is_shareable=True).exists()
    assert not Clip.objects.with_audio().exists()
    assert all(clip.voice in demo.VOICES for clip in Clip.objects.all())
