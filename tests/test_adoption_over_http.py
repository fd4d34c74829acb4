"""The whole product on a database of the earlier system: adopted clips play without a provider call."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from harness.caller import Caller, sound_of
from harness.earlier_databases import CONTENT_TYPES, Found, add_clip, add_file, fill, found_clips
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.site import Site
from harness.site_data import new_token, query
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

SILENT = Found("This row has no bytes.", "nova", "question")
BROKEN = Found("The bytes of this one are noise.", "onyx", "question")


def test_adopted_clips_play_and_only_missing_ones_are_made(
    postgres: PostgresServer, openai: OpenAIServer, tmp_path: Path
) -> None:
    url = postgres.create_database()
    clips = list(found_clips(40))
    requested = clips[:20]
    with psycopg.connect(url) as connection:
        fill(connection, "on Supabase", iter(clips))
        for clip in (SILENT, BROKEN):
            clip_id = add_clip(
                connection,
                content_hash=clip.content_hash,
                content_text=clip.text,
                voice=clip.voice,
                audio_file_path="",
                duration_seconds=0,
            )
            if clip is BROKEN:
                add_file(connection, clip_id, b"noise")
    env = {"DATABASE_URL": url, "OPENAI_API_KEY": "test", "OPENAI_BASE_URL": openai.base_url}
    with Site(tmp_path / "var", env) as site:
        assert "42 clips, 40 with bytes" in site.log()
        caller = Caller(site, new_token(site))
        for clip in requested:
            heard = caller.clip(clip.content_hash)
            assert (heard.status, heard.body) == (200, clip.sound)
            assert heard.headers["Cache-Status"].startswith("lifereview; hit")
        for clip in requested[: len(CONTENT_TYPES)]:
            assert caller.say(clip.text, clip.voice).body == clip.sound
        for clip in (SILENT, BROKEN, SILENT, BROKEN):
            assert caller.say(clip.text, clip.voice).body == sound_of(clip.text, clip.voice)

        ours = {clip.text for clip in clips} | {SILENT.text, BROKEN.text}
        made = [call.text for call in openai.calls() if call.text in ours]
        assert sorted(made) == sorted([SILENT.text, BROKEN.text])
        wait_until(
            lambda: (
                query(
                    site, "SELECT count(*) FROM tts_cache WHERE adopted_at > created_at AND duration_ms > 0"
                )
                == [(len(clips) + 2,)]
            ),
            "the length of all clips, also of those that nobody asked for",
            seconds=60,
        )
        assert site.manage("prune", check=True).stdout.startswith("0 clips were not asked for")
        rows = query(
            site,
            "SELECT count(*) FROM tts_cache_files f JOIN tts_cache c ON c.id = f.cache_id"
            " WHERE adopted_at IS NOT NULL",
        )
        assert rows == [(len(clips) + 2,)]
