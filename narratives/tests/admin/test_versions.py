"""The pages of a journey's versions: changed words, old audio, and restoring a version."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from harness.admin_pages import YES, edit, heard, make_clips
from harness.staff_pages import staff_with
from narratives import publishing
from narratives.models import Journey
from ttscache.models import Pin, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

NEW, OLD = "Where did it all begin?", "Where did it begin?"


def version(journey: Journey, number: int) -> str:
    return reverse("admin:narratives_journey_restore", args=[journey.pk, number])


def words(html: str) -> str:
    """Return the visible words, with marks for crossed-out and underlined ones."""
    found = re.search(r'<p class="words">(.*?)</p>', html, re.DOTALL)
    assert found
    marked = re.sub(r'<span class="sr-only">\w+: </span>', "", re.sub(r"\s+", " ", found[1]))
    for tag, mark in (("<del>", "[-"), ("</del>", "-]"), ("<ins>", "[+"), ("</ins>", "+]")):
        marked = marked.replace(tag, mark)
    return marked.strip()


class TestVersions:
    def versions(self, client: Client, journey: Journey) -> str:
        return client.get(reverse("admin:narratives_journey_versions", args=[journey.pk])).content.decode()

    def test_a_version_shows_author_time_and_changed_words(self, admin_client, heard_journey, waiting):
        publishing.publish_anyway(waiting)
        page = self.versions(admin_client, heard_journey)
        assert words(page) == "Where did it [+all +]begin?"
        assert re.search(r"Version 2</h2>.*?Published</span>.*?, ben<", page, re.DOTALL)
        assert page.count('class="version"') == 2

    def test_a_version_plays_both_voices_before_and_after_while_kept(
        self, admin_client, heard_journey, waiting
    ):
        make_clips(NEW)
        publishing.activate_ready_publications()
        second = self.versions(admin_client, heard_journey).split('class="version"')[1]
        assert second.count("<audio") == 4

    def test_a_cancelled_version_is_not_shown_as_the_one_before(self, admin_client, heard_journey, waiting):
        publishing.withdraw(waiting)
        edit(heard_journey.narratives.get(kind="question"), "Where then?")
        publishing.publish(heard_journey.narratives.all())
        assert words(self.versions(admin_client, heard_journey)) == "Where [-did it begin?-] [+then?+]"

    def test_restoring_a_version_shows_its_words_and_writes_them_into_the_drafts(
        self, admin_client, heard_journey, waiting
    ):
        publishing.publish_anyway(waiting)
        asked = admin_client.get(version(heard_journey, 1)).content.decode()
        assert OLD in asked
        assert "All its audio is kept." in asked
        admin_client.post(version(heard_journey, 1), YES)
        assert heard_journey.narratives.get(kind="question").text == OLD
        assert heard(admin_client)[1] == ("Question", NEW)

    def test_a_single_text_can_be_restored_to_a_version(self, admin_client, heard_journey, waiting):
        publishing.publish_anyway(waiting)
        intro = heard_journey.narratives.get(kind="intro")
        edit(intro, "Come in.")
        address = f"{version(heard_journey, 1)}?text={intro.pk}"
        assert address in self.versions(admin_client, heard_journey)
        admin_client.post(address, YES)
        drafts = list(heard_journey.narratives.values_list("text", flat=True))
        assert drafts[:2] == ["Welcome.", NEW]

    def test_publishing_a_restored_version_is_free_while_its_clips_are_kept(
        self, admin_client, heard_journey, waiting, paid_voice
    ):
        """The paid voice needs clips of its own, so the test makes those of both versions."""
        make_clips(OLD)
        make_clips(NEW)
        publishing.publish_anyway(waiting)
        assert Pin.objects.filter(reason=Pin.Reason.RECENT).count() >= 2
        admin_client.post(version(heard_journey, 1), YES)
        (again,) = publishing.publish(heard_journey.narratives.all())
        assert (again.number, again.state) == (3, "live")
        assert not WarmRun.objects.active().filter(scope=again.scope).exists()

    def test_restoring_a_version_requires_the_permission_to_change(self, heard_journey, waiting):
        client = staff_with("view_journey", "view_narrative")
        assert client.post(version(heard_journey, 1), YES).status_code == 403
        page = self.versions(client, heard_journey)
        assert "Version 2" in page
        assert version(heard_journey, 1) not in page

    def test_a_page_of_versions_takes_few_queries(
        self, admin_client, heard_journey, heard_question, django_assert_max_num_queries: Any
    ):
        for number in range(12):
            edit(heard_question, f"Where did it begin, {number}?")
            publishing.publish([heard_question], at_once=True)
        with django_assert_max_num_queries(13):
            self.versions(admin_client, heard_journey)


def test_the_words_of_a_version_are_never_rendered_as_markup(admin_client, heard_journey, heard_question):
    edit(heard_question, "<script>alert('x')</script> what?")
    publishing.publish([heard_question], at_once=True)
    page = admin_client.get(reverse("admin:narratives_journey_versions", args=[heard_journey.pk]))
    assert "<script>alert" not in page.content.decode()


@pytest.mark.parametrize(
    "address",
    ["abc/versions/", "{pk}/versions/1/restore/?text=²", "{pk}/versions/?page=²", f"{'9' * 30}/make-again/"],
    ids=["no number", "half a number", "a page", "a long number"],
)
def test_an_odd_address_of_a_version_is_404_or_ignored(admin_client, heard_journey, address):
    answer = admin_client.get(f"/admin/narratives/journey/{address.format(pk=heard_journey.pk)}")
    assert answer.status_code in (200, 302, 404)
