"""The CSV export and the buttons of the dashboard."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.staff_pages import (
    INDEX,
    YES,
    reflection,
    staff_with,
    text_of,
    usage,
)
from ttscache.models import Clip, Spending, WarmItem, WarmRun

pytestmark = pytest.mark.django_db

CSV = reverse("admin:ttscache_dashboard_csv")


class TestCsv:
    def lines(self, client: Client, query: str = "") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(text_of(client.get(f"{CSV}?{query}")))))

    def test_csv_has_the_figures_of_the_dashboard(self, admin_client):
        usage(98)
        usage(2, "generated")
        lines = {(each["section"], each["what"], each["figure"]): each for each in self.lines(admin_client)}
        assert lines["asked", "all", "hit rate"]["value"] == "98.0"
        assert lines["source", "generated", "requests"]["value"] == "2"

    def test_csv_has_a_line_for_each_number_of_the_tiles_and_cards(self, admin_client):
        usage(8, list_price_microusd=4_000_000)
        for outcome, cost in {"ok": 1_000_000, "provider_busy": 0}.items():
            Spending.objects.create(hour=timezone.now(), outcome=outcome, calls=1, cost_microusd=cost)
        lines = {(each["section"], each["figure"], each["unit"]): each for each in self.lines(admin_client)}
        assert lines["money", "saved", "percent"]["value"] == "75.0"
        assert lines["voice service", "error rate", "percent"]["value"] == "50.0"
        assert lines["storage", "limit", "bytes"]["value"] == ""

    def test_csv_never_turns_a_text_into_a_formula(self, admin_client):
        reflection("=HYPERLINK(1)")
        assert [each["what"] for each in self.lines(admin_client) if each["figure"] == "plays"] == [
            "'=HYPERLINK(1)"
        ]

    def test_csv_requires_the_permission_to_see_figures(self):
        assert staff_with("view_clip").get(CSV).status_code == 403


class TestMakingReflections:
    @pytest.fixture(autouse=True)
    def _paid(self, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}

    def address(self, clip: Clip, voice: str = "onyx") -> str:
        return reverse("admin:ttscache_clip_speak", args=[clip.pk, voice])

    def test_making_a_reflection_shows_the_price_first_and_makes_nothing(self, admin_client):
        page = text_of(admin_client.get(self.address(reflection())))
        assert "1 clip is missing: 21 characters, about $0.001." in page
        assert not WarmRun.objects.exists()

    def test_a_confirmed_reflection_is_made_shareable_and_logged_with_its_price(self, admin_client):
        admin_client.post(self.address(reflection()), YES)
        item = WarmItem.objects.select_related("clip", "run").get()
        assert (item.clip.voice, item.clip.is_shareable, item.run.requested_by) == ("onyx", True, "admin")
        assert "21 characters, about $0.001" in LogEntry.objects.get().change_message

    def test_a_private_reflection_is_not_made_in_other_voices(self, admin_client):
        clip = reflection(is_shareable=False)
        assert admin_client.post(self.address(clip), YES).status_code == 404
        assert not WarmRun.objects.exists()

    def test_making_a_reflection_requires_the_permission_to_make_clips(self):
        assert staff_with("view_usage", "view_clip").post(self.address(reflection()), YES).status_code == 403


class TestHidingReflections:
    def test_a_hidden_reflection_is_gone_until_it_is_shown_again(self, admin_client):
        usage(30)
        clip = reflection()
        address = reverse("admin:ttscache_clip_hide", args=[clip.pk])
        admin_client.post(address)
        assert clip.content_text not in text_of(admin_client.get(INDEX)).partition("dash-most-heard")[2]
        assert clip.content_text in text_of(admin_client.get(f"{INDEX}?hidden=yes"))
        admin_client.post(address, {"show": "yes"})
        assert clip.content_text in text_of(admin_client.get(INDEX))
        assert LogEntry.objects.count() == 2

    def test_hiding_a_reflection_requires_the_permission_to_change_clips(self):
        address = reverse("admin:ttscache_clip_hide", args=[reflection().pk])
        assert staff_with("view_clip").post(address).status_code == 403
