"""A change of settings, on one host or on several, changes the renditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from harness.renditions import OneText, installed_hooks
from ttscache.models import (
    Clip,
    ForgottenInstallation,
    InstallationSettings,
    ProcessReport,
    Rendition,
    WarmRun,
)
from ttscache.speech import VoiceRendition
from ttscache.tasks import clean_up
from ttscache.warming import rendition_switch, settings_changes
from ttscache.warming.settings_changes import follow_settings

pytestmark = pytest.mark.django_db

HD = {"provider": "openai", "openai_api_key": "k", "model": "tts-1-hd"}
MINI = HD | {"model": "gpt-realtime-2.1-mini"}

Host = Callable[..., None]


@pytest.fixture(autouse=True)
def texts() -> Iterator[OneText]:
    with installed_hooks(OneText()) as texts:
        yield texts


@pytest.fixture
def start(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A function that starts a host with these settings."""

    def start(given: dict[str, Any], host: str = "one", *, at_work: bool = True) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, **given}
        monkeypatch.setattr(settings_changes, "this_host", lambda: host)
        follow_settings()
        if at_work:
            ProcessReport.objects.update_or_create(
                host=host, process="1", defaults={"reported_at": timezone.now()}
            )

    return start


def models(state: str, voice: str = "nova") -> list[str]:
    rows = Rendition.objects.filter(state=state, listener_voice=voice)
    return list(rows.values_list("model", flat=True))


def make_all_clips() -> None:
    Clip.objects.update(stored_at=timezone.now())
    rendition_switch.switch_ready_renditions()


class TestFirstStart:
    def test_a_new_site_plays_the_rendition_of_its_settings_at_once(self, start: Host) -> None:
        start(HD)

        assert models("live") == models("live", "onyx") == ["tts-1-hd"]
        assert not Rendition.objects.pending().exists()
        assert not WarmRun.objects.exists()

    def test_a_second_host_and_a_second_start_change_nothing(self, start: Host) -> None:
        for host in ("one", "two", "one"):
            start(HD, host)

        assert Rendition.objects.count() == 2

    def test_clips_of_an_earlier_system_play_until_all_of_the_new_voice_is_there(
        self, start: Host, texts: OneText
    ) -> None:
        adopted = VoiceRendition(provider="openai", model="tts-1-hd", voice="nova").request("Where?")
        clip = Clip.objects.record(adopted, "question")
        Clip.objects.filter(pk=clip.pk).update(stored_at=timezone.now(), adopted_at=timezone.now())
        start(MINI)

        assert (models("live"), models("pending")) == (["tts-1-hd"], ["gpt-realtime-2.1-mini"])
        assert models("live", "onyx") == ["gpt-realtime-2.1-mini"]  # the earlier system had no onyx

    def test_settings_equal_to_the_earlier_system_need_no_new_clip(self, start: Host) -> None:
        adopted = VoiceRendition(provider="openai", model="tts-1-hd", voice="nova").request("Where?")
        clip = Clip.objects.record(adopted, "question")
        Clip.objects.filter(pk=clip.pk).update(stored_at=timezone.now(), adopted_at=timezone.now())
        start(HD)

        assert (models("live"), models("pending")) == (["tts-1-hd"], [])


class TestDefaultModel:
    BY_DEFAULT = HD | {"model": ""}

    @pytest.fixture
    def today(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, int], None]:
        def set_to(year: int, month: int, day: int) -> None:
            monkeypatch.setattr(timezone, "now", lambda: datetime(year, month, day, 12, tzinfo=UTC))

        return set_to

    @pytest.mark.parametrize(
        ("day", "model"), [((2027, 1, 5), "tts-1-hd"), ((2027, 1, 6), "gpt-realtime-2.1-mini")]
    )
    def test_a_new_site_takes_the_model_of_its_day(
        self, start: Host, today: Any, day: tuple[int, ...], model: str
    ) -> None:
        today(*day)
        start(self.BY_DEFAULT)

        assert models("live") == [model]

    def test_the_date_never_changes_the_choice_of_a_site(self, start: Host, today: Any) -> None:
        today(2027, 1, 5)
        start(self.BY_DEFAULT)
        today(2027, 3, 1)
        start(self.BY_DEFAULT)
        start(self.BY_DEFAULT, "two")

        assert (models("live"), models("pending")) == (["tts-1-hd"], [])

    def test_a_site_that_speaks_with_the_provider_already_keeps_its_model(
        self, start: Host, today: Any
    ) -> None:
        start(HD)
        today(2027, 3, 1)
        start(self.BY_DEFAULT)

        assert (models("live"), models("pending")) == (["tts-1-hd"], [])

    def test_a_model_that_is_set_is_taken_whatever_the_day(self, start: Host, today: Any) -> None:
        today(2027, 3, 1)
        start(HD)

        assert models("live") == ["tts-1-hd"]


class TestChanges:
    def test_listeners_keep_the_old_voice_until_all_of_the_new_one_is_there(self, start: Host) -> None:
        start(HD)
        start(MINI)
        assert (models("live"), models("pending")) == (["tts-1-hd"], ["gpt-realtime-2.1-mini"])

        make_all_clips()
        assert (models("live"), models("past")) == (["gpt-realtime-2.1-mini"], ["tts-1-hd"])

    def test_settings_that_go_back_cancel_what_is_pending(self, start: Host) -> None:
        start(HD)
        start(MINI)
        start(HD)

        assert (models("live"), models("pending")) == (["tts-1-hd"], [])
        assert set(WarmRun.objects.values_list("state", flat=True)) == {"cancelled"}

    def test_settings_that_go_back_and_forth_are_followed_each_time(self, start: Host) -> None:
        for given in (HD, MINI, HD, MINI):
            start(given)

        assert models("pending") == ["gpt-realtime-2.1-mini"]

    def test_a_restart_leaves_the_choice_of_staff_alone(self, start: Host) -> None:
        start(HD)
        shimmer = VoiceRendition(provider="openai", model="tts-1-hd", voice="shimmer")
        rendition_switch.request_rendition("nova", shimmer, requested_by="ana")
        make_all_clips()
        start(HD)

        assert Rendition.objects.live().get(listener_voice="nova").spec == shimmer
        assert not Rendition.objects.pending().exists()

    def test_a_voice_that_is_added_plays_at_once(self, start: Host) -> None:
        start(HD)
        start(HD | {"listener_voices": ("nova", "onyx", "sage")})

        assert models("live", "sage") == ["tts-1-hd"]

    def test_a_voice_that_is_removed_prepares_nothing_any_more(self, start: Host) -> None:
        start(HD)
        start(MINI)
        start(MINI | {"listener_voices": ("onyx",)})

        assert (models("pending"), models("pending", "onyx")) == ([], ["gpt-realtime-2.1-mini"])

    @pytest.mark.parametrize(
        ("change", "spec"),
        [
            ({"audio_format": "opus"}, {"audio_format": "opus"}),
            ({"voices_by_role": {"nova": "coral"}}, {"voice": "coral"}),
            ({"provider": "embedded"}, {"provider": "embedded", "model": "embedded"}),
        ],
        ids=["format", "voice map", "provider"],
    )
    def test_each_voice_setting_makes_another_rendition(
        self, start: Host, change: dict[str, Any], spec: dict[str, Any]
    ) -> None:
        start(HD)
        start(HD | change)

        pending = Rendition.objects.pending().get(listener_voice="nova")
        assert {name: getattr(pending, name) for name in spec} == spec


class TestSeveralHosts:
    def test_a_host_with_old_settings_that_starts_again_undoes_nothing(self, start: Host) -> None:
        start(HD, "one")
        start(HD, "two")
        start(MINI, "one")
        start(HD, "two")

        assert models("pending") == ["gpt-realtime-2.1-mini"]
        make_all_clips()
        start(HD, "two")
        assert (models("live"), models("pending")) == (["gpt-realtime-2.1-mini"], [])

    def test_the_last_of_several_hosts_joins_the_pending_rendition(self, start: Host) -> None:
        start(HD, "one")
        start(HD, "two")
        start(MINI, "one")
        start(MINI, "two")

        assert Rendition.objects.filter(listener_voice="nova").count() == 2
        assert models("pending") == ["gpt-realtime-2.1-mini"]

    def test_an_additional_host_with_old_settings_undoes_nothing(self, start: Host) -> None:
        start(HD, "one")
        start(HD, "two")
        start(MINI, "one")
        start(HD, "three")
        start(HD, "three")

        assert models("pending") == ["gpt-realtime-2.1-mini"]

    def test_new_hosts_with_the_old_settings_are_followed_once_no_other_has_them(self, start: Host) -> None:
        """A roll-back can give each start a new host name."""
        start(HD, "one")
        ProcessReport.objects.update(reported_at=timezone.now() - timedelta(minutes=5))
        start(MINI, "two")
        start(HD, "three")

        assert (models("live"), models("pending")) == (["tts-1-hd"], [])


class TestForgottenInstallations:
    @pytest.fixture
    def pass_days(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Let days go by without a report; the night's upkeep runs on the last."""
        ahead = timedelta()

        def go(days: int) -> None:
            nonlocal ahead
            ahead += timedelta(days=days)
            ProcessReport.objects.all().delete()
            monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + ahead)
            clean_up()

        return go

    def known(self) -> set[str]:
        return set(InstallationSettings.objects.values_list("host", flat=True))

    def test_an_installation_that_nobody_has_seen_for_a_month_is_forgotten(
        self, start: Host, pass_days: Callable[[int], None]
    ) -> None:
        start(HD, "old")
        start(HD, "new")
        pass_days(20)
        start(HD, "new")
        assert self.known() == {"old", "new"}
        pass_days(20)

        assert self.known() == {"new"}

    def test_a_host_at_work_is_never_forgotten(self, start: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        start(HD, "one")
        start(MINI, "two")
        InstallationSettings.objects.update(seen_at=timezone.now() - timedelta(days=40))
        clean_up()

        assert self.known() == {"one", "two"}

    def test_an_installation_that_comes_back_writes_its_record_again_and_undoes_no_newer_change(
        self, start: Host, pass_days: Callable[[int], None]
    ) -> None:
        for host in ("old", "new"):
            start(HD, host)
        start(MINI, "new")
        make_all_clips()
        pass_days(31)
        start(MINI, "new")
        pass_days(31)
        assert self.known() == {"new"}

        start(HD, "old")
        assert self.known() == {"old", "new"}
        assert (models("live"), models("pending")) == (["gpt-realtime-2.1-mini"], [])

    def test_an_installation_that_comes_back_with_other_settings_is_followed(
        self, start: Host, pass_days: Callable[[int], None]
    ) -> None:
        for host in ("old", "new"):
            start(HD, host)
        for _ in range(2):
            pass_days(31)
            start(HD, "new")
        start(MINI, "old")

        assert models("pending") == ["gpt-realtime-2.1-mini"]

    def test_a_new_host_with_the_settings_of_a_forgotten_one_is_followed(
        self, start: Host, pass_days: Callable[[int], None]
    ) -> None:
        for host in ("old", "new"):
            start(HD, host)
        start(MINI, "new")
        make_all_clips()
        for _ in range(2):
            pass_days(31)
            start(MINI, "new")
        start(HD, "another")

        assert models("live") == ["tts-1-hd"] or models("pending") == ["tts-1-hd"]

    def test_a_trace_is_kept_for_a_year(self, start: Host, pass_days: Callable[[int], None]) -> None:
        start(HD, "old")
        start(MINI, "new")
        pass_days(31)
        assert ForgottenInstallation.objects.count() == 1
        pass_days(366)

        assert not ForgottenInstallation.objects.exists()
