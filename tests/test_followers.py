"""Followers get the whole clip, on any host, even if the leader's client leaves.

bench/rows/followers.py measures how soon.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from harness.caller import Caller, hash_of, long_phrase, sound_of, whole_body
from harness.http import Response, Stream
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import files_of, new_token
from harness.sockets import clients_of
from harness.waiting import wait_until

pytestmark = pytest.mark.site

Callers = dict[str, Caller]
PLACES = ("the same process", "another process", "another host")


@pytest.fixture(scope="module")
def callers(make_site: MakeSite) -> Iterator[Callers]:
    """Three servers of one process each. All share the database; two also share folders, as on one host."""
    leading = make_site(WebServer)
    beside = make_site(WebServer, beside=leading, TTS_FILES_DIR=str(leading.var_dir / "tts_cache"))
    far = make_site(WebServer, beside=leading)
    with leading, beside, far:
        token = new_token(leading)
        sites = (leading, beside, far)
        yield {place: Caller(site, token) for place, site in zip(PLACES, sites, strict=True)}


@contextmanager
def leader_with_follower(
    leader: Caller, follower: Caller, openai: OpenAIServer, text: str
) -> Iterator[tuple[Stream, bytes, Future[Response]]]:
    """Yield the leader's stream, its first bytes, and a future of the follower's response."""
    openai.behave(gate_after_chunks=1)
    with ThreadPoolExecutor(1) as threads, leader.start_saying(text) as led:
        _, first = next(iter(led))
        before = clients_of(follower.site).total()
        following = threads.submit(follower.say, text)
        wait_until(lambda: clients_of(follower.site).total() > before, "the follower connected")
        yield led, first, following


@pytest.mark.parametrize("place", PLACES)
def test_a_follower_has_the_whole_clip_before_the_leaders_client_reads_on(
    callers: Callers, openai: OpenAIServer, place: str
) -> None:
    text = long_phrase()
    with leader_with_follower(callers["the same process"], callers[place], openai, text) as (
        led,
        first,
        following,
    ):
        openai.release()
        followed = following.result()
        assert (followed.status, followed.body) == (200, sound_of(text))
        assert first + whole_body(led) == sound_of(text)
    assert len(openai.calls()) == 1


@pytest.mark.parametrize("place", PLACES)
def test_a_follower_has_the_whole_clip_though_the_leaders_client_left(
    callers: Callers, openai: OpenAIServer, place: str
) -> None:
    text = long_phrase()
    with leader_with_follower(callers["the same process"], callers[place], openai, text) as (
        led,
        _,
        following,
    ):
        led.close()
        openai.release()
        followed = following.result()
    assert (followed.status, followed.body) == (200, sound_of(text))
    assert len(openai.calls()) == 1


def test_a_follower_on_another_host_keeps_the_clip_there_too(callers: Callers, openai: OpenAIServer) -> None:
    text = long_phrase()
    leader, follower = callers["the same process"], callers["another host"]
    with leader_with_follower(leader, follower, openai, text) as (_, _, following):
        openai.release()
        assert following.result().status == 200
    for caller in (leader, follower):
        assert any(path.read_bytes() == sound_of(text) for path in files_of(caller.site, hash_of(text)))
