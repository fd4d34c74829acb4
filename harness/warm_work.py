"""Helpers for tests that interrupt a warm run and check that all its work gets done."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil

from harness.caller import Caller, sound_of
from harness.openai_server import OpenAIServer
from harness.process import is_alive
from harness.site import Site
from harness.site_data import query
from harness.speech_api.calls import Call
from harness.waiting import wait_until

VOICES = ("nova", "onyx")
CLIPS = 34


def wait_until_it_works(site: Site, openai: OpenAIServer) -> None:
    """Wait until a call begins that had not begun when this was called."""
    before = len(openai.calls())
    if not site.is_running:
        site.start()
    wait_until(
        lambda: any(call.outcome is None for call in openai.calls()[before:]) and not all_is_ready(site),
        "a clip in the making",
        seconds=120,
    )


def all_is_ready(site: Site) -> bool:
    return all(audio["ready"] for voice in VOICES for audio in Caller(site).audio(voice))


def clips_and_their_calls(openai: OpenAIServer) -> dict[tuple[str, str], list[Call]]:
    calls: dict[tuple[str, str], list[Call]] = {}
    for call in openai.calls():
        calls.setdefault((call.text, call.voice), []).append(call)
    return calls


def assert_all_work_gets_done(site: Site, openai: OpenAIServer) -> None:
    """Start the site if necessary, wait for all clips, and check that each one is right."""
    openai.behave()
    if not site.is_running:
        site.start()
    wait_until(lambda: all_is_ready(site), "all clips", seconds=90)
    wait_until(lambda: not unfinished_runs(site), "the end of all runs", seconds=30)
    assert {state for (state,) in query(site, "SELECT state FROM ttscache_warmrun")} == {"done"}
    assert {state for (state,) in query(site, "SELECT state FROM ttscache_warmitem")} <= {"done", "skipped"}
    for text, voice in clips_and_their_calls(openai):
        heard = Caller(site).get(address_of(site, text, voice))
        assert (heard.status, heard.body) == (200, sound_of(text, voice))


def unfinished_runs(site: Site) -> list[Any]:
    return query(site, "SELECT id FROM ttscache_warmrun WHERE state IN ('queued', 'running')")


def address_of(site: Site, text: str, voice: str) -> str:
    listed = Caller(site).narratives(voice)
    items = [*listed["narratives"], *listed["system"].values()]
    return str(next(item["audio"]["url"] for item in items if item["text"] == text))


def the_program(site: Site, name: str) -> psutil.Process:
    """The leader of the web server or of the task cluster."""
    children = psutil.Process(site.pid).children()
    return next(child for child in children if is_alive(child) and name in " ".join(child.cmdline()))


def is_replaced(site: Site, name: str, old: psutil.Process) -> bool:
    try:
        return the_program(site, name).pid != old.pid
    except (StopIteration, psutil.Error):
        return False


def end_at_once(processes: list[psutil.Process]) -> None:
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
