"""GET /api/cache-stats."""

from __future__ import annotations

import pytest
from django.test import Client

from harness.api_calls import body_of, say
from harness.clips import TEXT
from harness.fake_voice import FakeVoice
from ttscache.models import Clip
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


def test_kinds_of_the_earlier_system_are_counted_among_the_four(caller: Client) -> None:
    body_of(say(caller, TEXT))
    Clip.objects.update(content_type="greeting")
    for tier in speech_cache().tiers.local:
        tier.delete(Clip.objects.get().content_hash)
    body_of(say(caller, TEXT))
    figures = caller.get("/api/cache-stats").json()

    assert sum(kind["requests"] for kind in figures["by_content_type"].values()) == 2


def test_cache_stats_require_a_token_or_the_permission_for_figures(caller: Client, voice: FakeVoice) -> None:
    for _ in range(2):
        body_of(say(caller, TEXT))
    figures = caller.get("/api/cache-stats").json()

    assert Client().get("/api/cache-stats").status_code == 401
    assert figures["by_tier"]["generated"] == figures["by_tier"]["memory"] == 1
    assert (figures["hit_rate"], figures["supabase_entries"], figures["local_files"]) == (0.5, 1, 1)
    assert figures["by_content_type"]["narrative"] == {
        "requests": 2,
        "hits": 1,
        "warmed_hits": 0,
        "hit_rate": 0.5,
    }
    assert figures["saved_usd"] == pytest.approx(len(TEXT) * 30 / 1e6)
    assert figures["stats"]["supabase_entries"] == 1
