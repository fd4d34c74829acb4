"""A text is generated once, even if many clients request it in several processes and on several hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from harness.caller import Caller, hash_of, phrase, sound_of, whole_body
from harness.fault_table import NoteFault
from harness.http import BrokenTransfer, Response, at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site, WebServer
from harness.site_data import kept_in_database, new_token
from harness.sockets import callers_of, clients_of
from harness.waiting import wait_until
from harness.warm_work import end_at_once
from lifereview.server.fair_share import HEAD_START

pytestmark = pytest.mark.site

# Three quarters of these may wait for a generation, so one process has room for all clients of a test.
MANY_THREADS = "80"


@dataclass(frozen=True)
class Pair:
    """Two servers with one database and separate local files."""

    one: Caller
    other: Caller


@pytest.fixture(scope="module")
def pair(make_site: MakeSite) -> Iterator[Pair]:
    one = make_site(WebServer, WEB_WORKERS="2", WEB_THREADS=MANY_THREADS)
    other = make_site(WebServer, beside=one)
    with one, other:
        token = new_token(one)
        wait_until(lambda: len(one.worker_pids()) == len(other.worker_pids()) == 2, "two workers each")
        yield Pair(Caller(one, token), Caller(other, token))


def answers(given: list[Response | Exception]) -> list[Response]:
    assert [error for error in given if isinstance(error, Exception)] == []
    return [response for response in given if isinstance(response, Response)]


def test_fifty_requests_in_two_processes_cost_one_call(pair: Pair, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(gate_after_chunks=1)
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(at_once, 50, lambda _: pair.one.say(text))
        wait_until(lambda: clients_of(pair.one.site).total() >= 50, "all of them connected", seconds=30)
        processes = clients_of(pair.one.site)
        openai.release()
        heard = answers(asking.result())
    assert len(processes) == 2
    least, most = sorted(processes.values())
    assert most - least <= 2 * HEAD_START, "one process took more than its share"
    assert {(response.status, response.body) for response in heard} == {(200, sound_of(text))}
    outcomes = Counter(response.headers["Cache-Status"] for response in heard)
    assert outcomes["lifereview; fwd=miss; detail=generated"] == 1
    assert len(openai.calls()) == 1


def test_forty_requests_on_two_hosts_cost_one_call(pair: Pair, openai: OpenAIServer) -> None:
    text = phrase()
    hosts = (pair.one, pair.other)
    heard = answers(at_once(40, lambda index: hosts[index % 2].say(text)))
    assert {(response.status, response.body) for response in heard} == {(200, sound_of(text))}
    assert len(openai.calls()) == 1


def test_concurrent_texts_are_not_mixed_up(pair: Pair, openai: OpenAIServer) -> None:
    hosts, texts = (pair.one, pair.other), [phrase() for _ in range(6)]
    heard = answers(at_once(36, lambda index: hosts[index % 2].say(texts[index % 6])))
    assert [response.body for response in heard] == [sound_of(texts[index % 6]) for index in range(36)]
    assert sorted(call.text for call in openai.calls()) == sorted(texts)


def test_a_follower_in_another_process_learns_why_the_leader_failed(pair: Pair, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(fault=400, gate_before_headers=True)
    with ThreadPoolExecutor(2) as threads:
        asking = [threads.submit(pair.one.say, text)]
        wait_until(openai.calls, "the call")
        asking.append(threads.submit(pair.other.say, text))
        wait_until(lambda: clients_of(pair.other.site).total() == 1, "the other one connected")
        openai.release()
        refusals = [future.result() for future in asking]
    assert [(refusal.status, refusal.json()["code"]) for refusal in refusals] == [(400, "text_refused")] * 2


def kill_during_generation(pair: Pair, openai: OpenAIServer, text: str, victims: str) -> Response:
    """Kill the maker between first byte and storing; return the answer to a client on the other host."""
    openai.behave(gate_after_chunks=1, first_calls=1)
    with ThreadPoolExecutor(1) as threads, pair.one.start_saying(text) as cut:
        next(iter(cut))
        waiting = threads.submit(pair.other.say, text)
        wait_until(lambda: clients_of(pair.other.site).total() == 1, "the other one connected")
        end_at_once(callers_of(openai, pair.one.site) if victims == "worker" else pair.one.site.processes())
        with pytest.raises(BrokenTransfer):
            whole_body(cut)
        return waiting.result()


def assert_one_good_clip(pair: Pair, openai: OpenAIServer, text: str) -> None:
    assert kept_in_database(pair.one.site, hash_of(text)) == [sound_of(text)]
    assert [caller.say(text).body for caller in (pair.one, pair.other)] == [sound_of(text)] * 2
    assert len(openai.calls()) <= 2


def test_a_worker_that_is_killed_over_a_clip_is_replaced_by_another_host(
    pair: Pair, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    text = phrase()
    response = kill_during_generation(pair, openai, text, "worker")
    assert (response.status, response.body) == (200, sound_of(text))
    assert_one_good_clip(pair, openai, text)
    note_fault(
        "kill -9 of the process that makes a clip", "its own: cut off; others: the whole clip", "one clip"
    )


def test_a_host_that_is_killed_over_a_clip_is_replaced_by_another(
    pair: Pair, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    text = phrase()
    response = kill_during_generation(pair, openai, text, "host")
    assert (response.status, response.body) == (200, sound_of(text))
    one: Site = pair.one.site
    assert one.survivors(within_seconds=30) == []
    one.start()
    assert_one_good_clip(pair, openai, text)
    note_fault(
        "kill -9 of the host that makes a clip", "its own: cut off; others: the whole clip", "one clip"
    )
