"""A web process stays small under hits and under generations that fail in all the ways of a provider."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.worker_memory import FAULTS, MEGABYTE, Failures, Hits, private_bytes, settings, stored_clips

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database]

TIER_BYTES = 2_000_000  # full at once, so that it does not grow later
MOST_BYTES = 160 * MEGABYTE  # beyond the tier. bench/rows/process_memory.py measures it against the aim
MOST_GROWTH_BYTES = 24 * MEGABYTE
HITS, FAILED = 2_000, 90


@pytest.fixture(scope="module")
def server(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[WebServer]:
    with make_site(WebServer, **settings(running_openai, tier_bytes=TIER_BYTES)) as server:
        yield server


@pytest.mark.timeout(900)
def test_a_web_process_is_small_and_stays_so_under_hits_and_failures(
    server: WebServer, openai: OpenAIServer
) -> None:
    (pid,) = server.worker_pids()
    token = server.api_token()
    hits = Hits(server, token, stored_clips(server, token))
    failures = Failures(server, openai, token)
    hits.run(HITS)  # every thread has started and has its connections
    failures.run(FAILED)
    before = private_bytes(pid)

    hits.run(HITS)
    failures.run(2 * FAILED)

    time.sleep(2)  # the last recordings end
    found = private_bytes(pid)
    assert found - TIER_BYTES < MOST_BYTES
    assert found - before < MOST_GROWTH_BYTES
    assert server.worker_pids() == [pid]
    assert {name.split()[0] for name in failures.answers} == set(FAULTS)
    assert not [name for name in failures.answers if name.endswith(" 200")]
