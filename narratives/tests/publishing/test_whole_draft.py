"""Order, kinds, deletions and words are one draft; one publication switches all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from harness.prepared_rows import put_rows_of
from harness.statements import recorded_statements
from narratives import publishing
from narratives.editing.deleting import delete_narratives, restore_narratives
from narratives.editing.drafts import put_in_order
from narratives.editing.history import changes_of, restore, way_back
from narratives.models import Journey, Narrative, Pronunciation, Publication
from ttscache import warming
from ttscache.models import Clip, Pin, WarmRun

pytestmark = pytest.mark.django_db

SIX = ["intro", "q1", "q2", "q3", "q4", "outro"]


@pytest.fixture
def journey(db: None) -> Journey:
    """A live journey of six texts and a safety clip, with all its clips."""
    put_rows_of(journey_of_six)
    return Journey.objects.get()


def journey_of_six() -> None:
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True, is_default=True)
    for position, slug in enumerate(SIX):
        kind = slug if slug in ("intro", "outro") else "question"
        Narrative.objects.create(
            journey=journey, kind=kind, slug=slug, title=slug, text=f"Text {slug}.", position=position
        )
    Narrative.objects.create(
        journey=journey, kind="system", slug="safety", title="Safety", text="You matter.", position=6
    )
    publishing.publish_journey(journey, requested_by="ana")
    make_all_clips()
    WarmRun.objects.all().delete()


def make_all_clips() -> None:
    Clip.objects.update(stored_at=timezone.now(), checksum="0123456789abcdef", duration_ms=7_000)


def told() -> dict[str, Any]:
    listed: dict[str, Any] = Client().get("/api/narratives").json()
    return listed


def heard() -> list[str]:
    return [one["title"] for one in told()["narratives"]]


def text(journey: Journey, slug: str) -> Narrative:
    return journey.narratives.get(slug=slug)


def order(journey: Journey, *slugs: str) -> None:
    put_in_order([text(journey, slug) for slug in (*slugs, "safety")])


def edit(journey: Journey, which: str, **fields: Any) -> None:
    journey.narratives.filter(slug=which).update(**fields)


def moves_a_text(journey: Journey) -> None:
    order(journey, "intro", "q4", "q1", "q2", "q3", "outro")


def deletes_a_text(journey: Journey) -> None:
    delete_narratives([text(journey, "q2")])


def changes_a_kind(journey: Journey) -> None:
    edit(journey, "q4", kind="outro")


def changes_a_theme(journey: Journey) -> None:
    edit(journey, "q4", theme="love")


def adds_a_text(journey: Journey) -> None:
    Narrative.objects.create(journey=journey, slug="new", title="new", text="Text q1.", position=9)


EDITS = [moves_a_text, deletes_a_text, changes_a_kind, changes_a_theme, adds_a_text]


@pytest.mark.parametrize("change", EDITS)
def test_listeners_notice_a_change_of_the_draft_only_when_it_is_published(
    journey: Journey, change: Callable[[Journey], None]
) -> None:
    before = told()
    change(journey)
    publishing.sync_pins()
    assert told() == before
    assert not publishing.draft_changes(journey).is_empty
    (publication,) = publishing.publish_journey(journey)
    assert publication.state == Publication.State.PUBLISHED
    assert publishing.draft_changes(journey).is_empty
    assert publishing.publish_journey(journey) == []


@pytest.mark.parametrize("change", EDITS)
def test_a_change_beside_the_words_needs_no_new_clip(
    journey: Journey, change: Callable[[Journey], None]
) -> None:
    change(journey)
    version = publishing.next_version(journey)
    assert not warming.plan(version.new_clips(["nova", "onyx"])).missing


def test_a_publication_switches_words_order_and_deletions_together(journey: Journey) -> None:
    moves_a_text(journey)
    deletes_a_text(journey)
    edit(journey, "q1", text="What came first?")
    (publication,) = publishing.publish_journey(journey)
    assert (publication.state, heard()) == (Publication.State.WAITING, SIX)
    make_all_clips()
    publishing.activate_ready_publications()
    assert heard() == ["intro", "q4", "q1", "q3", "outro"]
    assert [one["position"] for one in told()["narratives"]] == [0, 1, 2, 3, 4]
    assert told()["narratives"][2]["text"] == "What came first?"


def test_only_the_text_that_was_moved_counts_as_moved(journey: Journey) -> None:
    order(journey, "intro", "q2", "q3", "q4", "q1", "outro")
    changes = publishing.draft_changes(journey)
    assert [each.slug for each in changes.moved] == ["q1"]
    assert changes.in_words == "1 text moves"


def test_the_changes_name_each_kind_of_change(journey: Journey) -> None:
    for change in EDITS:
        change(journey)
    edit(journey, "q1", text="What came first?")
    changes = publishing.draft_changes(journey)
    assert changes.in_words == "2 texts change, 1 text is added, 1 text is removed, 1 text moves"
    assert changes.place_says(text(journey, "q4")) == "moved, was a question, now an outro"


def test_publishing_chosen_texts_keeps_the_rest_as_listeners_have_it(journey: Journey) -> None:
    moves_a_text(journey)
    deletes_a_text(journey)
    edit(journey, "q1", title="First")
    publishing.publish([text(journey, "q1")])
    assert heard() == ["intro", "First", "q2", "q3", "q4", "outro"]
    publishing.publish([text(journey, "q4")])
    assert heard() == ["intro", "q4", "First", "q2", "q3", "outro"]


def test_a_new_chosen_text_gets_its_place_in_the_draft(journey: Journey) -> None:
    adds_a_text(journey)
    order(journey, "intro", "q1", "new", "q2", "q3", "q4", "outro")
    publishing.publish([text(journey, "new")])
    assert heard() == ["intro", "q1", "new", "q2", "q3", "q4", "outro"]


def test_the_next_version_of_chosen_texts_takes_the_waiting_order_along(journey: Journey) -> None:
    moves_a_text(journey)
    edit(journey, "q1", text="What came first?")
    publishing.publish_journey(journey)
    edit(journey, "q2", text="What came second?")
    (publication,) = publishing.publish([text(journey, "q2")])
    make_all_clips()
    publishing.activate_ready_publications()
    publication.refresh_from_db()
    assert publication.state == Publication.State.PUBLISHED
    assert heard() == ["intro", "q4", "q1", "q2", "q3", "outro"]
    assert told()["narratives"][2]["text"] == "What came first?"


def test_a_draft_put_back_as_it_is_live_cancels_the_waiting_version(journey: Journey) -> None:
    edit(journey, "q1", text="What came first?")
    (waiting,) = publishing.publish_journey(journey)
    edit(journey, "q1", text="Text q1.")
    assert publishing.publish_journey(journey) == []
    waiting.refresh_from_db()
    assert (waiting.state, journey.waiting, heard()) == (Publication.State.WITHDRAWN, None, SIX)


def test_an_undeleted_question_whose_clip_is_there_costs_nothing(journey: Journey, paid_voice: None) -> None:
    with_paid_clips(journey)
    question = text(journey, "q2")
    delete_narratives([question])
    assert publishing.next_version(journey).new_clips(["nova"]) == []
    publishing.publish_journey(journey)
    restore_narratives([question])
    clips = warming.plan(publishing.next_version(journey).new_clips(["nova", "onyx"]))
    assert (len(clips.clips), len(clips.missing), clips.cost_usd) == (2, 0, 0)


def with_paid_clips(journey: Journey) -> None:
    """The clips of this journey in the voice that costs money."""
    specs = publishing.journey_clips_in_all_voices(journey)
    Clip.objects.record_all([spec.speech for spec in specs], "question")
    make_all_clips()


def test_a_clip_can_be_heard_for_a_month_after_its_text_was_removed(journey: Journey) -> None:
    url = told()["narratives"][2]["audio"]["url"]
    content_hash = told()["narratives"][2]["audio"]["content_hash"]
    deletes_a_text(journey)
    assert Pin.objects.get(content_hash=content_hash).reason == Pin.Reason.LIVE
    publishing.publish_journey(journey)
    assert url not in [one["audio"]["url"] for one in told()["narratives"]]
    assert Pin.objects.audible().filter(content_hash=content_hash).exists()


def test_a_new_pronunciation_reaches_a_text_that_only_the_draft_has_lost(journey: Journey) -> None:
    deletes_a_text(journey)
    Pronunciation.objects.create(word="q2", say_as="queue two")
    (publication,) = publishing.publish_sounds()
    assert {spec.speech.text for spec in publishing.publication_clips(publication)} == {"Text queue two."}
    assert "Text q2." in {spec.speech.text for spec in publishing.everything_spoken()}


def test_the_words_that_help_along_the_way_are_part_of_the_version(journey: Journey) -> None:
    edit(journey, "safety", slug="break")
    assert list(told()["system"]) == ["safety"]
    publishing.publish_journey(journey)
    assert list(told()["system"]) == ["break"]


def test_the_list_of_texts_takes_four_statements(journey: Journey) -> None:
    with recorded_statements() as statements:
        told()
    assert len([sql for sql in statements if sql.startswith("SELECT")]) == 4


class TestReflections:
    @pytest.fixture(autouse=True)
    def _reply(self, settings: Any) -> None:
        settings.REFLECTION_MODEL = ""

    def status(self, narrative: Narrative) -> int:
        body = {"narrative": narrative.pk, "answer": "We danced in the kitchen.", "voice": "nova"}
        return Client().post("/api/reflections", body, content_type="application/json").status_code

    def test_an_answer_to_a_question_that_was_removed_is_still_taken(self, journey: Journey) -> None:
        question = text(journey, "q2")
        deletes_a_text(journey)
        assert self.status(question) == 200
        publishing.publish_journey(journey)
        assert self.status(question) == 200

    def test_an_answer_to_a_question_that_was_never_live_is_refused(self, journey: Journey) -> None:
        adds_a_text(journey)
        assert self.status(text(journey, "new")) == 404

    def test_an_answer_to_a_question_of_a_journey_that_is_off_is_refused(self, journey: Journey) -> None:
        Journey.objects.update(is_live=False)
        assert self.status(text(journey, "q2")) == 404


class TestGoingBack:
    def test_going_back_brings_back_exactly_that_version(self, journey: Journey) -> None:
        before = told()
        for change in EDITS:
            change(journey)
        edit(journey, "q1", text="What came first?", title="First")
        publishing.publish_journey(journey, at_once=True)
        assert heard() != SIX
        first = journey.publications.get(number=1)
        done = restore(first, by="ana")
        assert done.in_words(1) == [
            "1 text now reads as in version 1.",
            "1 deleted text is back.",
            "1 text is deleted: not in version 1.",
            "1 text is in the place of version 1 again.",
            "1 text has the kind and theme of version 1 again.",
        ]
        assert [each.slug for each in journey.narratives.all()] == [*SIX, "safety"]
        make_all_clips()
        publishing.publish_journey(journey)
        assert told() == before
        assert way_back(first).is_empty

    def test_going_back_to_one_text_leaves_the_others(self, journey: Journey) -> None:
        moves_a_text(journey)
        edit(journey, "q1", text="What came first?")
        edit(journey, "q2", text="What came second?")
        restore(journey.publications.get(number=1), text(journey, "q1").pk)
        drafts = [each.text for each in journey.narratives.all()]
        assert drafts[1:4] == ["Text q4.", "Text q1.", "What came second?"]

    def test_a_text_deleted_long_ago_comes_back_with_its_version(self, journey: Journey) -> None:
        deletes_a_text(journey)
        Narrative.everything.filter(slug="q2").update(deleted_at=timezone.now() - timedelta(days=400))
        restore(journey.publications.get(number=1))
        assert [each.slug for each in journey.narratives.all()] == [*SIX, "safety"]

    def test_system_clips_that_swapped_their_names_get_them_back(self, journey: Journey) -> None:
        Narrative.objects.create(
            journey=journey, kind="system", slug="break", title="Rest", text="Rest now.", position=7
        )
        publishing.publish_journey(journey, at_once=True)
        edit(journey, "safety", slug="free")
        edit(journey, "break", slug="safety")
        edit(journey, "free", slug="break")
        restore(journey.publications.get(number=2))
        assert text(journey, "safety").text == "You matter."
        assert text(journey, "break").text == "Rest now."


def test_the_history_tells_moved_removed_and_added_texts(journey: Journey) -> None:
    for change in EDITS:
        change(journey)
    (publication,) = publishing.publish_journey(journey)
    changes = changes_of([publication])[publication.pk]
    assert [each.slug for each in changes.moved] == ["q4"]
    assert [each.slug for each in changes.removed] == ["q2"]
    assert [(was.kind, now.kind) for now, was in changes.recast] == [("question", "outro")]
    assert [(each.revision.title, each.before) for each in changes.reworded] == [("new", None)]
