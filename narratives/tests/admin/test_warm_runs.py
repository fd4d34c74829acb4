"""All that is published and has no clip, made from the list of warm runs."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from harness.admin_pages import (
    make_clips,
    said,
)
from narratives import publishing
from narratives.models import Journey, Narrative
from ttscache.models import WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


class TestMakingAllThatIsPublished:
    ADDRESS = reverse("admin:ttscache_warmrun_make_published")

    def test_it_is_offered_on_the_list_of_runs(self, admin_client):
        assert self.ADDRESS in admin_client.get(reverse("admin:ttscache_warmrun_changelist")).content.decode()

    def test_the_plan_comes_first_clip_by_clip(self, admin_client, journey, paid_voice):
        page = admin_client.get(self.ADDRESS).content.decode()
        assert "6 clips are missing: 74 characters, about $0.002." in page
        assert page.count("<td>nova</td>") == page.count("<td>onyx</td>") == 3
        assert "<td>Where did it begin?</td><td>19</td>" in page
        assert not WarmRun.objects.exists()

    def test_who_confirms_it_is_named_and_noted(self, admin_client, journey, admin_user):
        admin_client.post(self.ADDRESS, {"confirmed": "yes"})
        assert {run.requested_by for run in WarmRun.objects.all()} == {admin_user.get_username()}
        made = "Missing clips asked for. 3 clips are being made: 37 characters, free of charge."
        noted = sorted((entry.object_repr, entry.get_change_message()) for entry in LogEntry.objects.all())
        assert noted == [("ours, nova (queued)", made), ("ours, onyx (queued)", made)]

    def test_what_two_journeys_say_is_noted_once(self, admin_client, journey, question):
        other = Journey.objects.create(slug="theirs", title="Theirs", is_live=True)
        same = Narrative.objects.create(journey=other, slug="q", title="Question", text=question.text)
        publishing.publish([same])
        WarmRun.objects.all().delete()
        admin_client.post(self.ADDRESS, {"confirmed": "yes"})
        assert sorted(entry.object_repr for entry in LogEntry.objects.all()) == [
            "ours, nova (queued)",
            "ours, onyx (queued)",
        ]

    def test_where_nothing_is_missing_nobody_is_asked(self, admin_client, journey):
        for narrative in journey.narratives.all():
            make_clips(narrative.text)
        assert "All clips are ready" in said(admin_client.get(self.ADDRESS, follow=True))
