"""A copy is a draft: right behind its text, or a journey that nobody hears."""

from __future__ import annotations

import pytest

from narratives.editing.copying import duplicate_journey, duplicate_narrative
from ttscache.models import WarmRun

pytestmark = pytest.mark.django_db


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
