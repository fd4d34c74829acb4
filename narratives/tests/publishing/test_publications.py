from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from harness.prepared_rows import put_rows_of
from narratives import publishing
from narratives.content import loading
from narratives.editing.drafts import save_draft
from narratives.models import Journey, Narrative, Publication
from ttscache import warming
from ttscache.models import Clip, Pin, WarmRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey() -> Journey:
    put_rows_of(loading.load_default_content)
    return Journey.objects.get()


@pytest.fixture
def question(journey: Journey) -> Narrative:
    return journey.narratives.get(slug="q04")


def heard(voice: str = "nova") -> dict[str, Any]:
    told: dict[str, Any] = Client().get("/api/narratives", {"voice": voice}).json()
    return told


def hashes(reason: str) -> set[str]:
    return set(Pin.objects.filter(reason=reason).values_list("content_hash", flat=True))


def test_the_default_journey_has_twelve_narratives_and_five_system_clips(journey: Journey) -> None:
    told = heard()

    assert [each["kind"] for each in told["narratives"]] == ["intro", *["question"] * 10, "outro"]
    assert set(told["system"]) == {"safety", "break", "welcome_back", "hard_moment", "sorry_no_reflection"}
    assert [each["position"] for each in told["narratives"]] == list(range(12))
    assert told["narratives"][4]["title"] == "A Turning Point"


def test_loading_the_default_content_again_changes_nothing(journey: Journey) -> None:
    assert loading.load_default_content() is None
    assert Journey.objects.count() == 1


def test_the_first_load_queues_every_clip_in_every_voice(journey: Journey) -> None:
    assert WarmRun.objects.count() == 2
    assert sum(run.items.count() for run in WarmRun.objects.all()) == 34
    assert Clip.objects.count() == 34


def test_workers_are_enqueued_only_after_the_commit(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        loading.load_default_content()
        assert OrmQ.objects.count() == 0

    assert OrmQ.objects.count() == 2


def test_published_clips_are_pinned_in_every_voice(journey: Journey) -> None:
    assert len(hashes("live")) == 24
    assert len(hashes("system")) == 10
    assert hashes("draft") == set()


def test_an_edit_is_a_draft_that_listeners_do_not_hear(question: Narrative) -> None:
    before = heard()
    question.text = "What has changed in your life?"
    question.save()
    publishing.sync_pins()

    assert heard() == before
    assert question.differs_from_live
    assert hashes("draft") == {question.draft_speech(voice).content_hash for voice in ("nova", "onyx")}


def make_clips(narrative: Narrative) -> None:
    """Mark the clips of the draft as made, as a run would."""
    for voice in ("nova", "onyx"):
        make_clip(narrative, voice)


def make_clip(narrative: Narrative, voice: str) -> None:
    clip = Clip.objects.record(narrative.draft_speech(voice), "question")
    Clip.objects.filter(pk=clip.pk).update(stored_at=timezone.now())


def edit(narrative: Narrative, text: str = "What has changed in your life?") -> Narrative:
    narrative.text = text
    narrative.save(update_fields=["text"])
    return narrative


def publish(*narratives: Narrative, at_once: bool = False) -> Publication:
    (publication,) = publishing.publish(narratives, at_once=at_once)
    return publication


class TestVersionsThatWaitForAudio:
    def test_listeners_keep_the_old_words_and_audio_while_a_version_waits(self, question: Narrative) -> None:
        before = heard()
        publication = publish(edit(question))

        assert publication.state == "waiting"
        assert heard() == before
        assert hashes("draft") == {question.draft_speech(voice).content_hash for voice in ("nova", "onyx")}

    def test_a_single_run_makes_a_waiting_version_in_every_voice(self, question: Narrative) -> None:
        WarmRun.objects.all().delete()
        publish(edit(question))

        (run,) = WarmRun.objects.all()
        assert run.name == "life-review-default, publication 2"
        assert {item.clip.voice for item in run.items.all()} == {"nova", "onyx"}

    @pytest.mark.parametrize("voice", ["nova", "onyx"])
    def test_a_version_waits_until_every_voice_is_made(self, question: Narrative, voice: str) -> None:
        before = heard()
        publish(edit(question))
        make_clip(question, voice)
        publishing.activate_ready_publications()

        assert heard() == before

    def test_all_texts_of_a_version_switch_when_every_clip_is_ready(self, journey: Journey) -> None:
        texts = [edit(journey.narratives.get(slug=slug), f"New {slug}?") for slug in ("q01", "q02")]
        publication = publish(*texts)
        for text in texts:
            make_clips(text)
        publishing.activate_ready_publications()
        publication.refresh_from_db()

        assert [each["text"] for each in heard()["narratives"][1:3]] == ["New q01?", "New q02?"]
        assert publication.state == "live"
        assert hashes("draft") == set()
        assert {text.draft_speech("onyx").content_hash for text in texts} <= hashes("live")

    def test_the_end_of_a_run_switches_to_the_waiting_version(
        self, question: Narrative, django_capture_on_commit_callbacks: Any
    ) -> None:
        publication = publish(edit(question))
        make_clips(question)
        run = WarmRun.objects.get(scope=publication.scope)
        run.items.update(state="done")
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            warming.settle(run)

        assert heard()["narratives"][4]["text"] == question.text

    def test_a_version_whose_clips_exist_switches_at_once(self, question: Narrative) -> None:
        make_clips(edit(question))

        assert publish(question).state == "live"
        assert heard()["narratives"][4]["text"] == question.text

    def test_publishing_before_the_audio_does_not_wait(self, question: Narrative) -> None:
        publication = publish(edit(question))

        assert publishing.publish_anyway(publication)
        assert (heard()["narratives"][4]["text"], heard()["narratives"][4]["audio"]["ready"]) == (
            question.text,
            False,
        )
        assert not publishing.publish_anyway(publication)

    def test_a_cancelled_version_never_switches_and_makes_no_more_clips(self, question: Narrative) -> None:
        before = heard()
        publication = publish(edit(question))
        assert publishing.withdraw(publication)
        make_clips(question)
        publishing.activate_ready_publications()

        assert heard() == before
        assert WarmRun.objects.get(scope=publication.scope).state == "cancelled"
        assert not publishing.publish_anyway(publication)

    def test_the_next_version_includes_the_waiting_one(self, journey: Journey) -> None:
        first, second = (edit(journey.narratives.get(slug=slug), f"New {slug}?") for slug in ("q01", "q02"))
        waiting = publish(first)
        publication = publish(second)
        waiting.refresh_from_db()

        assert (waiting.state, publication.number) == ("withdrawn", 3)
        assert [revision.text for revision in publication.revisions.order_by("narrative")] == [
            "New q01?",
            "New q02?",
        ]
        assert WarmRun.objects.get(scope=publication.scope).items.count() == 4

    def test_a_draft_written_while_a_version_waits_stays_a_draft(self, question: Narrative) -> None:
        publish(edit(question, "First thoughts?"))
        make_clips(question)
        edit(question, "Second thoughts?")
        publishing.activate_ready_publications()

        assert heard()["narratives"][4]["text"] == "First thoughts?"
        assert Narrative.objects.get(pk=question.pk).differs_from_live

    def test_publishing_the_live_words_cancels_the_waiting_version(self, question: Narrative) -> None:
        old = question.text
        waiting = publish(edit(question))
        assert publishing.publish([edit(question, old)]) == []
        waiting.refresh_from_db()

        assert waiting.state == "withdrawn"

    def test_saving_an_old_page_keeps_words_published_meanwhile(self, question: Narrative) -> None:
        open_page = Narrative.objects.get(pk=question.pk)
        make_clips(edit(question))
        publish(question)
        open_page.title = "Another title"
        save_draft(open_page, ["title"])

        assert heard()["narratives"][4]["text"] == question.text

    def test_a_failed_clip_of_a_waiting_version_is_tried_again(self, question: Narrative) -> None:
        publication = publish(edit(question))
        run = WarmRun.objects.get(scope=publication.scope)
        run.items.update(state="failed", reason="Busy.")
        with transaction.atomic():
            warming.settle(run)
        publishing.make_publication_clips(publication)

        again = WarmRun.objects.active().get(scope=publication.scope)
        assert again.items.filter(state="queued").count() == 2

    def test_publishing_in_a_journey_that_is_off_waits_for_nothing_and_makes_nothing(
        self, question: Narrative
    ) -> None:
        Journey.objects.update(is_live=False)
        WarmRun.objects.all().delete()

        assert publish(edit(question)).state == "live"
        assert not WarmRun.objects.exists()


def test_publishing_the_same_words_makes_no_revision(question: Narrative) -> None:
    publishing.publish([question])

    assert question.revisions.count() == 1


def test_the_previous_revision_is_retired_and_kept(question: Narrative) -> None:
    old = question.live
    publish(edit(question), at_once=True)
    assert old is not None
    old.refresh_from_db()

    assert old.retired_at is not None
    assert question.revisions.count() == 2


def test_a_journey_that_is_not_live_cannot_be_heard(journey: Journey) -> None:
    Journey.objects.update(is_live=False)
    publishing.sync_pins()

    assert Client().get("/api/narratives").json()["code"] == "unknown_journey"
    assert hashes("live") == set()
    assert len(hashes("recent")) == 34


def test_another_live_journey_is_told_by_its_name(journey: Journey) -> None:
    other = Journey.objects.create(slug="short", title="A short one", is_live=True)
    narrative = Narrative.objects.create(journey=other, slug="only", title="One", text="Who are you?")
    publishing.publish([narrative])
    told = Client().get("/api/narratives", {"journey": "short"}).json()

    assert [each["text"] for each in told["narratives"]] == ["Who are you?"]
    assert Client().get("/api/narratives", {"journey": "none"}).status_code == 404


def test_voices_that_listeners_do_not_have_are_refused_with_those_they_have(journey: Journey) -> None:
    response = Client().get("/api/narratives", {"voice": "alloy"})

    assert (response.status_code, response.json()["code"]) == (400, "unknown_voice")
    assert response.json()["voices"] == ["nova", "onyx"]


def test_the_list_of_narratives_takes_a_fixed_number_of_queries(
    journey: Journey, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4):  # journey, words, rendition, clips
        heard()


def test_a_change_of_model_changes_every_key_and_never_plays_the_old_voice(
    journey: Journey, settings: Any
) -> None:
    before = {each["audio"]["content_hash"] for each in heard()["narratives"]}
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "k"}
    publishing.sync_pins()
    after = {each["audio"]["content_hash"] for each in heard()["narratives"]}

    assert before.isdisjoint(after)
    assert after <= hashes("live")


def test_pre_cache_joins_the_run_that_is_under_way(journey: Journey) -> None:
    answers = [
        Client().post("/api/pre-cache-narratives", {"voice": "nova"}, content_type="application/json")
        for _ in range(2)
    ]
    told = [answer.json() for answer in answers]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert told[0] == told[1]
    assert (told[0]["total_count"], told[0]["cached_count"], told[0]["queued_count"]) == (17, 0, 17)
    assert Client().get(told[0]["status_url"]).json()["total"] == 17


def test_pre_cache_queues_nothing_when_every_clip_exists(journey: Journey) -> None:
    WarmRun.objects.all().delete()
    Clip.objects.update(stored_at="2026-01-01T00:00:00Z")
    answer = Client().post("/api/pre-cache-narratives", content_type="application/json")

    assert (answer.status_code, answer.json()["queued_count"]) == (200, 0)
    assert Client().get(answer.json()["status_url"]).json()["state"] == "done"
