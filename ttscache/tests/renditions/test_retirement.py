"""The last day of a model, from three sources, and a model that the provider refuses as retired."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from harness.calendar import SetClock
from harness.openai_server import OpenAIServer
from ttscache.conf import conf
from ttscache.errors import ModelRetired
from ttscache.models import ModelNotice, Rendition
from ttscache.providers.models_list import models_offered
from ttscache.renditions import retirement
from ttscache.renditions.retirement import (
    ModelOutlook,
    can_still_be_made,
    days_left,
    gone_models,
    has_waited_long,
    is_look_due,
    is_retired,
    look_at_models,
    look_once_a_day,
    note_gone,
    outlooks,
    require_offered,
    shutdown_date,
    watched_models,
)
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

DAY, ANOTHER_DAY = date(2027, 1, 6), date(2027, 3, 1)


def outlook() -> ModelOutlook:
    return outlooks(["tts-1-hd"])[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    return SetClock(monkeypatch)


@pytest.fixture
def use(settings: Any) -> Any:
    """A function that changes settings of the speech cache, as a restart would."""

    def change(**given: object) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, **given}

    return change


@pytest.fixture(autouse=True)
def _with_the_stand_in(openai: OpenAIServer, use: Any) -> None:
    use(provider="openai", openai_api_key="sk-test", openai_base_url=openai.base_url)


class TestDates:
    def test_a_model_without_a_known_date_has_no_last_day(self) -> None:
        assert shutdown_date("tts-1-hd") is None
        assert days_left("tts-1-hd") is None
        assert not is_retired("tts-1-hd")
        assert not outlook().is_ending

    def test_the_model_list_gives_the_last_day_after_a_look(self, openai: OpenAIServer) -> None:
        openai.shut_down_on({"tts-1-hd": "2027-01-06"})
        assert look_at_models()
        assert shutdown_date("tts-1-hd") == DAY

    def test_a_date_is_forgotten_when_the_list_no_longer_tells_it(self, openai: OpenAIServer) -> None:
        openai.shut_down_on({"tts-1-hd": "2027-01-06"})
        look_at_models()
        openai.shut_down_on({})
        look_at_models()
        assert shutdown_date("tts-1-hd") is None

    def test_a_date_stays_when_the_model_leaves_the_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for listed in ({"tts-1-hd": DAY}, {"another": None}):
            monkeypatch.setattr(retirement, "models_offered", lambda listed=listed, **_: listed)
            assert look_at_models()
        assert shutdown_date("tts-1-hd") == DAY

    def test_models_that_are_not_in_use_have_their_dates_as_well(self, openai: OpenAIServer) -> None:
        """Clips of earlier renditions need protection too."""
        openai.shut_down_on({"gpt-4o-mini-tts": "2027-01-06"})
        look_at_models()
        assert shutdown_date("gpt-4o-mini-tts") == DAY

    def test_the_shipped_table_gives_the_last_day_at_the_address_of_openai(self, use: Any) -> None:
        use(openai_base_url="")
        assert shutdown_date("tts-1-hd") == DAY

    def test_the_model_list_overrides_the_shipped_table(
        self, use: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(openai_base_url="")
        monkeypatch.setattr(retirement, "models_offered", lambda **_: {"tts-1-hd": ANOTHER_DAY})
        look_at_models()
        assert shutdown_date("tts-1-hd") == ANOTHER_DAY

    def test_the_setting_overrides_every_other_date(self, use: Any, openai: OpenAIServer) -> None:
        openai.shut_down_on({"tts-1-hd": "2027-01-06"})
        look_at_models()
        use(model_shutdown={"tts-1-hd": ANOTHER_DAY})
        assert shutdown_date("tts-1-hd") == ANOTHER_DAY

    def test_the_embedded_voice_never_retires(self, use: Any) -> None:
        use(provider="embedded", model_shutdown={"embedded": date(2020, 1, 1)})
        assert shutdown_date("embedded") is None
        assert not is_retired("embedded")

    def test_last_days_of_many_models_take_one_query(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            found = outlooks(["tts-1", "tts-1-hd", "tts-1", "gpt-6-luna"])
        assert [each.model for each in found] == ["tts-1", "tts-1-hd", "gpt-6-luna"]
        assert len(queries) == 1


class TestDays:
    @pytest.fixture(autouse=True)
    def _on_that_day(self, use: Any) -> None:
        use(model_shutdown={"tts-1-hd": DAY})

    @pytest.mark.parametrize(
        ("today", "left", "retired", "soon"),
        [
            (DAY - timedelta(days=61), 61, False, False),
            (DAY - timedelta(days=60), 60, False, True),
            (DAY - timedelta(days=1), 1, False, True),
            (DAY, 0, True, False),
            (DAY + timedelta(days=9), 0, True, False),
        ],
    )
    def test_days_left_are_counted_until_the_first_day_without_the_model(
        self, clock: SetClock, today: date, left: int, retired: bool, soon: bool
    ) -> None:
        clock.set(today)
        assert (days_left("tts-1-hd"), is_retired("tts-1-hd"), outlook().retires_within(60)) == (
            left,
            retired,
            soon,
        )

    def test_days_left_are_counted_in_utc(self, clock: SetClock) -> None:
        clock.set(DAY - timedelta(days=1), hour=23, minute=59)
        assert not is_retired("tts-1-hd")
        clock.set(DAY, hour=0)
        assert is_retired("tts-1-hd")

    def test_an_outlook_says_whether_the_model_retires_within_a_number_of_days(self, clock: SetClock) -> None:
        clock.set(DAY - timedelta(days=20))
        assert outlook().retires_within(20)
        assert not outlook().retires_within(19)

    def test_a_rendition_can_be_made_before_its_last_day_and_while_its_provider_has_a_key(
        self, clock: SetClock, use: Any
    ) -> None:
        spec = conf().rendition("nova")
        clock.set(DAY - timedelta(days=1))
        assert can_still_be_made(spec)
        clock.set(DAY)
        assert not can_still_be_made(spec)
        clock.set(DAY - timedelta(days=1))
        use(provider="embedded")
        assert can_still_be_made(spec)
        use(openai_api_key="")
        assert not can_still_be_made(spec)
        assert can_still_be_made(conf().rendition("nova"))


class TestSentences:
    def on(self, clock: SetClock, days_before: int) -> str:
        clock.set(DAY - timedelta(days=days_before))
        (found,) = [each for each in watched_models() if each.model == "tts-1-hd"]
        return f"{found.says} {found.advice}"

    def test_the_sentence_before_the_last_day_names_the_date(self, clock: SetClock, use: Any) -> None:
        use(model_shutdown={"tts-1-hd": DAY})
        assert self.on(clock, 23) == (
            "The provider switches off tts-1-hd, which speaks nova and onyx, on 6 January 2027, in 23 days. "
            "Before that day, make the clips you may still need in this voice, and choose a new one."
        )
        assert "in 1 day." in self.on(clock, 1)

    def test_the_sentence_from_the_last_day_says_that_the_model_is_retired(
        self, clock: SetClock, use: Any
    ) -> None:
        use(model_shutdown={"tts-1-hd": DAY})
        assert self.on(clock, -3) == (
            "The provider has switched off tts-1-hd, which speaks nova and onyx, on 6 January 2027. "
            "Saved audio still plays; nothing new can be made until another voice is chosen."
        )

    def test_the_sentence_for_a_model_gone_without_notice_says_so(self, clock: SetClock) -> None:
        note_gone("tts-1-hd")
        says = self.on(clock, 23)
        assert "tts-1-hd, which speaks nova and onyx, without notice," in says
        assert "or the API key may not use it." in says

    def test_the_sentence_for_a_model_gone_early_says_so(self, clock: SetClock, use: Any) -> None:
        use(model_shutdown={"tts-1-hd": DAY})
        clock.set(DAY - timedelta(days=2))
        note_gone("tts-1-hd")
        assert "before the day it had announced." in self.on(clock, 1)

    def test_the_chat_model_has_advice_of_its_own(self, clock: SetClock, use: Any) -> None:
        use(reflection_model="gpt-4o-mini", model_shutdown={"gpt-4o-mini": DAY})
        clock.set(DAY - timedelta(days=2))
        (before,) = [each for each in watched_models() if each.is_chat]
        assert (before.role, before.advice) == (
            "writes reflections",
            "Set REFLECTION_MODEL to another model.",
        )
        clock.set(DAY)
        (after,) = [each for each in watched_models() if each.is_chat]
        assert after.advice.startswith("Reflections come from the bank")


class TestWatchedModels:
    def test_the_voices_and_the_chat_model_are_watched(self) -> None:
        assert {(each.model, each.voices, each.is_chat) for each in watched_models()} == {
            ("tts-1-hd", ("nova", "onyx"), False),
            ("gpt-6-luna", (), True),
        }

    def test_a_pending_rendition_is_watched_as_well(self) -> None:
        Rendition.objects.create(
            listener_voice="onyx", provider="openai", model="gpt-realtime-mini", voice="cedar"
        )
        assert ("gpt-realtime-mini", ("onyx",)) in {(each.model, each.voices) for each in watched_models()}

    def test_no_model_is_watched_without_a_key(self, use: Any) -> None:
        use(provider="embedded", openai_api_key="")
        assert watched_models() == []
        assert not is_look_due()

    @pytest.mark.parametrize(("hours", "is_long"), [(25, True), (23, False)])
    def test_a_switch_has_waited_long_after_a_day(self, hours: int, is_long: bool) -> None:
        pending = Rendition(created_at=timezone.now() - timedelta(hours=hours))
        assert has_waited_long(pending) is is_long


class TestRetiredModels:
    def test_a_model_is_offered_until_it_is_noted_as_gone(self) -> None:
        require_offered("tts-1-hd")
        note_gone("tts-1-hd")
        with pytest.raises(ModelRetired) as raised:
            require_offered("tts-1-hd")
        assert raised.value.model == "tts-1-hd"
        require_offered("tts-1")
        assert is_retired("tts-1-hd")
        assert gone_models() == {"tts-1-hd"}

    def test_a_day_that_has_passed_does_not_stop_calls_by_itself(self, use: Any) -> None:
        use(model_shutdown={"tts-1-hd": date(2020, 1, 1)})
        require_offered("tts-1-hd")
        assert is_retired("tts-1-hd")

    def test_the_first_note_of_a_retired_model_stays(self, clock: SetClock) -> None:
        clock.set(DAY)
        note_gone("tts-1-hd")
        clock.set(ANOTHER_DAY)
        note_gone("tts-1-hd")
        assert ModelNotice.objects.get().gone_at == datetime(2027, 1, 6, 12, tzinfo=UTC)

    @pytest.mark.parametrize("changed", [{"openai_api_key": "another"}, {"openai_base_url": "http://x/v1"}])
    def test_other_settings_try_a_retired_model_anew_and_the_earlier_ones_do_not(
        self, use: Any, changed: Any
    ) -> None:
        earlier = {name: getattr(conf(), name) for name in changed}
        note_gone("tts-1-hd")
        use(**changed)
        require_offered("tts-1-hd")
        use(**earlier)
        with pytest.raises(ModelRetired):
            require_offered("tts-1-hd")

    def test_a_look_that_finds_a_retired_model_allows_calls_again(self) -> None:
        note_gone("tts-1-hd")
        look_at_models()
        require_offered("tts-1-hd")

    def test_a_list_that_names_a_model_after_its_last_day_allows_no_calls(
        self, openai: OpenAIServer, clock: SetClock
    ) -> None:
        openai.shut_down_on({"tts-1-hd": "2027-01-06"})
        clock.set(DAY)
        note_gone("tts-1-hd")
        look_at_models()
        with pytest.raises(ModelRetired):
            require_offered("tts-1-hd")
        openai.shut_down_on({"tts-1-hd": "2027-03-01"})
        look_at_models()
        require_offered("tts-1-hd")

    def test_a_model_list_without_the_model_allows_no_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        note_gone("tts-1-hd")
        monkeypatch.setattr(retirement, "models_offered", lambda **_: {"another": None})
        look_at_models()
        with pytest.raises(ModelRetired):
            require_offered("tts-1-hd")

    def test_a_model_refused_while_the_model_list_is_read_stays_retired(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused_meanwhile(**_: object) -> dict[str, None]:
            note_gone("tts-1-hd")
            return {"tts-1-hd": None}

        monkeypatch.setattr(retirement, "models_offered", refused_meanwhile)
        look_at_models()
        with pytest.raises(ModelRetired):
            require_offered("tts-1-hd")


class TestDailyLook:
    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """A list that grows with each look at the model list."""
        made: list[int] = []

        def counted(**how: Any) -> Any:
            made.append(1)
            return models_offered(**how)

        monkeypatch.setattr(retirement, "models_offered", counted)
        return made

    def test_the_look_at_models_happens_once_a_day(self, clock: SetClock, looks: list[int]) -> None:
        counts = []
        for _ in clock.each_day(DAY, DAY + timedelta(days=2)):
            for hour in (0, 1, 23):
                clock.now = clock.now.replace(hour=hour)
                look_once_a_day(speech_cache().leases)
            counts.append(len(looks))
        assert counts == [1, 2, 3]

    def test_two_hosts_share_one_daily_look(self, looks: list[int]) -> None:
        held = speech_cache().leases.acquire("look-at-models")
        assert held is not None
        look_once_a_day(speech_cache().leases)
        speech_cache().leases.release(held)
        assert looks == []
        assert is_look_due()

    def test_a_failed_daily_look_is_repeated(self, openai: OpenAIServer, looks: list[int]) -> None:
        openai.behave(fault=503)
        look_once_a_day(speech_cache().leases)
        assert is_look_due()
        openai.behave()
        look_once_a_day(speech_cache().leases)
        assert not is_look_due()
        assert len(looks) == 2

    def test_a_provider_that_is_away_is_a_look_that_failed(self, use: Any) -> None:
        use(openai_base_url="http://127.0.0.1:1/v1")
        assert not look_at_models()
        assert is_look_due()

    def test_a_server_without_a_list_is_asked_once_a_day(
        self, openai: OpenAIServer, use: Any, looks: list[int]
    ) -> None:
        use(openai_base_url=f"{openai.base_url}/nowhere")
        for _ in range(2):
            look_once_a_day(speech_cache().leases)
        assert len(looks) == 1
        assert shutdown_date("tts-1-hd") is None

    def test_a_change_of_settings_looks_at_once(self, use: Any, looks: list[int]) -> None:
        look_once_a_day(speech_cache().leases)
        use(openai_api_key="another")
        look_once_a_day(speech_cache().leases)
        assert len(looks) == 2
