"""The staff pages of usage and spending."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from harness.staff_pages import text_of
from ttscache.models import PlaybackStart, Rendition, Spending, Usage
from ttscache.renditions.current import names_of_voices

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_usage_rows_are_shown_in_plain_words(admin_client):
    hour = datetime(2026, 11, 22, 18, tzinfo=UTC)
    Usage.objects.create(
        hour=hour,
        content_type="analysis",
        voice="nova",
        outcome="generated",
        latency_bucket=10,
        requests=3,
        warmed_hits=2,
    )
    page = text_of(admin_client.get(reverse("admin:ttscache_usage_changelist")))
    for words in (
        "Reflection",
        "Made ahead",
        ">2<",
        "Made while the listener waited",
        "up to 2 s",
        "22 Nov 2026, 18:00",
    ):
        assert words in page


def test_spending_rows_are_shown_in_dollars(admin_client):
    hour = datetime(2026, 11, 22, 18, tzinfo=UTC)
    Spending.objects.create(
        hour=hour,
        content_type="question",
        voice="nova",
        model="tts-1-hd",
        outcome="ok",
        cost_microusd=2_940,
    )
    assert "$0.0029" in text_of(admin_client.get(reverse("admin:ttscache_spending_changelist")))


class TestVoices:
    """A voice of the provider is named by the listener voice that it plays, is to play, or has played."""

    @pytest.fixture(autouse=True)
    def _renditions(self) -> None:
        for state, listener_voice, voice in (
            ("past", "nova", "nova"),
            ("live", "nova", "marin"),
            ("pending", "onyx", "cedar"),
        ):
            Rendition.objects.create(
                listener_voice=listener_voice, provider="openai", model="m", voice=voice, state=state
            )

    def test_names(self) -> None:
        assert names_of_voices() == {"nova": "nova", "marin": "nova (marin)", "cedar": "onyx (cedar)"}

    @pytest.mark.parametrize("name", ["usage", "spending", "playbackstart"])
    def test_lists_name_the_listener_voice_with_one_query_for_all_rows(self, admin_client, name):
        model = {"usage": Usage, "spending": Spending, "playbackstart": PlaybackStart}[name]
        for number, voice in enumerate(["marin", "cedar", "alloy", "marin"]):
            bucket = {} if name == "spending" else {"latency_bucket": number}
            hour = datetime(2026, 11, 22, number, tzinfo=UTC)
            model._default_manager.create(hour=hour, content_type="question", voice=voice, **bucket)
        with CaptureQueriesContext(connection) as queries:
            page = text_of(admin_client.get(reverse(f"admin:ttscache_{name}_changelist")))
        assert page.count("nova (marin)") >= 2
        assert "onyx (cedar)" in page
        assert ">alloy<" in page
        statements = [query["sql"] for query in queries if "ttscache_rendition" in query["sql"]]
        assert len(statements) <= 2  # for the rows, and for the filter

    def test_the_dashboard_offers_the_voices_by_these_names(self, admin_client):
        page = text_of(admin_client.get(reverse("admin:index"), {"voice": "marin"}))
        assert ">nova (marin)</a>" in page
        assert "in the voice nova (marin)" in page or "hours, nova (marin)" in page
