"""kill -9 at random moments while clips are written: each one is there whole, or not at all."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from harness.fault_table import NoteFault
from harness.http import BrokenTransfer
from harness.openai_server import OpenAIServer
from harness.site import WebServer
from lifereview.tests.calling import Caller, hash_of, phrase, sound_of
from lifereview.tests.conftest import MakeSite
from lifereview.tests.holdings import files_of, kept_in_database
from lifereview.tests.work import end_at_once

pytestmark = pytest.mark.site

ROUNDS = 20 if os.environ.get("TEST_LONG") == "1" else 4
WRITERS = 6


def test_each_clip_is_whole_or_not_there(
    make_site: MakeSite, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    server: WebServer = make_site(WebServer, TTS_MEMORY_BYTES="1")
    token = server.api_token()
    chance = random.Random(20)
    for _ in range(ROUNDS):
        server.start()
        caller = Caller(server, token)
        asked = write_until_killed(server, caller, chance.uniform(0.05, 1.0))
        assert asked
        for text in asked:
            assert kept_in_database(server, hash_of(text)) in ([], [sound_of(text)])
            sounds = [path.read_bytes() for path in files_of(server, hash_of(text)) if path.suffix == ".mp3"]
            assert set(sounds) <= {sound_of(text)}
        server.start()
        for text in asked:
            assert caller.say(text).body == sound_of(text)
        server.stop()
    note_fault("kill -9 in mid-write", "cut off", "each clip whole or not at all; made right afterwards")


def write_until_killed(server: WebServer, caller: Caller, seconds: float) -> list[str]:
    """New clips, many at once, until every process of the site is killed; the texts that were asked for."""
    asked: list[str] = []
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            text = phrase(4)
            asked.append(text)
            with suppress(BrokenTransfer, OSError):
                caller.say(text)

    with ThreadPoolExecutor(WRITERS) as threads:
        for _ in range(WRITERS):
            threads.submit(write)
        time.sleep(seconds)
        end_at_once(server.processes())
        is_over.set()
    return asked
