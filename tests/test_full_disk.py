"""A disk fills up: listeners hear whole clips or get a clear error, and no cut clip is ever stored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.caller import Caller, hash_of, phrase, sound_of
from harness.fault_table import NoteFault
from harness.openai_server import OpenAIServer
from harness.postgres import IS_ON_POSTGRESQL
from harness.site import MakeSite, WebServer
from harness.site_data import files_of, kept_in_database, new_token
from harness.small_disk import SmallDisk

pytestmark = pytest.mark.site

ENOUGH = 64 * 1024**2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", 400_000) as disk:
        yield disk


@pytest.mark.any_database
def test_a_full_disk_for_files_costs_no_clip(
    make_site: MakeSite, disk: SmallDisk, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    texts = [phrase(20) for _ in range(8)]
    clips = disk.folder / "clips"
    with make_site(WebServer, TTS_MEMORY_BYTES="1", TTS_FILES_DIR=str(clips)) as server:
        caller = Caller(server, new_token(server))
        for text in texts:
            assert caller.say(text).body == sound_of(text)
        kept = [path for path in files_of(server) if path.suffix == ".mp3"]
        assert 0 < len(kept) < len(texts)  # the disk is full
        assert not list(clips.rglob("*.draft"))
        for text in texts:
            assert caller.say(text).body == sound_of(text)
        assert len(openai.calls()) == len(texts)
        disk.resize(ENOUGH)
        for text in texts * 2:
            heard = caller.say(text)
        assert heard.headers["Cache-Status"] == "lifereview; hit; detail=file"
    note_fault(
        "files: the disk is full", "the whole clip, from the database", "in the database; never a part"
    )


if not IS_ON_POSTGRESQL:  # PostgreSQL has a disk of its own

    def test_a_full_disk_for_everything_loses_nothing(
        make_site: MakeSite, openai: OpenAIServer, tmp_path: Path, note_fault: NoteFault
    ) -> None:
        server = make_site(WebServer)
        token = new_token(server)
        with SmallDisk(tmp_path / "small", ENOUGH) as disk:
            server.var_dir = Path(shutil.copytree(server.var_dir, disk.folder / "var"))
            server.start()
            caller = Caller(server, token)
            before = [phrase(20) for _ in range(3)]
            for text in before:
                caller.say(text)
            disk.resize(_used(disk) + 200_000)
            heard = {text: caller.say(text) for text in (phrase(20) for _ in range(8))}
            for text, response in heard.items():
                assert (response.status, response.body) == (200, sound_of(text)) or response.status == 503
            assert any(
                len(kept_in_database(server, hash_of(text))) == 0 for text in heard
            )  # the disk is full
            assert all(caller.say(text).body == sound_of(text) for text in before)
            disk.resize(ENOUGH)
            for text in [*before, *heard]:
                assert caller.say(text).body == sound_of(text)
                assert set(kept_in_database(server, hash_of(text))) <= {sound_of(text)}
            server.stop()
        note_fault(
            "database and files: the disk is full", "whole clips or 503; what is cached plays", "never a part"
        )


def _used(disk: SmallDisk) -> int:
    return shutil.disk_usage(disk.folder).used
