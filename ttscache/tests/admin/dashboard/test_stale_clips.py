"""Staff remove the stale clips that they have seen in a list."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from harness.staff_pages import DAY, STALE, YES, figure, old_clip, staff_with, text_of
from ttscache import tasks
from ttscache.models import Clip, PruneBatch, PruneRun

pytestmark = pytest.mark.django_db


class TestRemovingStaleClips:
    def carried(self, page: str) -> str:
        found = re.search(r'name="run" value="([^"]*)"', page)
        assert found is not None
        return found[1]

    def test_dry_run_page_lists_stale_clips_and_writes_nothing(self, admin_client):
        old_clip("Nobody asks for this.")
        page = text_of(admin_client.get(STALE))
        assert figure(page, "stale") == "1 clip"
        assert "1.0\xa0KB, about $0.001 to make again" in page
        assert "Nobody asks for this." in page
        assert (Clip.objects.count(), LogEntry.objects.count()) == (1, 0)

    def confirmed(self, client: Client, page: str) -> PruneRun:
        answer = client.post(STALE, {"run": self.carried(page)})
        run = PruneRun.objects.get()
        assert answer["Location"] == reverse("admin:ttscache_prunerun_change", args=[run.pk])
        return run

    def test_confirming_a_clean_up_queues_a_task_and_removes_nothing_itself(
        self, admin_client, django_capture_on_commit_callbacks
    ):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        with django_capture_on_commit_callbacks(execute=True):
            run = self.confirmed(admin_client, page)
        assert (run.state, run.requested_by, run.listed, Clip.objects.count()) == ("running", "admin", 1, 1)
        assert [(each.func(), each.task["args"]) for each in OrmQ.objects.all()] == [
            ("ttscache.tasks.prune", (str(run.pk),))
        ]

    def test_a_confirmed_clean_up_is_logged_with_count_size_and_price(self, admin_client):
        old_clip("Listed.")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        entry = LogEntry.objects.get()
        says = "1 clip is being removed: 1.0\xa0KB, about $0.001 to make again."
        assert (entry.get_change_message(), entry.object_id) == (says, str(run.pk))

    def test_a_clean_up_removes_exactly_the_listed_clips(self, admin_client):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        later = old_clip("As old, and not on the list.")
        tasks.prune(str(self.confirmed(admin_client, page).pk))
        assert list(Clip.objects.all()) == [later]
        run = PruneRun.objects.get()
        assert (run.listed, run.removed, run.state) == (1, 1, "done")

    def test_a_clean_up_keeps_clips_requested_after_the_list_was_made(self, admin_client):
        clip = old_clip("Listed.")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        Clip.objects.update(last_accessed_at=timezone.now())
        tasks.prune(str(run.pk))
        assert list(Clip.objects.all()) == [clip]

    def test_the_page_of_a_clean_up_shows_its_progress_and_stops_it(self, admin_client):
        old_clip("Listed.")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        page = text_of(admin_client.get(reverse("admin:ttscache_prunerun_change", args=[run.pk])))
        stop = reverse("admin:ttscache_prunerun_stop_this", args=[run.pk])
        assert "0 of 1" in page and "No background process is running" in page and stop in page
        assert "all others stay" in text_of(admin_client.get(stop))
        admin_client.post(stop, YES)
        tasks.prune(str(run.pk))
        assert (PruneRun.objects.get().state, Clip.objects.count()) == ("stopped", 1)

    def test_stale_private_clips_are_counted_and_not_listed(self, admin_client):
        clip = old_clip("So your mother's name was Rosa.")
        Clip.objects.filter(pk=clip.pk).update(content_type="analysis")
        page = text_of(admin_client.get(STALE))
        assert figure(page, "stale") == "1 clip"
        assert "Rosa" not in page
        assert "1 more" in page

    def test_a_hash_that_an_adopted_database_holds_need_not_be_hexadecimal(self, admin_client):
        clip = old_clip("Adopted.")
        Clip.objects.filter(pk=clip.pk).update(content_hash="not-hexadecimal-but-32-letters!!")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        tasks.prune(str(run.pk))
        assert not Clip.objects.exists()

    def test_removing_stale_clips_requires_the_permission_to_remove(self):
        assert staff_with("view_usage", "view_clip").get(STALE).status_code == 403

    @pytest.mark.parametrize("days", ["0", "x"])
    def test_days_below_1_or_not_a_number_are_refused(self, admin_client, days):
        assert admin_client.get(STALE, {"days": days}).status_code == 400

    @pytest.mark.parametrize("given", [{}, {"run": "!"}])
    def test_a_form_without_the_id_of_a_plan_is_refused(self, admin_client, given):
        assert admin_client.post(STALE, given).status_code == 400

    def test_a_clean_up_plan_can_be_confirmed_only_once(self, admin_client):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        self.confirmed(admin_client, page)
        again = admin_client.post(STALE, {"run": self.carried(page)}, follow=True)
        assert "That list is no longer valid;" in text_of(again)
        assert PruneRun.objects.filter(state="running").count() == 1

    def test_a_clean_up_plan_of_yesterday_removes_nothing(self, admin_client):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        PruneRun.objects.update(started_at=timezone.now() - DAY)
        admin_client.post(STALE, {"run": self.carried(page)})
        assert not PruneRun.objects.filter(state="running").exists()

    def test_staff_cannot_confirm_the_clean_up_plan_of_a_colleague(self, admin_client):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        staff_with("prune_clip").post(STALE, {"run": self.carried(page)})
        assert PruneRun.objects.get(requested_by="admin").state == "planned"

    def test_a_second_dry_run_replaces_the_plan_and_its_list(self, admin_client):
        old_clip("Listed.")
        for _ in range(3):
            admin_client.get(STALE)
        assert (PruneRun.objects.count(), PruneBatch.objects.count()) == (1, 1)

    def test_the_heartbeat_does_not_take_up_a_plan(self, admin_client):
        old_clip("Listed.")
        admin_client.get(STALE)
        tasks.heartbeat()
        assert "ttscache.tasks.prune" not in {each.func() for each in OrmQ.objects.all()}
