"""kill -9 of each kind of process: it is restarted, or the whole site ends, and no work is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from harness.caller import Caller
from harness.openai_server import OpenAIServer
from harness.process import is_alive
from harness.site import MakeSite, Site
from harness.sockets import callers_of
from harness.waiting import wait_until
from harness.warm_work import (
    assert_all_work_gets_done,
    clips_and_their_calls,
    is_replaced,
    the_program,
    wait_until_it_works,
)

pytestmark = [pytest.mark.site, pytest.mark.long]


@pytest.fixture(scope="module")
def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """A provider so slow that the work lasts through all the kills of this file."""
    running_openai.reset()
    running_openai.behave(chunk_delay_seconds=1)
    yield running_openai
    running_openai.reset()


@pytest.fixture(scope="module")
def site(make_site: MakeSite, openai: OpenAIServer) -> Iterator[Site]:
    """A site that has to make all clips, two at a time."""
    with make_site(Site, WEB_WORKERS="2", TTS_WARM_CONCURRENCY="2") as site:
        yield site


def test_a_killed_web_server_is_started_again(site: Site, openai: OpenAIServer) -> None:
    master = the_program(site, "gunicorn")
    wait_until(lambda: len(master.children()) == 2, "two workers", seconds=30)
    workers = master.children()
    master.kill()
    wait_until(lambda: is_replaced(site, "gunicorn", master), "another web server", seconds=30)
    wait_until(lambda: not any(map(is_alive, workers)), "the end of the old workers", seconds=30)
    wait_until(site.is_healthy, "an answer", seconds=30)


def test_a_web_process_is_replaced_while_the_other_serves(site: Site) -> None:
    master = the_program(site, "gunicorn")
    wait_until(lambda: len(master.children()) == 2, "two workers", seconds=30)
    first, second = master.children()
    first.kill()
    wait_until(lambda: len({*master.children()} - {first, second}) == 1, "another worker", seconds=30)
    assert [Caller(site).get("/api/health").status for _ in range(20)] == [200] * 20


def test_tasks_continue_after_the_cluster_was_killed(site: Site, openai: OpenAIServer) -> None:
    wait_until_it_works(site, openai)
    leader = the_program(site, "qcluster")
    workers = leader.children(recursive=True)
    leader.kill()
    wait_until(lambda: is_replaced(site, "qcluster", leader), "another cluster", seconds=30)
    wait_until(lambda: not any(map(is_alive, workers)), "the end of the old workers", seconds=30)
    wait_until_it_works(site, openai)


def test_tasks_continue_after_their_workers_were_killed(site: Site, openai: OpenAIServer) -> None:
    wait_until_it_works(site, openai)
    for worker in callers_of(openai, site):
        os.kill(worker.pid, signal.SIGKILL)
    wait_until_it_works(site, openai)


def test_a_killed_serve_ends_all_its_processes_and_restarts_at_once(site: Site, openai: OpenAIServer) -> None:
    wait_until_it_works(site, openai)
    old = site.processes()
    site.kill()
    site.start()
    wait_until(lambda: not any(map(is_alive, old)), "the end of all that it had started", seconds=90)
    wait_until(site.is_healthy, "an answer of the new one", seconds=30)
    assert site.is_running


def test_all_work_is_done_after_the_kills(site: Site, openai: OpenAIServer) -> None:
    assert_all_work_gets_done(site, openai)
    for calls in clips_and_their_calls(openai).values():
        assert [call.outcome for call in calls].count(
            "completed"
        ) <= 2  # one was killed between the end of the call and storing
