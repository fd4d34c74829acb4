"""Two containers with one host name and one database make each clip once, and none waits for a dead one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.caller import Caller, phrase, sound_of
from harness.container import ContainedServer, require_namespaces
from harness.http import Response, at_once
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.postgres import IS_ON_POSTGRESQL
from harness.site import MakeSite
from harness.site_data import execute
from harness.sockets import clients_of
from harness.waiting import wait_until
from harness.warm_work import end_at_once

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(300)]

FOLLOWERS = 4
IN_AN_HOUR = (
    "until + interval '1 hour'"
    if IS_ON_POSTGRESQL
    else "strftime('%Y-%m-%d %H:%M:%f', until, '+1 hour') || '000'"
)


@pytest.fixture
def callers(make_site: MakeSite) -> Iterator[tuple[Caller, Caller]]:
    with skipped_when_unavailable():
        require_namespaces()
    one = make_site(ContainedServer)
    other = make_site(ContainedServer, beside=one)
    with one, other:
        token = one.api_token()
        yield Caller(one, token), Caller(other, token)


def test_a_generation_of_22_seconds_is_one_call_of_two_containers(
    callers: tuple[Caller, Caller], openai: OpenAIServer
) -> None:
    text = phrase()
    openai.behave(first_byte_delay_seconds=1, chunks=4, chunk_delay_seconds=7)
    with ThreadPoolExecutor(2) as threads:
        heard = list(threads.map(lambda caller: caller.say(text), callers))
    assert [(response.status, response.body) for response in heard] == [(200, sound_of(text))] * 2
    assert len(openai.calls()) == 1


def test_no_follower_waits_for_a_killed_container_although_the_clock_was_set_back(
    callers: tuple[Caller, Caller], openai: OpenAIServer
) -> None:
    text = phrase()
    leader, follower = callers
    openai.behave(gate_after_chunks=1, first_calls=1)
    with ThreadPoolExecutor(1) as threads, leader.start_saying(text) as cut:
        next(iter(cut))
        waiting = threads.submit(at_once, FOLLOWERS, lambda _: follower.say(text))
        wait_until(lambda: clients_of(follower.site).total() == FOLLOWERS, "all followers", seconds=30)
        end_at_once(leader.site.processes())
        # What a clock leaves that is set back by an hour: every end lies an hour further ahead.
        execute(leader.site, f"UPDATE ttscache_lease SET until = {IN_AN_HOUR}")
        heard = [each for each in waiting.result(timeout=60) if isinstance(each, Response)]
    assert [(response.status, response.body) for response in heard] == [(200, sound_of(text))] * FOLLOWERS
    assert len(openai.calls()) == 2
