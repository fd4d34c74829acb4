"""Plain `migrate` on databases as the earlier system left them; on a PostgreSQL of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from harness.postgres import PostgresServer
from ttscache.tests.fakes import TEXT

pytestmark = pytest.mark.any_database

AS_DOCUMENTED = """
CREATE TABLE tts_cache (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), content_hash varchar UNIQUE NOT NULL,
    content_text text NOT NULL, voice varchar(50) NOT NULL, audio_file_path text, audio_file_size integer,
    content_type varchar(50), is_active boolean DEFAULT true, created_at timestamp DEFAULT now(),
    last_accessed_at timestamp DEFAULT now());
CREATE TABLE tts_cache_files (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cache_id uuid UNIQUE REFERENCES tts_cache (id) ON DELETE CASCADE, file_data bytea NOT NULL,
    file_size integer NOT NULL, created_at timestamp DEFAULT now());
CREATE INDEX ON tts_cache (voice);
"""
IN_THE_WILD = """
CREATE TABLE tts_cache (id uuid PRIMARY KEY, content_hash varchar(64) UNIQUE NOT NULL,
    content_text text NOT NULL, voice varchar(50) NOT NULL,
    audio_file_path text NOT NULL, audio_file_size integer,
    content_type varchar(50), is_active boolean DEFAULT true, duration_seconds double precision NOT NULL,
    created_at timestamptz DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE tts_cache_files (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cache_id uuid REFERENCES tts_cache (id),
    file_data bytea NOT NULL, file_size integer NOT NULL, created_at timestamptz DEFAULT now());
ALTER TABLE tts_cache ENABLE ROW LEVEL SECURITY;
"""
ADD_FILES = (
    "INSERT INTO tts_cache_files (cache_id, file_data, file_size) SELECT id, 'sound', 5 FROM tts_cache"
)
UNPROTECTED = """SELECT relname FROM pg_class WHERE relkind = 'r'
    AND relnamespace = 'public'::regnamespace AND NOT relrowsecurity"""
KEY = hashlib.md5(f"{TEXT}_nova".encode()).hexdigest()
Migrate = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create_database()


@pytest.fixture
def migrate(tmp_path: object) -> Migrate:
    def run(url: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "DATABASE_URL": url, "VAR_DIR": str(tmp_path), "PGTZ": "Asia/Karachi"}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    return run


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def fill(url: str, tables: str, columns: str, values: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(tables)
        connection.execute(
            f"INSERT INTO tts_cache (id, content_hash, content_text, voice, {columns})"
            f" VALUES (gen_random_uuid(), '{KEY}', '{TEXT}', 'nova', {values})"
        )
        connection.execute(ADD_FILES)


def test_the_documented_tables_are_adopted_and_their_moments_stay(url: str, migrate: Migrate) -> None:
    fill(url, AS_DOCUMENTED, "created_at", "'2025-03-01 12:00:00'")
    done = migrate(url)

    assert done.returncode == 0, done.stderr
    assert ask(url, "SELECT file_data FROM tts_cache_files") == [(b"sound",)]
    assert ask(url, "SELECT created_at = '2025-03-01 12:00:00+00' FROM tts_cache") == [(True,)]
    assert ask(
        url, "SELECT model, audio_format, speed, kept_at IS NOT NULL, content_type FROM tts_cache"
    ) == [("tts-1-hd", "mp3", 1.0, True, "narrative")]
    assert ask(url, "SELECT last_accessed_at > now() - interval '1 hour' FROM tts_cache") == [(True,)]


def test_tables_as_found_in_the_wild_are_adopted_and_take_our_rows(url: str, migrate: Migrate) -> None:
    fill(url, IN_THE_WILD, "audio_file_path, duration_seconds", "'x.mp3', 1.5")
    done = migrate(url)

    assert done.returncode == 0, done.stderr
    assert ask(url, "SELECT audio_file_path, duration_seconds FROM tts_cache") == [("x.mp3", 1.5)]
    insert = "INSERT INTO tts_cache (content_hash, content_text, voice) VALUES ('new', 't', 'v')"
    assert ask(url, f"{insert} RETURNING is_active") == [(True,)]
    assert ask(url, "DELETE FROM tts_cache WHERE content_hash <> 'new' RETURNING 1") == [(1,)]
    assert ask(url, "SELECT count(*) FROM tts_cache_files") == [(0,)], "the file goes with its clip"


def test_migrating_again_changes_nothing(url: str, migrate: Migrate) -> None:
    fill(url, AS_DOCUMENTED, "created_at", "now()")
    migrate(url)
    before = ask(url, "SELECT * FROM tts_cache")

    assert migrate(url).returncode == 0
    assert ask(url, "SELECT * FROM tts_cache") == before


def test_a_fresh_database_gets_the_same_tables(url: str, migrate: Migrate) -> None:
    assert migrate(url).returncode == 0
    ask(url, "INSERT INTO tts_cache (content_hash, content_text, voice) VALUES ('a', 't', 'v') RETURNING id")
    ask(url, f"{ADD_FILES} RETURNING id")
    ask(url, "DELETE FROM tts_cache RETURNING id")

    assert ask(url, "SELECT count(*) FROM tts_cache_files") == [(0,)]


def test_tables_of_something_else_are_refused_by_name(url: str, migrate: Migrate) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tts_cache (id uuid PRIMARY KEY, words text)")
        connection.execute("CREATE TABLE tts_cache_files (id uuid PRIMARY KEY)")
    done = migrate(url)

    assert done.returncode != 0
    assert "Table tts_cache has no column content_hash" in done.stderr


def test_files_that_share_a_clip_stop_the_migration_and_lose_nothing(url: str, migrate: Migrate) -> None:
    fill(url, IN_THE_WILD, "audio_file_path, duration_seconds", "'x.mp3', 1.5")
    ask(url, f"{ADD_FILES} RETURNING id")
    done = migrate(url)

    assert "1 rows of tts_cache_files share their cache_id" in done.stderr
    assert ask(url, "SELECT count(*) FROM tts_cache_files") == [(2,)]


def test_the_public_roles_of_supabase_see_nothing(url: str, migrate: Migrate) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for role in ("anon", "authenticated"):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role}")
        connection.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated")
    assert migrate(url).returncode == 0
    tables = [name for (name,) in ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    unprotected = ask(url, UNPROTECTED)

    assert {"tts_cache", "auth_user", "django_session", "django_migrations", "django_cache"} <= set(tables)
    assert unprotected == []
    for table in tables:
        with (
            psycopg.connect(url, autocommit=True) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("SET ROLE anon")
            connection.execute(f'SELECT * FROM "{table}"')
