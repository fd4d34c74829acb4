from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from harness.staff_pages import staff_with, text_of
from ttscache.models import PruneRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PRUNES = reverse("admin:ttscache_prunerun_changelist")


class TestPrunes:
    @pytest.fixture
    def run(self):
        return PruneRun.objects.create(
            days=90, listed=1_000, removed=400, freed_bytes=24_000_000, requested_by="schedule", kept_back=12
        )

    def test_the_page_of_a_clean_up_describes_it_in_words(self, admin_client, run):
        page = text_of(admin_client.get(PRUNES))
        for words in ("Under way", "400 of 1000", "22.9\xa0MB", "90 days", "schedule"):
            assert words in page
        assert "hash" not in page[page.index("result_list") :]

    def test_staff_with_permission_stop_a_clean_up_and_it_is_logged(self, admin_client, run):
        told = admin_client.post(PRUNES, {"action": "stop", "_selected_action": run.pk}, follow=True)
        run.refresh_from_db()
        assert "all others stay" in text_of(told)
        assert (run.state, LogEntry.objects.get().get_change_message()) == ("stopped", "Stopped.")

    def test_a_clean_up_that_has_ended_cannot_be_stopped(self, admin_client, run):
        PruneRun.objects.update(state="done")
        told = admin_client.post(PRUNES, {"action": "stop", "_selected_action": run.pk}, follow=True)
        run.refresh_from_db()
        assert "already ended" in text_of(told)
        assert (run.state, LogEntry.objects.count()) == ("done", 0)

    def test_staff_who_may_only_look_cannot_stop_a_clean_up(self, run):
        staff_with("view_prunerun").post(PRUNES, {"action": "stop", "_selected_action": run.pk})
        run.refresh_from_db()
        assert run.state == "running"
