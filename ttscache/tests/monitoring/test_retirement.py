"""Operators and staff are told that a model will be switched off."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.calendar import SetClock
from harness.staff_pages import INDEX, link_in, staff_with, text_of
from ttscache.models import ApiToken, Rendition
from ttscache.monitoring import health
from ttscache.renditions.retirement import note_gone
from ttscache.reports.retirements import ending_models
from ttscache.tasks import look_for_trouble

pytestmark = pytest.mark.django_db

DAY = date(2027, 1, 6)
VOICES = reverse("admin:ttscache_rendition_changelist")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    return SetClock(monkeypatch)


@pytest.fixture(autouse=True)
def _ends_on_that_day(settings: Any) -> None:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "model_shutdown": {"tts-1-hd": DAY},
    }


def dashboard(user: Any) -> str:
    """Return the dashboard without cached figures, which a thread would refresh."""
    django_cache.clear()
    client = Client()
    client.force_login(user)
    return text_of(client.get(INDEX))


def of_models() -> list[health.Part]:
    return [part for part in health.parts() if part.name == "models"]


class TestReadyz:
    def test_readyz_has_no_line_while_no_model_retires(self, clock: SetClock) -> None:
        clock.set(DAY - timedelta(days=61))
        assert of_models() == []

    @pytest.mark.parametrize("left", [60, 1, 0, -30])
    def test_readyz_warns_of_a_retiring_model_and_stays_ready(self, clock: SetClock, left: int) -> None:
        clock.set(DAY - timedelta(days=left))
        (part,) = of_models()
        assert (part.is_ready, part.is_warning) == (True, True)
        lines = Client().get("/readyz").content.decode().splitlines()
        assert f"models: WARNING, {part.detail}" in lines

    def test_readyz_names_a_model_that_the_provider_refused(self, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "model_shutdown": {}}
        note_gone("tts-1-hd")
        assert "without notice" in of_models()[0].detail


class TestMetrics:
    def figures(self) -> str:
        token = ApiToken.issue("prometheus")
        return str(Client(headers={"Authorization": f"Bearer {token}"}).get("/metrics").content.decode())

    def test_metrics_have_the_retirement_date_and_the_days_left(self, clock: SetClock) -> None:
        clock.set(DAY - timedelta(days=10))
        lines = self.figures().splitlines()
        moment = datetime(2027, 1, 6, tzinfo=UTC).timestamp()
        (line,) = [each for each in lines if each.startswith("lifereview_model_shutdown_timestamp_seconds{")]
        assert line.startswith('lifereview_model_shutdown_timestamp_seconds{model="tts-1-hd"}')
        assert float(line.rpartition(" ")[2]) == moment
        assert 'lifereview_model_shutdown_days{model="tts-1-hd"} 10.0' in lines

    def test_metrics_say_which_models_are_retired(self, clock: SetClock) -> None:
        clock.set(DAY)
        lines = self.figures().splitlines()
        assert 'lifereview_model_retired{model="tts-1-hd"} 1.0' in lines
        assert 'lifereview_model_retired{model="gpt-6-luna"} 0.0' in lines


class TestStaffPages:
    def test_the_dashboard_counts_the_days_and_leads_to_the_voices(
        self, clock: SetClock, admin_user: Any
    ) -> None:
        clock.set(DAY - timedelta(days=50))
        page = dashboard(admin_user)
        card = page[page.index('data-model="tts-1-hd"') :].partition("</section>")[0]
        assert '<span data-figure="days-left">50</span> days left' in card
        assert link_in(card, r'class="dash-button" href="([^"]+)"') == VOICES
        needs = page[page.index("tile-action-items") :]
        assert "The provider switches off tts-1-hd" in needs.partition("</section>")[0]

    def test_the_retirement_card_is_urgent_two_weeks_before(self, clock: SetClock, admin_user: Any) -> None:
        urgent = {}
        for left in (15, 14, 0):
            clock.set(DAY - timedelta(days=left))
            urgent[left] = 'class="is-urgent"' in dashboard(admin_user)
        assert urgent == {15: False, 14: True, 0: True}

    def test_an_open_retirement_alert_is_not_repeated_under_needs_you(
        self, clock: SetClock, admin_user: Any
    ) -> None:
        clock.set(DAY - timedelta(days=5))
        look_for_trouble()
        page = dashboard(admin_user)
        needs = page[page.index("tile-action-items") :].partition("</section>")[0]
        assert needs.count("The provider switches off tts-1-hd") == 1

    def test_staff_who_see_no_figures_are_told_of_a_retiring_model(self, clock: SetClock) -> None:
        clock.set(DAY - timedelta(days=5))
        page = text_of(staff_with("view_clip").get(INDEX))
        assert "The provider switches off tts-1-hd" in page
        assert "data-model" not in page

    def test_needs_you_lists_a_switch_that_is_stuck_before_the_model_retires(
        self, admin_user: Any, clock: SetClock
    ) -> None:
        clock.set(DAY - timedelta(days=200))
        Rendition.objects.create(
            listener_voice="nova",
            provider="openai",
            model="gpt-realtime-2.1-mini",
            voice="marin",
            created_at=timezone.now() - timedelta(hours=25),
        )
        page = dashboard(admin_user)
        assert page.count("The new voice for nova has waited since") == 1

    def test_the_model_that_retires_first_is_listed_first(self, clock: SetClock, settings: Any) -> None:
        days = {"tts-1-hd": DAY, "gpt-6-luna": DAY - timedelta(days=1)}
        settings.TTSCACHE = {**settings.TTSCACHE, "model_shutdown": days}
        clock.set(DAY - timedelta(days=5))
        assert [each.model for each in ending_models()] == ["gpt-6-luna", "tts-1-hd"]
