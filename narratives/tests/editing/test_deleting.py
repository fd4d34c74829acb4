"""Deleted texts disappear everywhere, and return unchanged when they are restored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from narratives import publishing
from narratives.content import loading
from narratives.editing import import_export
from narratives.editing.deleting import (
    DAYS_KEPT,
    delete_journeys,
    delete_narratives,
    remove_for_good,
    restore_journeys,
    restore_narratives,
)
from narratives.editing.lexicon_changes import said_with
from narratives.listener.what_follows import what_follows
from narratives.models import Journey, Narrative, Pronunciation, Publication
from ttscache.maintenance import upkeep
from ttscache.models import Clip, Pin, WarmRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(heard_journey: Journey) -> list[Narrative]:
    """The five texts of a journey, in order."""
    for number in (2, 3):
        Narrative.objects.create(
            journey=heard_journey, slug=f"q{number}", title=f"Q{number}", text="And then?", position=number
        )
    Narrative.objects.filter(slug="outro").update(position=4)
    return list(heard_journey.narratives.all())


def slugs(journey: Journey) -> list[str]:
    places = journey.narratives.values_list("slug", "position")
    assert [position for _, position in places] == list(range(len(places)))
    return [slug for slug, _ in places]


def heard(client: Client) -> list[tuple[str, int, str]]:
    told = client.get("/api/narratives").json()["narratives"]
    return [(one["text"], one["position"], one["audio"]["content_hash"]) for one in told]


def publish_words(narrative: Narrative, text: str) -> Publication:
    """Publish new words, which wait for their audio."""
    Narrative.objects.filter(pk=narrative.pk).update(text=text)
    (publication,) = publishing.publish([narrative])
    assert publication.state == Publication.State.WAITING
    return publication


def make_audio(publication: Publication) -> None:
    Clip.objects.record_all(
        [wanted.speech for wanted in publishing.publication_clips(publication)], "question"
    )
    Clip.objects.update(stored_at=timezone.now(), checksum="0123456789abcdef", duration_ms=7_000)


class TestDeletedTexts:
    def test_listeners_lose_a_deleted_text_when_the_journey_is_published(
        self, client, heard_journey, heard_question
    ):
        before = heard(client)
        delete_narratives([heard_question])
        assert heard(client) == before
        publishing.publish_journey(heard_journey)
        assert [(text, place) for text, place, _ in heard(client)] == [("Welcome.", 0), ("Thank you.", 1)]

    def test_a_deletion_is_published_without_any_clip(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        (publication,) = publishing.publish_journey(heard_journey)
        assert (publication.state, WarmRun.objects.active().exists()) == ("live", False)

    def test_positions_have_no_gap_after_a_deletion(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        assert slugs(heard_journey) == ["intro", "outro"]

    def test_a_deleted_text_follows_no_other_in_predictions(self, heard_journey, heard_question):
        intro = heard_journey.narratives.get(kind="intro").live.speech("nova").content_hash
        delete_narratives([heard_question])
        assert what_follows(intro)
        publishing.publish_journey(heard_journey)
        assert not what_follows(intro)

    def test_a_deleted_text_is_not_made_ahead_once_that_is_published(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        assert "Where did it begin?" in [each.speech.text for each in publishing.live_journeys_clips()]
        publishing.publish_journey(heard_journey)
        assert "Where did it begin?" not in [each.speech.text for each in publishing.live_journeys_clips()]

    def test_a_deleted_text_is_in_no_export(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        assert "Where did it begin?" not in import_export.as_json(heard_journey)

    def test_a_deleted_text_is_not_published(self, heard_journey, heard_question):
        Narrative.objects.filter(pk=heard_question.pk).update(text="Anything else?")
        delete_narratives([heard_question])
        assert publishing.publish([heard_question]) == []

    def test_the_next_publication_leaves_out_a_deleted_text(self, heard_journey, heard_question):
        Narrative.objects.filter(slug__in=["intro", "question"]).update(text="Come in.")
        publishing.publish(heard_journey.narratives.all())
        delete_narratives([heard_question])
        Narrative.objects.filter(slug="outro").update(text="Good bye.")
        (publication,) = publishing.publish_journey(heard_journey)
        assert list(publication.entries.values_list("slug", flat=True)) == ["intro", "outro"]
        assert {spec.speech.text for spec in publishing.publication_clips(publication)} == {
            "Come in.",
            "Good bye.",
        }

    def test_the_lexicon_does_not_count_a_deleted_text(self, heard_question):
        delete_narratives([heard_question])
        assert said_with(Pronunciation(word="begin", say_as="start")) == []

    def test_another_text_may_take_the_name_of_a_deleted_one(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        new = Narrative(journey=heard_journey, slug="question", title="New", text="New?", position=9)
        new.full_clean()
        new.save()
        assert "question" in slugs_of(heard_journey)

    def test_deleting_a_journey_deletes_its_texts(self, client, heard_journey):
        delete_journeys([heard_journey])
        assert client.get("/api/narratives").status_code == 404
        assert not Narrative.objects.exists()

    def test_a_journey_that_is_deleted_publishes_nothing(self, heard_journey, heard_question):
        publication = publish_words(heard_question, "Anything else?")
        make_audio(publication)
        delete_journeys([heard_journey])
        publishing.activate_ready_publications()
        publication.refresh_from_db()
        assert publication.state == Publication.State.WITHDRAWN

    def test_shipped_content_that_was_deleted_does_not_come_back(self, heard_journey):
        delete_journeys([heard_journey])
        assert loading.load_default_content() is None


def slugs_of(journey: Journey) -> set[str]:
    return set(journey.narratives.values_list("slug", flat=True))


def test_names_are_unique_among_texts_that_are_not_deleted(heard_journey: Journey) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Narrative.objects.create(journey=heard_journey, slug="question", title="Again", text="Again?")


class TestRestoring:
    def test_a_restored_text_reaches_listeners_with_its_audio(self, client, heard_journey, heard_question):
        before = heard(client)
        delete_narratives([heard_question])
        publishing.publish_journey(heard_journey)
        restore_narratives([heard_question])
        assert len(heard(client)) == 2
        (publication,) = publishing.publish_journey(heard_journey)
        assert (publication.state, WarmRun.objects.active().exists()) == (
            "live",
            False,
        )  # its clips are still there
        assert heard(client) == before
        nova = heard_question.live.speech("nova").content_hash
        assert set(Pin.objects.filter(content_hash=nova).values_list("reason", flat=True)) == {"live"}

    def test_the_audio_of_a_text_is_kept_for_a_month_after_listeners_lost_it(
        self, heard_journey, heard_question
    ):
        nova = heard_question.live.speech("nova").content_hash
        delete_narratives([heard_question])
        assert Pin.objects.get(content_hash=nova).reason == Pin.Reason.LIVE
        publishing.publish_journey(heard_journey)
        until = Pin.objects.get(content_hash=nova).until
        assert until is not None
        assert abs(until - timezone.now() - timedelta(days=DAYS_KEPT)) < timedelta(minutes=5)

    @pytest.mark.parametrize("first", [1, 2, 3], ids=["first", "second", "third"])
    @pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "one-by-one"])
    def test_restored_texts_return_to_their_places_in_any_order(self, five, first, at_once):
        journey, before = five[0].journey, slugs(five[0].journey)
        for those in [five[1:4]] if at_once else [[five[3]], [five[1]], [five[2]]]:
            delete_narratives(those)
        for one in [five[first], *(each for each in five[1:4] if each != five[first])]:
            restore_narratives([one])
        assert slugs(journey) == before

    def test_texts_restored_together_return_to_their_places(self, five):
        before = slugs(five[0].journey)
        delete_narratives(five[1:4])
        restore_narratives(five[1:4])
        assert slugs(five[0].journey) == before

    def test_a_restored_text_has_its_draft_again(self, heard_question):
        Narrative.objects.filter(pk=heard_question.pk).update(text="Anything else?")
        delete_narratives([heard_question])
        (back,) = restore_narratives([heard_question])
        assert (back.text, back.live_id) == ("Anything else?", heard_question.live_id)

    def test_deleting_a_text_leaves_the_waiting_version_alone(self, client, heard_journey, heard_question):
        publication = publish_words(heard_question, "Anything else?")
        delete_narratives([heard_question])
        assert heard_journey.waiting == publication
        make_audio(publication)
        publishing.activate_ready_publications()
        assert "Anything else?" in [text for text, _, _ in heard(client)]

    def test_publishing_a_deletion_replaces_the_waiting_version(self, client, heard_journey, heard_question):
        publication = publish_words(heard_question, "Anything else?")
        delete_narratives([heard_question])
        publishing.publish_journey(heard_journey)
        publication.refresh_from_db()
        assert (publication.state, heard_journey.waiting) == (Publication.State.WITHDRAWN, None)
        assert [text for text, _, _ in heard(client)] == ["Welcome.", "Thank you."]

    def test_a_restored_journey_lets_its_version_wait_again(self, heard_journey, heard_question):
        publication = publish_words(heard_question, "Anything else?")
        delete_journeys([heard_journey])
        assert not WarmRun.objects.active().exists()
        restore_journeys([heard_journey])
        heard_question.refresh_from_db()
        assert heard_journey.waiting == publication == heard_question.pending.publication

    def test_a_restored_text_whose_name_is_taken_gets_a_number(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        Narrative.objects.create(journey=heard_journey, slug="question", title="New", text="New?", position=9)
        (back,) = restore_narratives([heard_question])
        assert back.slug == "question-2"

    def test_a_restored_journey_brings_its_texts(self, client, heard_journey):
        before = heard(client)
        delete_journeys([heard_journey])
        restore_journeys([heard_journey])
        assert heard(client) == before
        assert Journey.objects.get().is_default

    def test_a_text_deleted_before_its_journey_stays_deleted(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        delete_journeys([heard_journey])
        assert restore_narratives([heard_question]) == []
        restore_journeys([heard_journey])
        assert slugs(heard_journey) == ["intro", "outro"]

    def test_a_restored_journey_is_not_a_second_default(self, heard_journey):
        delete_journeys([heard_journey])
        Journey.objects.create(slug="ours", title="New", is_default=True)
        (back,) = restore_journeys([heard_journey])
        assert (back.is_default, back.slug) == (False, "ours-2")

    def test_restoring_makes_no_clip(self, heard_journey, heard_question):
        delete_narratives([heard_question])
        restore_narratives([heard_question])
        assert not OrmQ.objects.exists()


class TestPermanentRemoval:
    @pytest.mark.parametrize(("days", "is_kept"), [(DAYS_KEPT - 1, True), (DAYS_KEPT + 1, False)])
    def test_a_deleted_journey_is_removed_for_good_after_a_month(self, heard_journey, days, is_kept):
        delete_journeys([heard_journey])
        Journey.everything.update(deleted_at=timezone.now() - timedelta(days=days))
        remove_for_good()
        assert (Journey.everything.exists(), Narrative.everything.exists()) == (is_kept, is_kept)

    @pytest.mark.parametrize(("days", "is_kept"), [(DAYS_KEPT - 1, True), (DAYS_KEPT + 1, False)])
    def test_a_deleted_text_that_was_never_published_is_removed_after_a_month(
        self, heard_journey, days, is_kept
    ):
        new = Narrative.objects.create(
            journey=heard_journey, slug="new", title="New", text="New?", position=9
        )
        delete_narratives([new])
        Narrative.everything.filter(pk=new.pk).update(deleted_at=timezone.now() - timedelta(days=days))
        remove_for_good()
        assert Narrative.everything.filter(pk=new.pk).exists() is is_kept

    def test_a_deleted_text_that_listeners_still_have_is_never_removed(self, client, heard_question):
        before = heard(client)
        delete_narratives([heard_question])
        Narrative.everything.filter(pk=heard_question.pk).update(
            deleted_at=timezone.now() - timedelta(days=DAYS_KEPT + 1)
        )
        remove_for_good()
        assert heard(client) == before

    def test_texts_that_are_not_deleted_are_never_removed_for_good(self, heard_journey):
        remove_for_good()
        assert slugs(heard_journey) == ["intro", "question", "outro"]

    def test_removing_for_good_is_scheduled_nightly(self, heard_journey):
        delete_journeys([heard_journey])
        Journey.everything.update(deleted_at=timezone.now() - timedelta(days=DAYS_KEPT + 1))
        upkeep.do_upkeep()
        assert not Journey.everything.exists()
