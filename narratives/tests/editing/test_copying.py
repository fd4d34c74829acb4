"""A copy is a draft: right behind its text, or a journey that nobody hears."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from narratives.editing.copying import duplicate_journey, duplicate_narrative
from narratives.models import Journey, Narrative
from ttscache.models import WarmRun

pytestmark = pytest.mark.django_db

YES = {"confirmed": "yes"}


def page_of(thing: Journey | Narrative, name: str) -> str:
    return reverse(f"admin:narratives_{thing._meta.model_name}_{name}", args=[thing.pk])


class TestNarrative:
    def test_it_is_right_behind_the_one_it_is_a_copy_of(self, heard_journey):
        intro = heard_journey.narratives.get(kind="intro")
        duplicate_narrative(intro)
        places = list(heard_journey.narratives.values_list("title", "position"))
        assert places == [("Intro", 0), ("Intro (copy)", 1), ("Question", 2), ("Outro", 3)]

    def test_it_says_the_same_and_listeners_do_not_get_it(self, client, heard_question):
        before = client.get("/api/narratives").json()["narratives"]
        copy = duplicate_narrative(heard_question)
        assert (copy.text, copy.kind, copy.live, copy.pending) == (
            heard_question.text,
            "question",
            None,
            None,
        )
        after = client.get("/api/narratives").json()["narratives"]
        assert [one["text"] for one in after] == [one["text"] for one in before]

    def test_each_copy_has_a_name_of_its_own(self, heard_question):
        slugs = {duplicate_narrative(heard_question).slug for _ in range(3)}
        assert slugs == {"question-copy", "question-copy-2", "question-copy-3"}

    def test_a_title_as_long_as_can_be_is_shortened(self, heard_question):
        heard_question.title = "x" * 200
        heard_question.save()
        copy = duplicate_narrative(heard_question)
        assert (len(copy.title), copy.title[-7:]) == (200, " (copy)")


class TestJourney:
    def test_all_texts_are_drafts(self, heard_journey):
        copy = duplicate_journey(heard_journey)
        assert (copy.title, copy.slug, copy.is_live, copy.is_default) == (
            "Ours (copy)",
            "ours-copy",
            False,
            False,
        )
        assert list(copy.narratives.values_list("slug", "position", "text")) == [
            ("intro", 0, "Welcome."),
            ("question", 1, "Where did it begin?"),
            ("outro", 2, "Thank you."),
        ]
        assert not copy.narratives.published().exists()

    def test_nothing_is_made(self, heard_journey):
        duplicate_journey(heard_journey)
        assert not WarmRun.objects.exists()


class TestStaff:
    @pytest.mark.parametrize("model", [Journey, Narrative])
    def test_it_asks_then_leads_to_the_copy(self, admin_client, heard_journey, model):
        thing = model.objects.first()
        page = page_of(thing, "duplicate")
        assert "draft" in admin_client.get(page).content.decode()
        assert not model.objects.filter(title__endswith="(copy)").exists()
        answer = admin_client.post(page, YES)
        assert answer.url == page_of(model.objects.get(title=f"{thing.title} (copy)"), "change")

    def test_who_did_it_is_in_the_log(self, admin_client, heard_question):
        admin_client.post(page_of(heard_question, "duplicate"), YES)
        assert "Copied from “Question”." in [str(entry.change_message) for entry in LogEntry.objects.all()]

    @pytest.mark.parametrize("model", [Journey, Narrative])
    def test_it_takes_the_right_to_add(self, client, heard_journey, model):
        looks = User.objects.create_user("otto", is_staff=True)
        looks.user_permissions.set(
            Permission.objects.filter(codename__in=["view_journey", "view_narrative", "change_narrative"])
        )
        client.force_login(looks)
        assert client.post(page_of(model.objects.first(), "duplicate"), YES).status_code == 403
        assert not model.objects.filter(title__endswith="(copy)").exists()
