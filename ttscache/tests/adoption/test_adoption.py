"""`migrate` adopts databases of the earlier system, on a PostgreSQL server of its own."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import psycopg
import pytest

from harness.earlier_databases import VARIANTS, Host, adoption_lines, ask, fill, found_clips
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

CLIPS = 500
# Asks the real cache for every clip. Its voice counts the calls; there must be none.
ASK_FOR_ALL = """
import hashlib, json, sys
from ttscache.maintenance.stale import stale_clips
from ttscache.models import Clip
from ttscache.wiring import speech_cache
stale = stale_clips(1).count()
hits = [speech_cache().find(content_hash) for content_hash in json.load(sys.stdin)]
print(json.dumps([stale, [hit and hashlib.sha256(hit.entry.audio).hexdigest() for hit in hits]]))
"""


@pytest.fixture
def host(url: str, tmp_path: Path) -> Host:
    return Host(url, tmp_path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_five_hundred_clips_as_found_in_the_wild_are_hits_byte_for_byte(
    variant: str, url: str, host: Host
) -> None:
    clips = list(found_clips(CLIPS))
    with psycopg.connect(url) as connection:
        fill(connection, variant, iter(clips))
    files = ask(url, "SELECT cache_id, md5(file_data) FROM tts_cache_files ORDER BY 1")
    planned = host.migrate("--plan")
    assert planned.returncode == 0, planned.stderr
    assert ask(url, "SELECT to_regclass('django_migrations')") == [(None,)], "a plan writes nothing"
    done = host.migrate("--verbosity", "0")
    assert done.returncode == 0, done.stderr

    assert adoption_lines(done.stdout) == adoption_lines(planned.stdout)
    assert f"tts_cache: found with {CLIPS} rows: {CLIPS} clips, {CLIPS} with bytes" in done.stdout
    assert ask(url, "SELECT cache_id, md5(file_data) FROM tts_cache_files ORDER BY 1") == files
    heard = host.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        ASK_FOR_ALL,
        words=json.dumps([clip.content_hash for clip in clips]),
    )
    stale, checksums = json.loads(heard.stdout)
    assert checksums == [hashlib.sha256(clip.sound).hexdigest() for clip in clips]
    assert stale == 0
    assert ask(url, "SELECT DISTINCT created_at = '2024-03-01 12:00:00+00' FROM tts_cache") == [(True,)]
    assert ask(url, "SELECT count(*) FROM tts_cache WHERE content_type = 'greeting'") == [(83,)]
    insert = "INSERT INTO tts_cache (content_hash, content_text, voice) VALUES ('new', 't', 'v')"
    assert ask(url, f"{insert} RETURNING is_active") == [(True,)]
    assert len(ask(url, "DELETE FROM tts_cache RETURNING 1")) == CLIPS + 1
    assert ask(url, "SELECT count(*) FROM tts_cache_files") == [(0,)], "the file goes with its clip"


def test_foreign_columns_survive_adoption_and_a_second_migrate_changes_nothing(url: str, host: Host) -> None:
    with psycopg.connect(url) as connection:
        fill(connection, "on Supabase", found_clips(1))
    noted = ask(url, "SELECT duration_seconds, updated_at, audio_file_path FROM tts_cache")
    assert host.migrate().returncode == 0
    before = ask(url, "SELECT * FROM tts_cache")

    assert ask(url, "SELECT duration_seconds, updated_at, audio_file_path FROM tts_cache") == noted
    again = host.migrate()
    assert again.returncode == 0 and "Adoption" not in again.stdout
    assert ask(url, "SELECT * FROM tts_cache") == before
    ask(url, "UPDATE tts_cache SET voice = 'nova' RETURNING 1")
    assert ask(url, "SELECT updated_at FROM tts_cache") != [noted[0][1:2]], "their trigger works again"


@pytest.mark.parametrize("variant", [None, "as documented"])
def test_adopted_empty_tables_equal_newly_created_ones(variant: str | None, url: str, host: Host) -> None:
    if variant:
        with psycopg.connect(url) as connection:
            fill(connection, variant, found_clips(0))
    done = host.migrate()
    assert done.returncode == 0, done.stderr
    ask(url, "INSERT INTO tts_cache (content_hash, content_text, voice) VALUES ('a', 't', 'v') RETURNING id")
    add = "INSERT INTO tts_cache_files (cache_id, file_data, file_size) SELECT id, 'sound', 5 FROM tts_cache"
    ask(url, f"{add} RETURNING id")
    ask(url, "DELETE FROM tts_cache RETURNING id")

    assert ask(url, "SELECT count(*) FROM tts_cache_files") == [(0,)]
    assert ("Adoption" in done.stdout) == bool(variant)


def test_tables_of_something_else_are_refused_by_name(url: str, host: Host) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tts_cache (id uuid PRIMARY KEY, words text)")
        connection.execute("CREATE TABLE tts_cache_files (id uuid PRIMARY KEY)")
    done = host.migrate()

    assert done.returncode != 0
    assert done.stderr.startswith("CommandError: Table tts_cache has no column content_hash")


def test_two_hosts_that_migrate_at_once_adopt_the_tables_once(url: str, tmp_path: Path) -> None:
    with psycopg.connect(url) as connection:
        fill(connection, "bare", found_clips(2))
    (tmp_path / "secret_key").write_text("of both")
    runs = [Host(url, tmp_path).begin_to_migrate() for _ in range(2)]
    outputs = [run.communicate(timeout=120)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sorted("No migrations to apply" in output for output in outputs) == [False, True]
    assert sorted("Another migrate is running" in output for output in outputs) == [False, True]


@pytest.mark.parametrize("missing", ["tts_cache", "tts_cache_files"])
def test_adoption_works_when_one_of_the_two_tables_is_missing(missing: str, url: str, host: Host) -> None:
    with psycopg.connect(url) as connection:
        fill(connection, "bare", found_clips(1))
        connection.execute(f"DROP TABLE {missing}")
    planned, done = host.migrate("--plan"), host.migrate()

    assert done.returncode == 0, done.stderr
    assert f"{missing}: is missing and made new" in planned.stdout
    there = {"tts_cache": "tts_cache_files_set_aside", "tts_cache_files": "tts_cache"}[missing]
    assert f"{there} " in planned.stdout.replace(":", " ") and ask(url, f"SELECT count(*) FROM {there}") == [
        (1,)
    ]


@pytest.mark.long
def test_a_migrate_that_is_killed_in_the_middle_of_adoption_has_changed_nothing(url: str, host: Host) -> None:
    with psycopg.connect(url) as connection:
        fill(connection, "bare", found_clips(3))
        connection.execute("INSERT INTO tts_cache_files (id, file_data) VALUES (gen_random_uuid(), 'whose?')")
    before = ask(url, "SELECT * FROM tts_cache ORDER BY row_number")
    with psycopg.connect(url) as in_the_way:
        # Another transaction that creates a table of this name waits until this one ends.
        in_the_way.execute("CREATE TABLE tts_cache_files_set_aside ()")
        run = host.begin_to_migrate()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE%'"
        )
        wait_until(lambda: ask(url, waiting) == [(1,)], "a migrate in the middle of its work", seconds=60)
        run.kill()
        run.communicate()
        in_the_way.rollback()
    assert ask(url, "SELECT * FROM tts_cache ORDER BY row_number") == before
    done = host.migrate()

    assert done.returncode == 0, done.stderr
    assert ask(url, "SELECT count(*) FROM tts_cache WHERE stored_at IS NOT NULL") == [(3,)]
    assert ask(url, "SELECT file_data FROM tts_cache_files_set_aside") == [(b"whose?",)]


@pytest.mark.long
@pytest.mark.parametrize("at", ["0001_create_or_adopt", "0002_align", "0003_schema"])
def test_a_migrate_killed_between_two_steps_is_resumed_by_the_next(at: str, url: str, host: Host) -> None:
    clips = list(found_clips(20))
    with psycopg.connect(url) as connection:
        fill(connection, "bare", iter(clips))
    run = host.begin_to_migrate()
    assert run.stdout is not None
    for line in run.stdout:
        if f"ttscache.{at}" in line:
            break
    run.kill()
    run.communicate()
    wait_until(
        lambda: ask(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)], "the lock"
    )
    done = host.migrate()

    assert done.returncode == 0, done.stderr
    assert ask(url, "SELECT count(*) FROM tts_cache WHERE stored_at IS NOT NULL") == [(20,)]
    found = {bytes(data) for (data,) in ask(url, "SELECT file_data FROM tts_cache_files")}
    assert found == {clip.sound for clip in clips}


@pytest.mark.long
def test_twenty_thousand_rows_are_adopted_within_a_minute(url: str, host: Host) -> None:
    with psycopg.connect(url) as connection:
        fill(connection, "bare", found_clips(0))
        connection.execute(
            "INSERT INTO tts_cache (id, content_hash, content_text, voice, model) SELECT gen_random_uuid(),"
            " md5('t' || n || '_nova'), 't' || n, 'nova', 'm' FROM generate_series(1, 20000) n"
        )
        connection.execute(
            "INSERT INTO tts_cache_files SELECT gen_random_uuid(), id,"
            " decode(repeat(md5(random()::text), 1000), 'hex'), 0 FROM tts_cache"
        )
    files = ask(url, "SELECT md5(string_agg(md5(file_data), '' ORDER BY cache_id)) FROM tts_cache_files")
    begin = time.monotonic()
    done = host.migrate()

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin < 60
    assert ask(url, "SELECT count(*) FROM tts_cache WHERE stored_at IS NOT NULL") == [(20_000,)]
    assert (
        ask(url, "SELECT md5(string_agg(md5(file_data), '' ORDER BY cache_id)) FROM tts_cache_files") == files
    )
