"""Two hundred listeners request one new clip from two web servers and a cluster on one database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.caller import Caller, hash_of, sound_of
from harness.fault_table import NoteFault
from harness.http import Response, at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site, WebServer
from harness.site_data import kept_in_database, query
from harness.sockets import clients_of
from harness.waiting import wait_until

pytestmark = pytest.mark.site

LISTENERS = 200
ENOUGH_THREADS = "280"  # three quarters of the threads of a process may wait


@pytest.fixture
def wanted(make_site: MakeSite, openai: OpenAIServer) -> Iterator[tuple[str, tuple[Site, Site]]]:
    """A text and two hosts. The voice stops in the middle of the text until all listeners have connected."""
    env: dict[str, Any] = {
        "WEB_THREADS": ENOUGH_THREADS,
        "TTS_LISTENER_VOICES": "nova",
        "TTS_TIMEOUT_SECONDS": "120",
    }
    one = make_site(Site, WEB_WORKERS="2", **env)
    one.manage("load_default_content", check=True)
    (text,) = query(
        one, "SELECT content_text FROM tts_cache WHERE content_type = 'question' ORDER BY content_text"
    )[0]
    openai.behave(on_text=text, gate_after_chunks=1)
    other = make_site(WebServer, beside=one, **env)
    with one, other:
        yield text, (one, other)


def test_two_hundred_listeners_and_the_cluster_cost_one_call(
    wanted: tuple[str, tuple[Site, Site]], openai: OpenAIServer, note_fault: NoteFault
) -> None:
    text, hosts = wanted
    wait_until(
        lambda: text in [call.text for call in openai.calls()],
        "the cluster to be the one who pays",
        seconds=60,
    )
    callers = [Caller(host) for host in hosts]
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(at_once, LISTENERS, lambda index: callers[index % 2].clip(hash_of(text)))
        wait_until(
            lambda: sum(clients_of(host).total() for host in hosts) >= LISTENERS, "all connected", seconds=60
        )
        openai.release()
        heard = [answer for answer in asking.result() if isinstance(answer, Response)]
    assert Counter((answer.status, answer.body) for answer in heard) == {(200, sound_of(text)): LISTENERS}
    assert [call.text for call in openai.calls()].count(text) == 1
    assert kept_in_database(hosts[0], hash_of(text)) == [sound_of(text)]
    note_fault(
        "200 listeners on 2 hosts, and the cluster, want one new clip", "the whole clip", "one, paid once"
    )
