"""Staff make all missing published clips from the list of warm runs."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from harness.admin_pages import make_clips, said
from narratives import publishing
from narratives.models import Journey, Narrative
from ttscache.models import WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


class TestMakingAllPublishedClips:
    ADDRESS = reverse("admin:ttscache_warmrun_make_published")

    def test_the_list_of_runs_offers_to_make_all_published_clips(self, admin_client):
        assert self.ADDRESS in admin_client.get(reverse("admin:ttscache_warmrun_changelist")).content.decode()

    def test_making_all_published_clips_shows_a_plan_by_clip_first(self, admin_client, journey, paid_voice):
        page = admin_client.get(self.ADDRESS).content.decode()
        assert "6 clips are missing: 74 characters, about $0.002." in page
        assert page.count("<td>nova</td>") == page.count("<td>onyx</td>") == 3
        assert "<td>Where did it begin?</td><td>19</td>" in page
        assert not WarmRun.objects.exists()

    def test_making_all_published_clips_is_logged_with_its_author(self, admin_client, journey, admin_user):
        admin_client.post(self.ADDRESS, {"confirmed": "yes"})
        assert {run.requested_by for run in WarmRun.objects.all()} == {admin_user.get_username()}
        made = "Made missing clips. 3 clips are being made: 37 characters, free of charge."
        noted = sorted((entry.object_repr, entry.get_change_message()) for entry in LogEntry.objects.all())
        assert noted == [("ours, nova (queued)", made), ("ours, onyx (queued)", made)]

    def test_a_clip_shared_by_two_journeys_is_planned_once(self, admin_client, journey, question):
        other = Journey.objects.create(slug="theirs", title="Theirs", is_live=True)
        same = Narrative.objects.create(journey=other, slug="q", title="Question", text=question.text)
        publishing.publish([same])
        WarmRun.objects.all().delete()
        admin_client.post(self.ADDRESS, {"confirmed": "yes"})
        assert sorted(entry.object_repr for entry in LogEntry.objects.all()) == [
            "ours, nova (queued)",
            "ours, onyx (queued)",
        ]

    def test_making_all_published_clips_asks_nothing_when_none_is_missing(self, admin_client, journey):
        for narrative in journey.narratives.all():
            make_clips(narrative.text)
        assert "All clips are ready" in said(admin_client.get(self.ADDRESS, follow=True))
