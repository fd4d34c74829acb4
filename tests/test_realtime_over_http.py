"""The whole product with a Realtime model: it starts, makes the journey, and pays by tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.caller import Caller, phrase
from harness.openai_server import OpenAIServer
from harness.realtime_cache import REALTIME_MODEL, realtime_request, realtime_sound
from harness.site import MakeSite, Site, WebServer
from harness.site_data import new_token
from harness.waiting import wait_until
from harness.warm_work import VOICES, all_is_ready

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def site(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Site]:
    """A site with every published clip made, some of them at the second attempt."""
    running_openai.reset()
    running_openai.behave(fault="reword", first_calls=3)
    with make_site(Site, TTS_MODEL=REALTIME_MODEL, TTS_DAILY_BUDGET_USD="20") as site:
        wait_until(lambda: all_is_ready(site), "all clips", seconds=180)
        yield site


@pytest.fixture(scope="module")
def caller(site: Site) -> Caller:
    return Caller(site, new_token(site))


def test_the_listener_voices_are_played_by_marin_and_cedar(
    caller: Caller, running_openai: OpenAIServer
) -> None:
    assert {call.voice for call in running_openai.calls()} == {"marin", "cedar"}
    assert {call.model for call in running_openai.calls()} == {REALTIME_MODEL}


def test_every_short_clip_of_the_journey_has_its_words_and_no_others(caller: Caller) -> None:
    compared = 0
    for voice, played_by in zip(VOICES, ("marin", "cedar"), strict=True):
        for item in caller.narratives(voice)["narratives"]:
            request = realtime_request(item["text"], played_by, "mp3")
            if len(item["text"]) <= 400:  # longer clips are joined from parts
                assert caller.get(item["audio"]["url"]).body == realtime_sound(request)
                compared += 1
    assert compared >= 20


def test_a_new_text_is_sent_whole_and_the_second_time_it_is_a_hit(
    caller: Caller, running_openai: OpenAIServer
) -> None:
    text = phrase()
    calls = len(running_openai.calls())
    first, second = caller.say(text), caller.say(text)
    clip = realtime_sound(realtime_request(text, "marin", "mp3"))
    assert (first.body, second.body) == (clip, clip)
    assert first.headers["Content-Length"] == second.headers["Content-Length"] == str(len(clip))
    assert first.headers["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
    assert second.headers["Cache-Status"].startswith("lifereview; hit; detail=")
    assert len(running_openai.calls()) == calls + 1


def test_realtime_spending_equals_the_bill(caller: Caller, running_openai: OpenAIServer) -> None:
    def spent() -> float:
        return float(caller.get("/api/cache-stats").json()["spent_usd"])

    bill = running_openai.bill_usd()
    assert bill > 0.05
    wait_until(lambda: abs(spent() - bill) < 0.01, "figures of all processes", seconds=10)


def test_a_listener_voice_that_the_model_lacks_stops_the_start_with_one_line(make_site: MakeSite) -> None:
    server = make_site(WebServer, TTS_MODEL=REALTIME_MODEL, TTS_LISTENER_VOICES="nova,fable")
    done = server.manage("serve", timeout_seconds=60)
    assert done.returncode != 0
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert "no voice 'fable'" in line and "TTS_VOICES" in line
