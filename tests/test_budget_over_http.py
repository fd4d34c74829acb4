"""The daily budget holds over all processes; cached clips still play."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from harness.caller import Caller, phrase, sound_of
from harness.http import Response, at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import execute, new_token, query
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

USD_A_CHARACTER = 30 / 1e6
CAP_USD = 0.06  # the price of 2,000 characters; one voice of the journey has 2,512
CLIPS_A_VOICE = 17


@pytest.fixture(scope="module")
def site(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Site]:
    running_openai.reset()
    with make_site(
        Site, TTS_DAILY_BUDGET_USD=str(CAP_USD), TTS_LISTENER_VOICES="nova", TTS_WARM_CONCURRENCY="3"
    ) as site:
        yield site


@pytest.fixture(scope="module")
def caller(site: Site) -> Caller:
    return Caller(site, new_token(site))


def paused_run(caller: Caller) -> dict[str, object]:
    begun = caller.post("/api/pre-cache-narratives", {"voice": "nova"}).json()
    run: dict[str, object] = caller.get(begun["status_url"]).json()
    return run


def spent_usd(running_openai: OpenAIServer) -> float:
    return sum(len(call.text) for call in running_openai.calls()) * USD_A_CHARACTER


def let_a_day_pass(site: Site) -> None:
    """Move all recorded spending to yesterday."""
    earlier = "hour - interval '1 day'" if site.env.get("DATABASE_URL") else "datetime(hour, '-1 day')"
    execute(site, f"UPDATE ttscache_spending SET hour = {earlier}")
    execute(site, "UPDATE ttscache_budgetday SET committed_microusd = 0")


class TestOneDayAndTheNext:
    """The tests run in order, over two days."""

    def test_a_warm_run_pauses_at_the_budget(
        self, site: Site, caller: Caller, running_openai: OpenAIServer
    ) -> None:
        wait_until(lambda: paused_run(caller)["state"] == "paused", "the pause", seconds=60)
        run = paused_run(caller)
        assert 0 < int(str(run["done"])) < CLIPS_A_VOICE
        assert run["failed"] == 0
        wait_until(lambda: all(call.outcome for call in running_openai.calls()), "the last call")
        assert 0 < spent_usd(running_openai) <= CAP_USD

    def test_concurrent_requests_never_exceed_the_budget(
        self, caller: Caller, running_openai: OpenAIServer
    ) -> None:
        heard = at_once(24, lambda _: caller.say(phrase(40)))
        answers = Counter(
            (answer.status, answer.json()["code"] if answer.status != 200 else "")
            for answer in heard
            if isinstance(answer, Response)
        )
        assert sum(answers.values()) == 24
        assert set(answers) <= {(200, ""), (503, "budget_exhausted")}
        assert answers[503, "budget_exhausted"] > 0
        assert spent_usd(running_openai) <= CAP_USD

    def test_a_request_beyond_the_budget_says_when_to_retry(
        self, caller: Caller, running_openai: OpenAIServer
    ) -> None:
        before = len(running_openai.calls())
        for content_type in ("narrative", "response"):
            refusal = caller.say(phrase(400), content_type=content_type)
            assert (refusal.status, refusal.json()["code"]) == (503, "budget_exhausted")
            assert 1 <= int(refusal.headers["Retry-After"]) <= 86_400
            assert refusal.headers["Cache-Control"] == "no-store"
        assert len(running_openai.calls()) == before

    def test_cached_clips_play_beyond_the_budget(self, caller: Caller) -> None:
        ready = [audio for audio in caller.audio() if audio["ready"]]
        assert ready
        assert {caller.get(audio["url"]).status for audio in ready} == {200}

    def test_staff_and_operators_see_an_exhausted_budget(self, site: Site, caller: Caller) -> None:
        budget = caller.get("/api/cache-stats").json()["budget"]
        assert budget["usd_a_day"] == CAP_USD
        assert budget["committed_today_usd"] <= CAP_USD
        (reason,) = query(site, "SELECT paused_because FROM ttscache_warmrun WHERE state = 'paused'")
        assert reason[0] == "budget"

    def test_a_run_paused_at_the_budget_resumes_the_next_day(
        self, site: Site, caller: Caller, running_openai: OpenAIServer
    ) -> None:
        yesterday = spent_usd(running_openai)
        let_a_day_pass(site)
        wait_until(lambda: paused_run(caller)["state"] == "done", "the rest", seconds=90)
        texts = [call.text for call in running_openai.calls()]
        assert len(texts) == len(set(texts))  # nothing was paid for twice
        assert spent_usd(running_openai) - yesterday <= CAP_USD
        assert all(audio["ready"] for audio in caller.audio())
        text = "A clip of the second day."
        assert caller.say(text).body == sound_of(text)
