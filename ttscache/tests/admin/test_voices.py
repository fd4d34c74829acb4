from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.openai_server import OpenAIServer
from harness.renditions import OneText, installed_hooks
from harness.retirement_day import stand_before_shutdown
from harness.staff_pages import INDEX, YES, figure, staff_with, text_of
from ttscache.models import Clip, Rendition, WarmItem, WarmRun
from ttscache.providers.models_list import is_speech_model
from ttscache.renditions import retirement
from ttscache.renditions.current import live_rendition
from ttscache.renditions.retirement import look_at_models
from ttscache.reports.voices import SAMPLES, models_to_choose
from ttscache.speech import VoiceRendition
from ttscache.warming import rendition_switch
from ttscache.warming.settings_changes import follow_settings

pytestmark = pytest.mark.django_db

VOICES = reverse("admin:ttscache_rendition_changelist")
CHOOSE = reverse("admin:ttscache_rendition_choose", args=["nova"]) + "?model=tts-1-hd&by=shimmer"
SAMPLE = reverse("admin:ttscache_rendition_samples", args=["nova"]) + "?model=tts-1-hd&by=shimmer"
CANDIDATES = reverse("admin:ttscache_rendition_candidates", args=["nova"])
LAST_TAKES = reverse("admin:ttscache_last_takes")
SHIMMER = VoiceRendition(provider="openai", model="tts-1-hd", voice="shimmer")


@pytest.fixture(autouse=True)
def _two_texts(settings: Any) -> Iterator[None]:
    """Two texts, whose clips exist in the voices of the settings."""
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "k",
        "model": "tts-1-hd",
    }
    with installed_hooks(OneText("Where did it begin?", "Thank you.")):
        follow_settings()
        for voice in ("nova", "onyx"):
            for text in ("Where did it begin?", "Thank you."):
                ready(Clip.objects.record(live_rendition(voice).request(text), "question"))
        yield


def ready(clip: Clip) -> None:
    Clip.objects.filter(pk=clip.pk).update(stored_at=timezone.now(), stored_size=1_000)


@pytest.fixture
def publisher() -> Client:
    return staff_with("view_rendition", "choose_voice", "make_clip", "view_clip")


@pytest.fixture
def pending() -> Rendition:
    requested = rendition_switch.request_rendition("nova", SHIMMER, requested_by="ben")
    assert requested is not None
    return requested


def action(name: str, rendition: Rendition) -> str:
    return reverse(f"admin:ttscache_rendition_{name}", args=[rendition.pk])


def fail_all(rendition: Rendition) -> None:
    items = WarmItem.objects.filter(run__scope=rendition_switch.run_scope(rendition))
    items.update(state="failed", reason="It said other words.")
    WarmRun.objects.filter(scope=rendition_switch.run_scope(rendition)).update(state="failed")


def live_voice() -> str:
    return Rendition.objects.live().get(listener_voice="nova").voice


def test_voices_page_says_who_plays_each_voice_since_when_and_until_when(
    publisher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(39, monkeypatch)
    page = text_of(publisher.get(VOICES))

    assert "nova (tts-1-hd, mp3)" in page
    assert "onyx (tts-1-hd, mp3)" in page
    assert "by settings" in page
    assert "6 Jan 2027" in page
    assert (figure(page, "nova-ready"), figure(page, "nova-missing")) == ("2", "0")


def test_choosing_a_voice_shows_count_and_price_and_changes_nothing_before_confirmation(
    publisher: Client,
) -> None:
    page = text_of(publisher.get(CHOOSE))

    assert "2 clips are missing: 29 characters, about $0.001." in page
    assert "Listeners keep the present voice" in page
    assert not Rendition.objects.pending().exists()


def test_voices_page_follows_a_chosen_voice_until_it_takes_over(publisher: Client) -> None:
    publisher.post(CHOOSE, YES)
    chosen = Rendition.objects.pending().get()
    assert (chosen.spec, chosen.requested_by) == (SHIMMER, "ana")
    assert figure(text_of(publisher.get(VOICES)), "takeover-ready") == "0 of 2"

    ready(Clip.objects.filter(voice="shimmer").first() or Clip())
    assert figure(text_of(publisher.get(VOICES)), "takeover-ready") == "1 of 2"
    for clip in Clip.objects.filter(voice="shimmer"):
        ready(clip)
    rendition_switch.switch_ready_renditions()
    page = text_of(publisher.get(VOICES))
    assert "shimmer (tts-1-hd, mp3)" in page
    assert "Before" in page
    assert "<td>2.0\xa0KB</td>" in page  # the clips of nova are kept


def test_samples_of_a_voice_are_made_after_their_price_was_confirmed(publisher: Client) -> None:
    characters = sum(map(len, SAMPLES))
    assert f"2 clips are missing: {characters} characters, about $0.00" in text_of(publisher.get(SAMPLE))
    publisher.post(SAMPLE, YES)

    made = WarmItem.objects.filter(clip__content_text__in=SAMPLES, clip__voice="shimmer")
    assert made.count() == 2


def test_existing_samples_can_be_heard_and_their_voice_chosen(publisher: Client) -> None:
    for text in SAMPLES:
        ready(Clip.objects.record(SHIMMER.request(text), "narrative"))
    page = text_of(publisher.get(CANDIDATES))

    assert page.count('class="clip-play"') == 2
    assert CHOOSE.replace("&", "&amp;") in page
    assert "plays now" in page


@pytest.mark.parametrize("model", ["tts-1-hd", "tts-1", "gpt-4o-mini-tts", "embedded"])
def test_voices_page_compares_voices_of_other_models(publisher: Client, model: str) -> None:
    assert f"<option selected>{model}</option>" in text_of(publisher.get(CANDIDATES, {"model": model}))


def test_voices_page_says_what_holds_up_a_pending_voice(publisher: Client, pending: Rendition) -> None:
    run = WarmRun.objects.filter(scope=rendition_switch.run_scope(pending))
    run.update(state="paused", paused_because=WarmRun.Pause.BUDGET)

    assert WarmRun.Pause.BUDGET.label.split(";")[0].replace("'", "&#x27;") in text_of(publisher.get(VOICES))


def test_clips_that_failed_are_named_and_can_be_left_out(publisher: Client, pending: Rendition) -> None:
    fail_all(pending)
    page = text_of(publisher.get(VOICES))
    assert "2 clips could not be made" in page
    assert "It said other words." in page
    assert "Switch without these 2" in page

    question = publisher.get(action("without", pending))
    publisher.post(action("without", pending), {**YES, **dict(question.context["hidden"])})
    assert live_voice() == "shimmer"


def test_a_clip_that_failed_since_is_not_left_out(publisher: Client, pending: Rendition) -> None:
    fail_all(pending)
    publisher.post(action("without", pending), {**YES, "without": "[]"})

    assert live_voice() == "nova"


def test_failed_clips_get_another_try(publisher: Client, pending: Rendition) -> None:
    fail_all(pending)
    publisher.post(action("go_on", pending), YES)

    assert WarmRun.objects.active().filter(scope=rendition_switch.run_scope(pending)).exists()


def test_a_pending_voice_can_be_cancelled_after_a_confirmation(publisher: Client, pending: Rendition) -> None:
    assert "Listeners keep the present voice" in text_of(publisher.get(action("cancel", pending)))
    publisher.post(action("cancel", pending), YES)

    assert not Rendition.objects.pending().exists()
    assert live_voice() == "nova"


@pytest.mark.parametrize("given", ["5", "null", '{"a": 1}', '"abc"', "[" * 100_000, "["])
def test_a_switch_without_clips_refuses_what_is_not_a_list(publisher: Client, given: str) -> None:
    pending = Rendition.objects.create(voice="nova", state=Rendition.State.PENDING)
    answer = publisher.post(action("without", pending), {**YES, "without": given})
    assert answer.status_code == 400
    pending.refresh_from_db()
    assert pending.state == Rendition.State.PENDING


@pytest.mark.parametrize("name", ["go_on", "cancel", "without"])
def test_staff_who_may_only_look_cannot_change_a_voice(pending: Rendition, name: str) -> None:
    fail_all(pending)
    looker = staff_with("view_rendition")
    page = text_of(looker.get(VOICES))

    assert "Stop the change" not in page
    assert looker.post(action(name, pending), YES).status_code == 403
    assert looker.post(CHOOSE, YES).status_code == 403
    assert looker.post(SAMPLE, YES).status_code == 403
    assert Rendition.objects.pending().get() == pending


def test_staff_without_permission_cannot_open_the_voices_page() -> None:
    stranger = staff_with("view_clip")

    assert [stranger.get(page).status_code for page in (VOICES, CANDIDATES, CHOOSE)] == [403] * 3


@pytest.mark.parametrize("by", ["robot", ""])
def test_a_voice_that_the_model_has_not_is_refused(publisher: Client, by: str) -> None:
    assert publisher.post(CHOOSE.replace("shimmer", by), YES).status_code == 400


def test_needs_you_lists_a_switch_that_is_stuck(admin_client: Client, pending: Rendition) -> None:
    assert "The new voice for nova is waiting" not in text_of(admin_client.get(INDEX))
    fail_all(pending)
    page = text_of(admin_client.get(INDEX))

    assert "The new voice for nova is waiting: 2 clips could not be made" in page
    assert f'href="{VOICES}"' in page


def needs_of(page: str) -> str:
    """The card of the dashboard that says what staff should look at."""
    return page[page.index("tile-action-items") :].partition("</section>")[0]


def test_a_switch_that_is_stuck_for_more_than_a_day_is_told_once(
    admin_client: Client, pending: Rendition
) -> None:
    Rendition.objects.filter(pk=pending.pk).update(created_at=timezone.now() - timedelta(hours=25))
    fail_all(pending)
    needs = needs_of(text_of(admin_client.get(INDEX)))

    assert needs.count(f'href="{VOICES}"') == 1
    assert "The new voice for nova has waited since" in needs
    assert ": 2 clips could not be made" in needs


def test_staff_who_see_no_figures_are_told_of_a_stuck_switch_too(pending: Rendition) -> None:
    fail_all(pending)

    assert "The new voice for nova is waiting: 2 clips could not be made" in text_of(
        staff_with("view_rendition").get(INDEX)
    )


def test_a_retiring_voice_has_a_link_to_its_last_takes_and_the_days_left(
    publisher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LAST_TAKES not in text_of(publisher.get(VOICES))

    stand_before_shutdown(39, monkeypatch)
    page = text_of(publisher.get(VOICES))
    assert page.count(f'href="{LAST_TAKES}"') == 2  # nova and onyx
    assert "39 days left. You see the price first." in page


def test_a_retired_voice_has_no_link_to_last_takes(
    publisher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(0, monkeypatch)

    assert LAST_TAKES not in text_of(publisher.get(VOICES))


def test_staff_who_may_make_nothing_are_shown_no_last_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(39, monkeypatch)

    assert LAST_TAKES not in text_of(staff_with("view_rendition").get(VOICES))


def _never(**_: Any) -> dict[str, Any]:
    raise AssertionError("a page calls the provider")


class TestModelsOfTheProvider:
    @pytest.fixture(autouse=True)
    def _list_of_the_provider(self, openai: OpenAIServer, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "openai_base_url": openai.base_url}

    def test_the_listed_speech_models_are_offered_without_another_call(
        self, publisher: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "gpt-4o-mini-tts-2025-12-15" not in models_to_choose()
        assert look_at_models()
        monkeypatch.setattr(retirement, "models_offered", _never)

        page = text_of(publisher.get(CANDIDATES, {"model": "gpt-4o-mini-tts-2025-12-15"}))
        assert "<option selected>gpt-4o-mini-tts-2025-12-15</option>" in page
        assert "No price is known for gpt-4o-mini-tts-2025-12-15" in page
        assert "<option>gpt-realtime-2.1</option>" in page

    def test_a_model_that_the_list_no_longer_has_is_no_longer_offered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for listed in ({"new-tts": None}, {"another-tts": None}):
            monkeypatch.setattr(retirement, "models_offered", lambda listed=listed, **_: listed)
            assert look_at_models()

        assert "another-tts" in models_to_choose()
        assert "new-tts" not in models_to_choose()

    def test_a_model_that_has_retired_is_not_offered(self, openai: OpenAIServer) -> None:
        openai.shut_down_on({"tts-1": "2020-01-06"})
        assert "tts-1" in models_to_choose()
        look_at_models()

        assert "tts-1" not in models_to_choose()

    def test_the_replacement_that_openai_names_is_offered_before_any_look(self) -> None:
        assert "gpt-realtime-2.1-mini" in models_to_choose()


@pytest.mark.parametrize(
    ("model", "speaks"),
    [
        ("tts-1-hd", True),
        ("gpt-4o-mini-tts-2025-12-15", True),
        ("gpt-realtime-2.1-mini", True),
        ("hexgrad/Kokoro-82M", True),
        ("gpt-realtime-whisper", False),
        ("gpt-realtime-translate", False),
        ("gpt-4o-transcribe", False),
        ("whisper-1", False),
        ("gpt-6-luna", False),
        ("text-embedding-3-small", False),
    ],
)
def test_the_name_of_a_model_says_whether_it_speaks(model: str, speaks: bool) -> None:
    assert is_speech_model(model) is speaks
