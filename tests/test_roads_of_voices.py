"""Each road of docs/voices.md: a site with the page's environment speaks through a vendor of that kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.caller import Caller, phrase
from harness.openai_server import OpenAIServer
from harness.process import PROJECT
from harness.site import MakeSite, Site, WebServer
from harness.site_data import execute, new_token, query
from harness.waiting import wait_until
from ttscache import audio
from ttscache.speech import EMBEDDED_MODEL, REALTIME_NAMESAKES, SpeechRequest, is_realtime

pytestmark = [pytest.mark.site, pytest.mark.any_database]

PAGE = PROJECT / "docs" / "voices.md"
REALTIME = "OpenAI Realtime"
VENDOR = "Another provider, or a server of your own"
EMBEDDED = "The embedded voice"
STAND_IN = "The embedded voice as a stand-in"
KINDS = ("no_speed", "limit_500", "pcm_only", "always_pcm", "raw_pcm", "short_wav")

LONG = " ".join(f"This is sentence {number} about a long and winding life." for number in range(10, 40))


def roads() -> dict[str, dict[str, str]]:
    """Return the environment under each heading of the page."""
    found = re.findall(r"^### (.+?)$.*?^```ini\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {name: dict(line.split("=", 1) for line in block.splitlines()) for name, block in found}


class Road:
    """A site started with the page's values; only the address of the vendor is different."""

    def __init__(self, site: Site, env: dict[str, str]) -> None:
        self.env = env
        self.caller = Caller(site, new_token(site))
        self.site = site

    def request(self, text: str, role: str = "nova") -> SpeechRequest:
        """Return the request for the rendition that plays this listener voice."""
        voices = dict(pair.split("=") for pair in self.env.get("TTS_VOICES", "").split(",") if pair)
        is_embedded = self.env.get("TTS_PROVIDER") == EMBEDDED_MODEL
        model = EMBEDDED_MODEL if is_embedded else self.env["TTS_MODEL"]
        played_by = REALTIME_NAMESAKES.get(role, role) if is_realtime(model) else role
        return SpeechRequest(text=text, voice=voices.get(role, played_by), model=model)

    def speak_and_check(self, text: str, role: str = "nova") -> None:
        """Check that the clip is whole, is stored under the key of its rendition, and is a hit afterwards."""
        made = self.caller.say(text, voice=role)
        assert made.status == 200, made.body
        assert made.headers["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
        audio.check_whole(audio.examine(made.body, "mp3"), text, 1.0)
        content_hash = self.request(text, role).content_hash
        kept = self.caller.clip(content_hash)
        assert (kept.status, kept.body) == (200, made.body)
        again = self.caller.say(text, voice=role)
        assert (again.body, "hit" in again.headers["Cache-Status"]) == (made.body, True)


Start = Callable[..., Road]


@pytest.fixture(scope="module")
def start(make_site: MakeSite) -> Start:
    """A function that starts a site on one of the roads with a vendor."""

    def on_road(name: str, vendor: OpenAIServer | None = None) -> Road:
        env = roads()[name]
        site = make_site(WebServer)
        # Only the variables of the page, without the key and address that tests usually set.
        own = {
            variable: site.env[variable]
            for variable in ("SECRET_KEY", "WEB_WORKERS", "DATABASE_URL")
            if variable in site.env
        }
        address = {"OPENAI_BASE_URL": vendor.base_url} if vendor else {}
        site.env = own | env | address
        site.start()
        return Road(site, env)

    return on_road


@pytest.fixture(scope="module", params=KINDS)
def other_vendor(request: pytest.FixtureRequest) -> Iterator[OpenAIServer]:
    with OpenAIServer(profile=request.param) as server:
        yield server


def test_every_road_of_the_voices_page_has_a_test() -> None:
    assert set(roads()) == {REALTIME, VENDOR, EMBEDDED, STAND_IN}
    assert PAGE.read_text().count("```ini") == len(roads())


def test_every_variable_of_the_voices_page_is_read_by_the_site() -> None:
    read = "".join(
        path.read_text() for path in (PROJECT / "lifereview").rglob("*.py") if "tests" not in path.parts
    )
    named = {variable for env in roads().values() for variable in env}
    assert named and not {variable for variable in named if f'"{variable}"' not in read}


def test_the_road_to_openai_realtime_works(start: Start, openai: OpenAIServer) -> None:
    road = start(REALTIME, openai)
    for role in ("nova", "onyx"):
        road.speak_and_check(phrase(), role)
    road.speak_and_check(LONG)
    assert {call.model for call in openai.calls()} == {road.env["TTS_MODEL"]}
    assert {call.voice for call in openai.calls()} == {"marin", "cedar"}
    spent = road.caller.get("/api/cache-stats").json()["spent_usd"]
    assert spent == pytest.approx(openai.bill_usd(), abs=1e-4) and spent > 0


def test_the_road_to_another_vendor_works(start: Start, other_vendor: OpenAIServer) -> None:
    road = start(VENDOR, other_vendor)
    texts = [phrase(), phrase(), LONG]
    for role, text in zip(("nova", "onyx", "nova"), texts, strict=True):
        road.speak_and_check(text, role)
    assert {call.voice for call in other_vendor.calls()} == {"ada", "karl"}
    spent = road.caller.get("/api/cache-stats").json()["spent_usd"]
    spoken = sum(len(call.text) for call in other_vendor.calls() if call.outcome == "completed")
    assert spent == pytest.approx(spoken * 15 / 1e6, abs=1e-6)
    assert spoken == pytest.approx(sum(map(len, texts)), abs=50), "each word is paid for once"


def test_the_road_to_the_embedded_voice_works(start: Start) -> None:
    road = start(EMBEDDED)
    for role in ("nova", "onyx"):
        road.speak_and_check("Where did you go to school, and who sat next to you?", role)


class TestEmbeddedVoiceAsAStandIn:
    @pytest.fixture(scope="class")
    @staticmethod
    def road(start: Start, running_openai: OpenAIServer) -> Road:
        running_openai.reset()
        road = start(STAND_IN, running_openai)
        road.site.manage("load_default_content", check=True)
        return road

    @pytest.fixture(autouse=True)
    def _forget_retired_models(self, road: Road) -> Iterator[None]:
        """Forget refusals: a model refused as retired is not called again before the daily look."""
        yield
        execute(road.site, "DELETE FROM ttscache_modelnotice")

    def test_the_provider_speaks_while_it_is_up(self, road: Road, openai: OpenAIServer) -> None:
        text = phrase()
        assert "generated" in road.caller.say(text).headers["Cache-Status"]
        assert [call.text for call in openai.calls()] == [text]

    @pytest.mark.parametrize("fault", [410, 503])
    def test_the_embedded_voice_speaks_free_text_during_an_outage(
        self, road: Road, openai: OpenAIServer, fault: int
    ) -> None:
        openai.behave(fault=fault)
        assert_spoken_instead(road, f"We had a garden with {fault} apple trees.")

    def test_a_persons_words_are_spoken_by_the_embedded_voice_and_not_kept(
        self, road: Road, openai: OpenAIServer
    ) -> None:
        openai.behave(fault=503)
        text = "My sister sang all day long."
        said = road.caller.say(text, content_type="response")
        assert (said.status, said.headers["Cache-Control"]) == (200, "no-store")
        assert said.headers["Cache-Status"] == "lifereview; fwd=miss; detail=fallback"
        rows = query(road.site, "SELECT 1 FROM tts_cache WHERE content_text = %s", text)
        assert rows == []

    def test_the_embedded_voice_never_speaks_a_journey_text_of_the_provider(
        self, road: Road, openai: OpenAIServer
    ) -> None:
        openai.behave(fault=410)
        listed = road.caller.narratives()["narratives"][3]
        for answer in (road.caller.get(listed["audio"]["url"]), road.caller.say(listed["text"])):
            assert answer.status == 503, answer.headers
            assert answer.json()["code"] in ("model_retired", "provider_unavailable")

    def test_a_provider_that_is_gone_speaks_again_once_it_is_back(
        self, road: Road, running_openai: OpenAIServer
    ) -> None:
        text = "In winter we went skating on the canal."
        running_openai.stop()
        try:
            assert_spoken_instead(road, text)
        finally:
            running_openai.start()
        wait_until(
            lambda: "fallback" not in road.caller.say(text).headers["Cache-Status"],
            "the provider to be found well",
            seconds=60,
        )
        assert any(call.text == text for call in running_openai.calls())

    def test_fallback_speech_is_counted_and_free(self, road: Road) -> None:
        stats: dict[str, Any] = road.caller.get("/api/cache-stats").json()
        assert stats["by_tier"]["fallback"] >= 4
        spent = query(road.site, "SELECT count(*) FROM ttscache_spending WHERE model = 'embedded'")
        assert spent == [(0,)]


def assert_spoken_instead(road: Road, text: str) -> None:
    said = road.caller.say(text)
    assert said.status == 200, said.body
    assert said.headers["Cache-Status"] == "lifereview; fwd=miss; detail=fallback"
    assert said.headers["Cache-Control"] == "no-store"
    audio.check_whole(audio.examine(said.body, "mp3"), text, 1.0)
    instead = SpeechRequest(text=text, voice="nova", model=EMBEDDED_MODEL)
    assert road.caller.clip(instead.content_hash).body == said.body
    assert road.caller.clip(road.request(text).content_hash).status in (404, 503)
