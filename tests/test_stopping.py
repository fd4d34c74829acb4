"""The site stops in time: it leaves no process behind, loses no work, and the next start continues."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from harness.caller import Caller
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import new_token
from harness.warm_work import CLIPS, assert_all_work_gets_done, clips_and_their_calls, wait_until_it_works
from lifereview.server import supervisor

pytestmark = [pytest.mark.site, pytest.mark.any_database]

STOP_SECONDS = 10  # the contract's limit
BUSY_SECONDS = 20  # extra time for a machine that runs other tests as well


@pytest.fixture(scope="module")
def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """A provider so slow that the work lasts through all the stops of this file."""
    running_openai.reset()
    running_openai.behave(chunk_delay_seconds=0.6)
    yield running_openai
    running_openai.reset()


@pytest.fixture(scope="module")
def site(make_site: MakeSite, openai: OpenAIServer) -> Iterator[Site]:
    """A site that has to make all clips, two at a time."""
    with make_site(Site, WEB_WORKERS="2", TTS_WARM_CONCURRENCY="2") as site:
        yield site


def test_a_process_that_does_not_stop_is_killed_in_time() -> None:
    assert supervisor.STOP_SECONDS < STOP_SECONDS


@pytest.mark.parametrize(
    ("number", "to_group", "times"),
    [
        pytest.param(signal.SIGTERM, False, 1, id="a service manager"),
        pytest.param(signal.SIGINT, True, 4, id="Ctrl-C, impatiently"),
        pytest.param(signal.SIGINT, True, 1, id="Ctrl-C", marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, True, 2, id="SIGTERM to all, twice", marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, True, 1, id="the terminal is closed", marks=pytest.mark.long),
    ],
)
def test_the_site_stops_in_time_in_the_middle_of_work(
    site: Site, openai: OpenAIServer, number: int, to_group: bool, times: int
) -> None:
    wait_until_it_works(site, openai)
    site.stop(number, to_group=to_group, times=times, within_seconds=STOP_SECONDS + BUSY_SECONDS)
    assert site.survivors() == []


def test_a_stop_in_the_middle_of_work_loses_and_repeats_nothing(site: Site, openai: OpenAIServer) -> None:
    assert_all_work_gets_done(site, openai)
    calls = clips_and_their_calls(openai)
    assert len(calls) == CLIPS
    for of_one_clip in calls.values():
        outcomes = [call.outcome for call in of_one_clip]
        assert outcomes.count("completed") == 1
        assert len(outcomes) <= 2  # two if the first was cut in the middle


def test_the_site_stops_in_time_with_a_stuck_provider_and_a_waiting_listener(
    site: Site, openai: OpenAIServer
) -> None:
    openai.behave(gate_after_chunks=1)
    with Caller(site, new_token(site)).start_saying("A listener waits for the voice.") as waiting:
        next(iter(waiting))
        site.stop(within_seconds=STOP_SECONDS + BUSY_SECONDS)
    assert site.survivors() == []
