"""A listener voice gets another rendition while listeners listen and staff publish."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.admin_pages import admin_address
from narratives import publishing
from narratives.listener.what_follows import what_follows
from narratives.models import BankReflection, Journey, Narrative, Publication
from narratives.publishing.renditions import clips_of_voice
from narratives.staff.action_items import action_items_of_texts
from ttscache.models import Clip, Pin, Rendition, WarmItem, WarmRun
from ttscache.renditions.current import request_for
from ttscache.renditions.retirement import note_gone
from ttscache.speech import VoiceRendition
from ttscache.warming import rendition_switch, settle

pytestmark = pytest.mark.django_db

MARIN = VoiceRendition(provider="openai", model="gpt-realtime-2.1-mini", voice="marin")
NEW = "Where did all of it begin?"


@pytest.fixture(autouse=True)
def _paid_voice(paid_voice: None) -> None:
    """The provider's paid voice speaks."""


@pytest.fixture
def pending(heard_journey: Journey) -> Rendition:
    """A pending rendition of nova without clips; all clips of the old renditions exist."""
    BankReflection.objects.create(text="A quiet kind of home.")
    for voice in ("nova", "onyx"):
        live = VoiceRendition(provider="openai", model="tts-1-hd", voice=voice)
        rendition_switch.request_rendition(voice, live, requested_by="settings")
    requested = rendition_switch.request_rendition("nova", MARIN, requested_by="ana")
    assert requested is not None
    return requested


def playlist(voice: str = "nova") -> list[tuple[str, str, bool]]:
    """Return the text, the provider's voice and the readiness of every clip that listeners get."""
    told = Client().get("/api/narratives", {"voice": voice}).json()
    return [
        (
            each["text"],
            Clip.objects.get(content_hash=each["audio"]["content_hash"]).voice,
            each["audio"]["ready"],
        )
        for each in told["narratives"]
    ]


def voices_heard(voice: str = "nova") -> set[str]:
    return {played_by for _, played_by, _ in playlist(voice)}


def make(**clips: Any) -> None:
    Clip.objects.filter(**clips).update(stored_at=timezone.now(), checksum="0123456789abcdef")


def end_run(rendition: Rendition, state: str = "done", **items: Any) -> None:
    """End the run of the rendition, as the worker that made the last clip would."""
    run = WarmRun.objects.get(scope=rendition_switch.run_scope(rendition))
    run.items.filter(**items).update(state=state, reason="It said other words." if state == "failed" else "")
    with transaction.atomic():
        settle(run)


def hashes(reason: str) -> set[str]:
    return set(Pin.objects.filter(reason=reason).values_list("content_hash", flat=True))


class TestWhilePending:
    def test_listeners_hear_the_old_voice_and_every_clip_is_there(self, pending: Rendition) -> None:
        make(voice="marin", content_text="Welcome.")
        rendition_switch.switch_ready_renditions()

        assert voices_heard() == {"nova"}
        assert all(ready for _, _, ready in playlist())

    def test_a_run_makes_all_that_listeners_may_hear_of_this_voice(self, pending: Rendition) -> None:
        run = WarmRun.objects.get(scope=rendition_switch.run_scope(pending))

        assert {item.clip.voice for item in run.items.all()} == {"marin"}
        assert {item.clip.content_text for item in run.items.all()} == {
            "Welcome.",
            "Where did it begin?",
            "Thank you.",
        }

    def test_clips_of_a_pending_rendition_are_pinned_and_private(self, pending: Rendition) -> None:
        new = {spec.speech.content_hash for spec in rendition_switch.needed_clips(pending)}

        assert new <= hashes("draft")
        assert not new & hashes("live")

    def test_the_bank_counts_where_the_old_voice_has_spoken_it(self, pending: Rendition) -> None:
        bank = "A quiet kind of home."
        assert bank not in {spec.speech.text for spec in clips_of_voice("nova", MARIN)}
        publishing.sync_pins()
        make(voice="nova", content_text=bank)

        assert bank in {spec.speech.text for spec in clips_of_voice("nova", MARIN)}

    def test_the_progress_names_the_clips_that_failed_and_why(self, pending: Rendition) -> None:
        make(voice="marin", content_text="Welcome.")
        end_run(pending, "failed", clip__content_text="Thank you.")
        progress = rendition_switch.progress_of_takeover(pending)

        assert (progress.ready, progress.total, progress.is_stuck) == (1, 3, False)
        assert [(each.clip.content_text, each.reason) for each in progress.failed] == [
            ("Thank you.", "It said other words.")
        ]

    def test_the_progress_says_that_the_budget_holds_it_up(self, pending: Rendition) -> None:
        run = WarmRun.objects.get(scope=rendition_switch.run_scope(pending))
        WarmRun.objects.filter(pk=run.pk).update(state="paused", paused_because=WarmRun.Pause.BUDGET)

        assert rendition_switch.progress_of_takeover(pending).waits_for.startswith(WarmRun.Pause.BUDGET.label)

    def test_a_cancelled_rendition_pins_nothing_and_makes_nothing(self, pending: Rendition) -> None:
        new = {spec.speech.content_hash for spec in rendition_switch.needed_clips(pending)}
        assert rendition_switch.cancel_rendition(pending)
        make(voice="marin")
        rendition_switch.switch_ready_renditions()

        assert voices_heard() == {"nova"}
        assert not new & hashes("draft")
        assert not WarmRun.objects.active().exists()
        assert not rendition_switch.cancel_rendition(pending)


class TestSwitch:
    def test_the_process_that_ends_the_run_switches(
        self, pending: Rendition, django_capture_on_commit_callbacks: Any
    ) -> None:
        make(voice="marin")
        with django_capture_on_commit_callbacks(execute=True):
            end_run(pending)

        assert voices_heard() == {"marin"}
        assert voices_heard("onyx") == {"onyx"}
        assert all(ready for _, _, ready in playlist())

    def test_the_old_clips_stay_audible_and_the_new_ones_are_published(self, pending: Rendition) -> None:
        old = {each for each in hashes("live") if Clip.objects.get(content_hash=each).voice == "nova"}
        make(voice="marin")
        rendition_switch.switch_ready_renditions()

        assert old <= hashes("recent")
        assert {spec.speech.content_hash for spec in rendition_switch.needed_clips(pending)} <= hashes("live")
        assert not hashes("draft")

    def test_predictions_follow_the_new_voice_after_the_switch(self, pending: Rendition) -> None:
        make(voice="marin")
        rendition_switch.switch_ready_renditions()
        intro = Clip.objects.get(voice="marin", content_text="Welcome.")

        assert {spec.speech.voice for spec in what_follows(intro.content_hash)} == {"marin"}

    def test_a_failed_clip_holds_up_the_switch_until_a_publisher_leaves_it_out(
        self, pending: Rendition
    ) -> None:
        make(voice="marin")
        failed = Clip.objects.filter(voice="marin", content_text="Thank you.")
        failed.update(stored_at=None)
        WarmItem.objects.filter(clip__voice="marin").exclude(clip__in=failed).update(state="done")
        end_run(pending, "failed", clip__in=failed)
        rendition_switch.switch_ready_renditions()
        assert voices_heard() == {"nova"}

        without = rendition_switch.progress_of_takeover(pending).failed_hashes
        assert rendition_switch.switch_if_ready(pending, without=without)
        assert [text for text, _, ready in playlist() if not ready] == ["Thank you."]

    def test_a_switch_leaves_out_only_clips_that_the_publisher_saw(self, pending: Rendition) -> None:
        shown = Clip.objects.get(voice="marin", content_text="Thank you.").content_hash

        assert not rendition_switch.switch_if_ready(pending, without=[shown])
        assert voices_heard() == {"nova"}

    def test_a_failed_clip_of_a_changed_text_no_longer_holds_up_the_switch(self, pending: Rendition) -> None:
        make(voice="marin")
        Clip.objects.filter(voice="marin", content_text="Thank you.").update(stored_at=None)
        outro = Narrative.objects.get(kind="outro")
        outro.text = "Thank you all."
        outro.save()
        publishing.publish([outro])
        make(content_text="Thank you all.")
        publishing.activate_ready_publications()
        rendition_switch.switch_ready_renditions()

        assert voices_heard() == {"marin"}

    def test_a_voice_that_plays_already_has_nothing_to_wait_for(self, pending: Rendition) -> None:
        make(voice="marin")
        rendition_switch.switch_ready_renditions()
        back = VoiceRendition(provider="openai", model="tts-1-hd", voice="nova")
        rendition = rendition_switch.request_rendition("nova", back)

        assert rendition is not None
        assert rendition.state == "live"
        assert voices_heard() == {"nova"}


class TestPublishedMeanwhile:
    @pytest.fixture
    def edited(self, pending: Rendition) -> Narrative:
        question = Narrative.objects.get(kind="question")
        question.text = NEW
        question.save()
        publishing.publish([question])
        return question

    def test_an_edit_is_made_in_the_old_voice_and_in_the_new_one(self, edited: Narrative) -> None:
        items = WarmItem.objects.filter(clip__content_text=NEW, state="queued")

        assert set(items.values_list("clip__voice", flat=True)) == {"nova", "onyx", "marin"}

    def test_listeners_get_the_edit_in_the_old_voice_once_it_is_there(self, edited: Narrative) -> None:
        make(content_text=NEW, voice__in=["nova", "onyx"])
        publishing.activate_ready_publications()

        assert (NEW, "nova", True) in playlist()

    def test_the_new_voice_waits_for_the_edit_as_well(self, edited: Narrative, pending: Rendition) -> None:
        make(voice="marin")
        Clip.objects.filter(voice="marin", content_text=NEW).update(stored_at=None)
        rendition_switch.switch_ready_renditions()
        assert voices_heard() == {"nova"}

        make(voice="marin")
        make(voice="onyx")
        rendition_switch.switch_ready_renditions()
        assert voices_heard() == {"marin"}
        assert (NEW, "marin", True) in playlist()

    def test_an_edit_goes_live_with_the_switch_where_the_old_voice_cannot_be_made_any_more(
        self, pending: Rendition, admin_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "narratives.publishing.clips.can_still_be_made", lambda rendition: rendition.voice != "nova"
        )
        question = Narrative.objects.get(kind="question")
        question.text = NEW
        question.save()
        publishing.publish([question])
        publication = Publication.objects.waiting().get()
        items = WarmItem.objects.filter(clip__content_text=NEW, state="queued")
        assert set(items.values_list("clip__voice", flat=True)) == {"onyx", "marin"}

        make(voice="onyx")
        publishing.activate_ready_publications()
        assert NEW not in {text for text, _, _ in playlist()}
        assert publishing.waits_for_renditions(publication) == [pending]
        page = admin_client.get(f"/admin/narratives/journey/{publication.journey_id}/change/")
        assert (
            "This version goes live when marin (gpt-realtime-2.1-mini) takes over the voice."
            in page.content.decode()
        )

        make(voice="marin")
        rendition_switch.switch_ready_renditions()
        assert (NEW, "marin", True) in playlist()
        assert (NEW, "onyx", True) in playlist("onyx")


def test_a_journey_that_goes_live_meanwhile_is_queued_for_the_new_voice_at_once(
    pending: Rendition, admin_client: Client
) -> None:
    other = Journey.objects.create(slug="theirs", title="Theirs")
    text = Narrative.objects.create(
        journey=other, kind="question", slug="then", title="Then", text="And then?"
    )
    publishing.publish([text])
    assert not WarmItem.objects.filter(clip__content_text="And then?").exists()
    admin_client.post(reverse("admin:narratives_journey_go_live", args=[other.pk]), {"confirmed": "yes"})

    run = WarmRun.objects.get(scope=rendition_switch.run_scope(pending))
    assert run.items.get(clip__content_text="And then?").clip.voice == "marin"


def test_the_price_of_going_live_includes_the_clips_of_the_pending_voice(
    pending: Rendition, admin_client: Client
) -> None:
    other = Journey.objects.create(slug="theirs", title="Theirs")
    text = Narrative.objects.create(
        journey=other, kind="question", slug="then", title="Then", text="And then?"
    )
    publishing.publish([text])
    address = reverse("admin:narratives_journey_go_live", args=[other.pk])
    assert "3 clips are missing: 27 characters" in admin_client.get(address).content.decode()

    for voice in ("nova", "onyx"):
        Clip.objects.record(request_for("And then?", voice), "question")
    make(content_text="And then?")
    assert "1 clip is missing: 9 characters" in admin_client.get(address).content.decode()


def test_the_price_of_publishing_includes_the_clips_of_the_pending_voice(
    pending: Rendition, admin_client: Client
) -> None:
    question = Narrative.objects.get(kind="question")
    question.text = NEW
    question.save()
    address = admin_address(question.journey, "publish_changes")
    asked = admin_client.get(address)
    page = asked.content.decode()
    assert f"3 clips are missing: {3 * len(NEW)} characters" in page
    assert "Make clips first, then publish" in page

    for voice in ("nova", "onyx"):
        Clip.objects.record(request_for(NEW, voice), "question")
    make(content_text=NEW)
    asked = admin_client.get(address)
    page = asked.content.decode()
    assert f"1 clip is missing: {len(NEW)} characters" in page
    assert "Make clips first" not in page  # listeners wait for no clip of the new voice

    yes = {"confirmed": "yes", **dict(asked.context["hidden"])}
    page = admin_client.post(address, yes, follow=True).content.decode()
    assert f"Listeners have it now. 1 clip is being made: {len(NEW)} characters" in page
    assert WarmItem.objects.get(clip__content_text=NEW, state="queued").clip.voice == "marin"


def test_the_price_of_publishing_a_pronunciation_includes_the_clips_of_the_pending_voice(
    pending: Rendition, admin_client: Client
) -> None:
    question = Narrative.objects.get(kind="question")
    question.text = NEW
    question.save()
    publishing.publish([question], requested_by="ana")
    address = reverse("admin:narratives_pronunciation_add")
    asked = admin_client.post(address, {"word": "begin", "say_as": "beginn"}).content.decode()
    said = re.search(r"If you publish it now,[^<]*", asked)
    assert said is not None
    assert f"3 clips are made: {3 * len(NEW) + 3} characters" in said[0]


def test_publishing_a_pronunciation_warns_where_no_voice_can_speak_new_words(
    pending: Rendition, admin_client: Client, settings: Any
) -> None:
    rendition_switch.cancel_rendition(pending)
    address, entry = reverse("admin:narratives_pronunciation_add"), {"word": "begin", "say_as": "beginn"}
    warning = "New words cannot be spoken as nova and onyx sounds today"
    question = unescape(admin_client.post(address, entry).content.decode())
    assert "publish_sounds" in question and warning not in question

    settings.TTSCACHE = {**settings.TTSCACHE, "openai_api_key": ""}
    question = unescape(admin_client.post(address, entry).content.decode())
    assert "publish_sounds" in question and warning in question
    items = WarmItem.objects.count()
    yes = {"confirmed": "yes", "publish_sounds": "1"}
    page = unescape(admin_client.post(address, entry | yes, follow=True).content.decode())
    assert warning in page and "No clip is being made." in page
    assert WarmItem.objects.count() == items


class TestModelSwitchedOff:
    """The model of both voices is switched off, and nobody has chosen who plays them next."""

    @pytest.fixture(autouse=True)
    def _switched_off(self, heard_journey: Journey) -> None:
        for voice in ("nova", "onyx"):
            live = VoiceRendition(provider="openai", model="tts-1-hd", voice=voice)
            rendition_switch.request_rendition(voice, live, requested_by="settings")
        note_gone("tts-1-hd")

    @pytest.fixture
    def edited(self, heard_journey: Journey) -> Narrative:
        question = heard_journey.narratives.get(kind="question")
        question.text = NEW
        question.save()
        return question

    def publish(self, client: Client, edited: Narrative) -> str:
        """The question, then the answer of a publisher who says yes; what the next page says."""
        address = admin_address(edited.journey, "publish_changes")
        question = client.get(address)
        page = unescape(question.content.decode())
        assert "New words cannot be spoken as nova and onyx sounds today" in page
        assert "No clip is missing." in page
        answer = client.post(address, {"confirmed": "yes", **dict(question.context["hidden"])}, follow=True)
        return unescape(answer.content.decode())

    def test_a_publisher_is_told_before_anything_is_queued_and_listeners_keep_their_version(
        self, edited: Narrative, admin_client: Client
    ) -> None:
        page = self.publish(admin_client, edited)

        assert "Nothing is made or paid for there." in page
        assert not WarmItem.objects.filter(clip__content_text=NEW).exists()
        assert NEW not in {text for text, _, _ in playlist()}
        assert all(ready for _, _, ready in playlist())

    def test_the_page_of_the_journey_and_needs_you_say_what_to_do(
        self, edited: Narrative, admin_client: Client
    ) -> None:
        page = self.publish(admin_client, edited)
        assert "This version goes live after you choose a new voice on the page Voices." in page

        (need,) = [each for each in action_items_of_texts() if "Version 2" in each.says]
        assert "waits until you choose who plays nova and onyx" in need.says
        assert (need.address, need.is_urgent) == ("admin:ttscache_rendition_changelist", True)

    def test_the_edit_goes_live_with_the_voice_that_is_chosen_then(
        self, edited: Narrative, admin_client: Client
    ) -> None:
        self.publish(admin_client, edited)
        rendition_switch.request_rendition("nova", MARIN, requested_by="ana")
        rendition_switch.request_rendition("onyx", replace(MARIN, voice="cedar"), requested_by="ana")
        assert set(WarmItem.objects.filter(clip__content_text=NEW).values_list("clip__voice", flat=True)) == {
            "marin",
            "cedar",
        }

        make(model=MARIN.model)
        rendition_switch.switch_ready_renditions()
        assert (NEW, "marin", True) in playlist()
        assert (NEW, "cedar", True) in playlist("onyx")

    def test_a_changed_title_alone_is_published_as_ever(
        self, heard_journey: Journey, admin_client: Client
    ) -> None:
        question = heard_journey.narratives.get(kind="question")
        question.title = "Another title"
        question.save()
        publishing.publish([question])

        assert not Publication.objects.waiting().exists()

    def test_words_that_are_published_anyway_queue_nothing(self, edited: Narrative) -> None:
        publishing.publish([edited], at_once=True)

        assert (NEW, False) in {(text, ready) for text, _, ready in playlist()}
        assert not WarmItem.objects.filter(clip__content_text=NEW).exists()

    def test_a_journey_that_goes_live_queues_nothing_and_its_publisher_is_told(
        self, admin_client: Client
    ) -> None:
        other = Journey.objects.create(slug="theirs", title="Theirs")
        said = {"slug": "then", "title": "Then", "text": "And then?"}
        text = Narrative.objects.create(journey=other, kind="question", **said)
        publishing.publish([text])
        address = reverse("admin:narratives_journey_go_live", args=[other.pk])
        page = unescape(admin_client.post(address, {"confirmed": "yes"}, follow=True).content.decode())

        assert "Words without a clip cannot be spoken as nova and onyx sounds today." in page
        assert not WarmItem.objects.filter(clip__content_text="And then?").exists()
