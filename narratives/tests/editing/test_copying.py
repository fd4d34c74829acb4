"""A copied text is a draft after its original; a copied journey is not live."""

from __future__ import annotations

import pytest

from narratives.editing.copying import duplicate_journey, duplicate_narrative
from ttscache.models import WarmRun

pytestmark = pytest.mark.django_db


class TestNarrative:
    def test_a_copied_text_follows_its_original(self, heard_journey):
        intro = heard_journey.narratives.get(kind="intro")
        duplicate_narrative(intro)
        places = list(heard_journey.narratives.values_list("title", "position"))
        assert places == [("Intro", 0), ("Intro (copy)", 1), ("Question", 2), ("Outro", 3)]

    def test_a_copied_text_has_equal_words_and_is_not_published(self, client, heard_question):
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

    def test_each_copied_text_has_its_own_name(self, heard_question):
        slugs = {duplicate_narrative(heard_question).slug for _ in range(3)}
        assert slugs == {"question-copy", "question-copy-2", "question-copy-3"}

    def test_the_longest_title_is_shortened_in_a_copy(self, heard_question):
        heard_question.title = "x" * 200
        heard_question.save()
        copy = duplicate_narrative(heard_question)
        assert (len(copy.title), copy.title[-7:]) == (200, " (copy)")


class TestJourney:
    def test_texts_of_a_copied_journey_are_drafts(self, heard_journey):
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
        assert not copy.publications.exists()

    def test_copying_a_journey_makes_no_clip(self, heard_journey):
        duplicate_journey(heard_journey)
        assert not WarmRun.objects.exists()
