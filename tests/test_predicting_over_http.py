"""Predicted clips are made before scheduled ones, and once over all processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.caller import Caller
from harness.http import at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import new_token, query
from harness.speech_api.calls import Call
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

CLIPS = 34
WARM_LANES = "SELECT count(*) FROM ttscache_warmitem WHERE lane = 1"
RUNS = "SELECT count(*) FROM ttscache_warmrun"


@pytest.fixture(scope="module")
def site(make_site: MakeSite, gated_voice: OpenAIServer) -> Iterator[Site]:
    """A site whose clips are all missing and whose cluster makes one at a time."""
    with make_site(Site, TTS_WARM_CONCURRENCY="1", WEB_WORKERS="2") as site:
        yield site


def ask_again(caller: Caller, url: str) -> None:
    """Request a clip over 20 connections, so that both workers are reached."""
    at_once(20, lambda _: caller.get(url))


def test_predicted_questions_and_the_outro_precede_scheduled_clips(
    site: Site, gated_voice: OpenAIServer
) -> None:
    """The test uses the voice whose clips are scheduled last."""
    caller = Caller(site)
    wait_until(lambda: len(gated_voice.calls()) == 1, "the cluster to be held up", seconds=60)
    listed = caller.narratives("onyx")["narratives"]
    expected = [item["text"] for item in (*listed[2:5], listed[-1])]
    with caller.start_clip(listed[1]["audio"]["content_hash"]):
        wait_until(
            lambda: query(site, WARM_LANES) == [(4,)], "the predicted clips to be expedited", seconds=30
        )
        gated_voice.release()
    wait_until(lambda: len(gated_voice.calls()) == CLIPS, "the end of all", seconds=120)

    warmed = [call for call in gated_voice.calls() if not _is(call, listed[1]["text"])]
    assert [(call.text, call.voice) for call in warmed[1:5]] == [(text, "onyx") for text in expected]
    assert query(site, RUNS) == [(2,)]


def _is(call: Call, text: str) -> bool:
    return (call.text, call.voice) == (text, "onyx")


def test_a_repeated_request_starts_no_second_prediction(site: Site, gated_voice: OpenAIServer) -> None:
    caller = Caller(site)
    question = caller.narratives("onyx")["narratives"][1]["audio"]["url"]
    ask_again(caller, question)
    wait_until(lambda: caller.audio("onyx")[-1]["ready"], "all to be there", seconds=60)

    assert len(gated_voice.calls()) == CLIPS
    assert query(site, RUNS) == [(2,)]


def test_hits_on_predicted_clips_are_counted_as_made_ahead(site: Site) -> None:
    caller = Caller(site, new_token(site))

    def hits() -> Any:
        return caller.get("/api/cache-stats").json()["warmed"]["hits"]

    before = hits()
    second = caller.narratives("onyx")["narratives"][2]["audio"]["url"]
    ask_again(caller, second)
    wait_until(lambda: hits() == before + 20, "the counts of both workers", seconds=30)
