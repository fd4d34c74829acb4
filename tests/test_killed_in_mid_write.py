"""After kill -9 at random moments while clips are written, each clip is there whole or not at all."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from harness.caller import Caller, hash_of, phrase, sound_of
from harness.fault_table import NoteFault
from harness.http import BrokenTransfer
from harness.openai_server import OpenAIServer
from harness.s3 import S3Server
from harness.site import MakeSite, WebServer
from harness.site_data import files_of, kept_in_database, new_token, query
from harness.warm_work import end_at_once

pytestmark = pytest.mark.site

ROUNDS = 20 if os.environ.get("TEST_LONG") == "1" else 1
ROUNDS_WITH_BUCKET = 20 if os.environ.get("TEST_LONG") == "1" else 1
WRITERS = 6
KEPT = "SELECT audio_file_path, encoding FROM tts_cache WHERE stored_at IS NOT NULL AND stored_in = 'storage'"
NAMED = "SELECT audio_file_path FROM tts_cache WHERE audio_file_path IS NOT NULL"
LEFT = "SELECT name FROM ttscache_pendingdeletion"


def test_a_clip_killed_in_mid_write_is_whole_or_absent(
    make_site: MakeSite, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    server: WebServer = make_site(WebServer, TTS_MEMORY_BYTES="1")
    token = new_token(server)
    chance = random.Random(20)
    for _ in range(ROUNDS):
        server.start()
        caller = Caller(server, token)
        sent = write_until_killed(server, caller, chance.uniform(0.05, 1.0))
        assert sent
        for text in sent:
            assert kept_in_database(server, hash_of(text)) in ([], [sound_of(text)])
            sounds = [path.read_bytes() for path in files_of(server, hash_of(text)) if path.suffix == ".mp3"]
            assert set(sounds) <= {sound_of(text)}
        server.start()
        for text in sent:
            assert caller.say(text).body == sound_of(text)
        server.stop()
    note_fault("kill -9 in mid-write", "cut off", "each clip whole or not at all; made right afterwards")


@pytest.mark.any_database
def test_an_object_killed_in_mid_upload_is_whole_or_absent(
    make_site: MakeSite, openai: OpenAIServer, running_s3: S3Server, note_fault: NoteFault
) -> None:
    bucket = running_s3.create_bucket()
    server: WebServer = make_site(
        WebServer,
        TTS_MEMORY_BYTES="1",
        TTS_FILES_BYTES="1",  # too small for any clip, so clips play from the bucket
        TTS_PERMANENT="storage",
        **running_s3.settings(bucket),
    )
    token = new_token(server)
    chance = random.Random(21)
    for _ in range(ROUNDS_WITH_BUCKET):
        server.start()
        caller = Caller(server, token)
        sent = write_until_killed(server, caller, chance.uniform(0.3, 1.5))
        assert sent
        for text in sent:
            assert kept_in_bucket(server, running_s3, bucket, hash_of(text)) in ([], [sound_of(text)])
        server.start()
        for text in sent:
            assert caller.say(text).body == sound_of(text)
        server.stop()
    known = {name for (name,) in query(server, NAMED)} | {name for (name,) in query(server, LEFT)}
    assert set(running_s3.objects(bucket)) <= known, (
        "every object of a killed upload is known, so the sweep removes it in an hour"
    )
    note_fault(
        "kill -9 in mid-write, clips in a bucket",
        "cut off",
        "each clip whole or not at all; made right afterwards",
    )


def kept_in_bucket(site: WebServer, s3: S3Server, bucket: str, content_hash: str) -> list[bytes]:
    """Return the unpacked bytes of the clip in the bucket, as a list that is empty without an object."""
    return [
        gzip.decompress(content) if encoding else content
        for name, encoding in query(site, f"{KEPT} AND content_hash = %s", content_hash)
        for content in [s3.client.get_object(Bucket=bucket, Key=name)["Body"].read()]
    ]


def write_until_killed(server: WebServer, caller: Caller, seconds: float) -> list[str]:
    """Request new clips in parallel until every process of the site is killed; return their texts."""
    sent: list[str] = []
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            text = phrase(4)
            sent.append(text)
            with suppress(BrokenTransfer, OSError):
                caller.say(text)

    with ThreadPoolExecutor(WRITERS) as threads:
        for _ in range(WRITERS):
            threads.submit(write)
        time.sleep(seconds)
        end_at_once(server.processes())
        is_over.set()
    return sent
