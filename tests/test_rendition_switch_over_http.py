"""A listener voice gets a new rendition: listeners hear the old one until the new one is complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.caller import Caller
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site, WebServer
from harness.site_data import execute, query, ready_clips
from harness.staff_session import StaffSession
from harness.waiting import wait_until
from ttscache.speech import VoiceRendition

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql, pytest.mark.timeout(600)]

CLIPS_A_VOICE = 17
LOOKS = 100
BETWEEN_LOOKS_SECONDS = 0.05  # the processors are for those who make clips
CAP_USD = 0.095  # one voice of the journey costs 0.0754


def rendition(voice: str, model: str = "tts-1-hd") -> VoiceRendition:
    return VoiceRendition(provider="openai", model=model, voice=voice)


NOVA, SHIMMER, CORAL, SAGE = (rendition(name) for name in ("nova", "shimmer", "coral", "sage"))
KNOWN = [
    NOVA,
    SHIMMER,
    CORAL,
    SAGE,
    rendition("onyx"),
    rendition("nova", "tts-1"),
    rendition("onyx", "tts-1"),
]


def listed(caller: Caller, voice: str = "nova") -> list[Any]:
    told = caller.narratives(voice)
    return [*told["narratives"], *told["system"].values()]


def played_by(item: Any) -> VoiceRendition:
    """Return the rendition of the clip that the API lists for these words."""
    content_hash = item["audio"]["content_hash"]
    return next(each for each in KNOWN if each.request(item["text"]).content_hash == content_hash)


def look(caller: Caller, voice: str = "nova") -> VoiceRendition:
    """Return the rendition of the voice; check that the whole journey has one and every clip is ready."""
    items = listed(caller, voice)
    assert len(items) == CLIPS_A_VOICE
    assert all(item["audio"]["ready"] for item in items)
    (found,) = {played_by(item) for item in items}
    return found


def play(caller: Caller, voice: str, number: int) -> None:
    """Fetch a clip of the list as a listener's player would; check that it is a hit."""
    audio = listed(caller, voice)[number % CLIPS_A_VOICE]["audio"]
    answer = caller.get(audio["url"])
    assert answer.status == 200
    assert len(answer.body) == audio["bytes"]
    assert "hit" in answer.headers["Cache-Status"]


def looks_until(caller: Caller, is_over: Callable[[], bool], *, least: int = 1) -> list[VoiceRendition]:
    """Return the rendition of nova at each look, while also polling onyx and playing clips."""
    found: list[VoiceRendition] = []
    end = time.monotonic() + 150
    while len(found) < least or not is_over():
        assert time.monotonic() < end, f"{len(found)} looks, the last one found {found[-1]}"
        found.append(look(caller))
        time.sleep(BETWEEN_LOOKS_SECONDS)
        if len(found) % 5 == 0:
            play(caller, "nova", len(found))
        if len(found) % 10 == 0:
            look(caller, "onyx")
    return found


@pytest.fixture(scope="module")
def staff(site: Site) -> StaffSession:
    return StaffSession.begin(site)


def request(staff: StaffSession, spec: VoiceRendition) -> None:
    """Choose who plays nova from now on."""
    chosen = f"/admin/ttscache/rendition/nova/choose/?model={spec.model}&by={spec.voice}"
    assert staff.say_yes(chosen).status == 302


def made(site: Site, spec: VoiceRendition) -> int:
    sql = "SELECT count(*) FROM tts_cache WHERE voice = %s AND model = %s AND stored_at IS NOT NULL"
    return int(query(site, sql, spec.voice, spec.model)[0][0])


def states(site: Site, voice: str = "nova") -> dict[str, str]:
    """Return model and provider voice of the live and the pending rendition, by state."""
    sql = "SELECT state, model, voice FROM ttscache_rendition WHERE listener_voice = %s"
    return {state: f"{model} {name}" for state, model, name in query(site, sql, voice) if state != "past"}


def is_live(site: Site, spec: VoiceRendition, voice: str = "nova") -> Callable[[], bool]:
    return lambda: states(site, voice).get("live") == f"{spec.model} {spec.voice}"


@pytest.fixture(scope="module")
def site(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Site]:
    """A site with every published clip made."""
    running_openai.reset()
    with make_site(Site, WEB_WORKERS="2", TTS_WARM_CONCURRENCY="3") as site:
        wait_until(lambda: ready_clips(site) == 2 * CLIPS_A_VOICE, "all clips", seconds=120)
        yield site
    running_openai.reset()


class TestOneSite:
    """The tests run in order, over several days."""

    def test_a_slow_provider_is_waited_for_and_the_switch_is_whole(
        self, site: Site, staff: StaffSession, openai: OpenAIServer
    ) -> None:
        openai.behave(chunk_delay_seconds=0.5)
        caller = Caller(site)
        request(staff, SHIMMER)
        found = looks_until(caller, is_live(site, SHIMMER), least=LOOKS)
        found += looks_until(caller, lambda: look(caller) == SHIMMER)

        assert set(found) == {NOVA, SHIMMER}
        assert found == sorted(found, key=[NOVA, SHIMMER].index)
        assert look(caller, "onyx") == rendition("onyx")
        assert sorted({call.voice for call in openai.calls()}) == ["shimmer"]

    def test_a_provider_that_fails_half_way_leaves_listeners_the_old_voice(
        self, site: Site, staff: StaffSession, openai: OpenAIServer
    ) -> None:
        openai.behave(chunk_delay_seconds=0.3)
        caller = Caller(site)
        request(staff, CORAL)
        wait_until(lambda: made(site, CORAL) >= 4, "some clips", seconds=60)
        openai.behave(fault=503)
        assert set(looks_until(caller, lambda: True, least=60)) == {SHIMMER}
        assert states(site)["pending"] == "tts-1-hd coral"

        openai.reset()
        found = looks_until(caller, is_live(site, CORAL))
        assert set(found) <= {SHIMMER, CORAL}
        assert look(caller) == CORAL

    def test_after_kill_9_of_everything_the_old_voice_plays_and_the_switch_comes(
        self, site: Site, staff: StaffSession, openai: OpenAIServer
    ) -> None:
        openai.behave(chunk_delay_seconds=0.3)
        request(staff, SAGE)
        wait_until(lambda: made(site, SAGE) >= 4, "some clips", seconds=60)
        for process in site.processes():
            process.kill()
        assert site.survivors(within_seconds=20) == []
        openai.behave(gate_before_headers=True)
        site.start()
        caller = Caller(site)
        assert set(looks_until(caller, lambda: True, least=30)) == {CORAL}

        openai.reset()
        found = looks_until(caller, is_live(site, SAGE))
        assert set(found) <= {CORAL, SAGE}
        assert look(caller) == SAGE

    @pytest.mark.long
    def test_hosts_that_start_one_after_the_other_with_new_settings_switch_once(
        self, site: Site, make_site: MakeSite, openai: OpenAIServer
    ) -> None:
        """Staff have chosen sage for nova. The new model is set on one host first, then on both."""
        openai.behave(gate_before_headers=True)
        new = rendition("nova", "tts-1")
        with make_site(WebServer, beside=site, TTS_MODEL="tts-1") as other:
            wait_until(lambda: states(site).get("pending") == "tts-1 nova", "the new settings", seconds=60)
            site.stop()
            site.start()  # with the old settings
            here, there = Caller(site), Caller(other)
            for _ in range(20):
                assert (look(here), look(there)) == (SAGE, SAGE)
            assert states(site) == {"live": "tts-1-hd sage", "pending": "tts-1 nova"}
            assert states(site, "onyx") == {"live": "tts-1-hd onyx", "pending": "tts-1 onyx"}

            openai.reset()
            found = looks_until(here, is_live(site, new))
            assert set(found) <= {SAGE, new}
            wait_until(is_live(site, rendition("onyx", "tts-1"), "onyx"), "the other voice", seconds=60)
            assert look(here) == look(there) == new
            assert look(here, "onyx") == look(there, "onyx") == rendition("onyx", "tts-1")

    @pytest.mark.long
    def test_the_last_host_with_the_new_settings_makes_nothing_again(
        self, site: Site, openai: OpenAIServer
    ) -> None:
        site.stop()
        site.env["TTS_MODEL"] = "tts-1"
        site.start()

        assert look(Caller(site)) == rendition("nova", "tts-1")
        assert "pending" not in states(site)
        assert openai.calls() == []


@pytest.mark.long
def test_the_old_voice_plays_while_the_budget_holds_up_the_switch(
    make_site: MakeSite, openai: OpenAIServer
) -> None:
    with make_site(Site, TTS_DAILY_BUDGET_USD=str(CAP_USD), TTS_LISTENER_VOICES="nova") as site:
        wait_until(lambda: ready_clips(site) == CLIPS_A_VOICE, "all clips", seconds=120)
        caller = Caller(site)
        request(StaffSession.begin(site), SHIMMER)
        paused = "SELECT count(*) FROM ttscache_warmrun WHERE paused_because = 'budget'"
        wait_until(lambda: query(site, paused)[0][0] == 1, "the end of the money", seconds=60)
        for _ in range(20):
            assert look(caller) == NOVA

        earlier = "hour - interval '1 day'" if site.env.get("DATABASE_URL") else "datetime(hour, '-1 day')"
        execute(site, f"UPDATE ttscache_spending SET hour = {earlier}")
        execute(site, "UPDATE ttscache_budgetday SET committed_microusd = 0")
        wait_until(is_live(site, SHIMMER), "the switch", seconds=90)
        assert look(caller) == SHIMMER
