"""The staff pages of usage and spending."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from harness.staff_pages import text_of
from ttscache.models import (
    Spending,
    Usage,
)

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
        "Of these made ahead",
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
