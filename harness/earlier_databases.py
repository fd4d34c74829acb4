"""Creates the earlier system's tables with plain SQL and real sound, and runs `manage.py` on them.

The tables have the three forms that were found in the wild.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from harness.speech_api.sound import spoken_clip

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
ON_SUPABASE = """
CREATE OR REPLACE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
CREATE TABLE tts_cache (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    content_hash varchar(64) UNIQUE NOT NULL, content_text text NOT NULL, voice varchar(50) NOT NULL,
    audio_file_path text NOT NULL, audio_file_size integer,
    content_type varchar(50), is_active boolean DEFAULT true, duration_seconds double precision NOT NULL,
    created_at timestamptz DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE tts_cache_files (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    cache_id uuid REFERENCES tts_cache (id),
    file_data bytea NOT NULL, file_size integer NOT NULL, created_at timestamptz DEFAULT now());
CREATE FUNCTION update_updated_at() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE TRIGGER set_updated_at BEFORE UPDATE ON tts_cache FOR EACH ROW EXECUTE FUNCTION update_updated_at();
ALTER TABLE tts_cache ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON tts_cache FOR ALL USING (true);
"""
BARE = """
CREATE TABLE tts_cache (id uuid, content_hash varchar(64), content_text text, voice varchar(100),
    audio_file_path text, audio_file_size integer, content_type varchar(50), is_active boolean,
    created_at timestamp, model varchar(20) NOT NULL, row_number bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE tts_cache_files (id uuid, cache_id uuid, file_data bytea, file_size integer);
"""
VARIANTS = {"as documented": AS_DOCUMENTED, "on Supabase": ON_SUPABASE, "bare": BARE}
NOT_OURS: dict[str, dict[str, object]] = {
    "as documented": {"last_accessed_at": "2024-03-02 12:00:00"},
    "on Supabase": {"duration_seconds": 1.5, "audio_file_path": "x.mp3"},
    "bare": {"model": "tts-1"},
}
CASES = Path(__file__).parent / "adoption_cases"
CONTENT_TYPES = ("narrative", "question", "analysis", "greeting", "outro", None)


@dataclass(frozen=True)
class Found:
    """A clip of the earlier system, with its bytes."""

    text: str
    voice: str
    content_type: str | None

    @property
    def content_hash(self) -> str:
        return hashlib.md5(f"{self.text}_{self.voice}".encode()).hexdigest()

    @property
    def sound(self) -> bytes:
        """A real MP3: one of ten clips with its own title, because encoding each would be slow."""
        title = b"\x03" + self.text.encode()
        frame = b"TIT2" + len(title).to_bytes(4) + bytes(2) + title
        return (
            b"ID3\x04\0\0"
            + len(frame).to_bytes(4)
            + frame
            + spoken_clip(f"Sound {self.text[-1]}", "nova", "mp3")
        )


def found_clips(count: int) -> Iterator[Found]:
    kinds = cycle(CONTENT_TYPES)
    for number in range(count):
        yield Found(f"Ça va? {number}", ("nova", "onyx")[number % 2], next(kinds))


def fill(connection: psycopg.Connection, variant: str, clips: Iterator[Found]) -> None:
    """Insert rows of long ago. Every third hash of the bare tables is in capitals."""
    connection.execute(VARIANTS[variant])
    for number, clip in enumerate(clips):
        shown = clip.content_hash.upper() if variant == "bare" and number % 3 == 0 else clip.content_hash
        clip_id = add_clip(
            connection,
            content_hash=shown,
            content_text=clip.text,
            voice=clip.voice,
            content_type=clip.content_type,
            created_at="2024-03-01 12:00:00",
            **NOT_OURS.get(variant, {}),
        )
        add_file(connection, clip_id, clip.sound)


def load_case(connection: psycopg.Connection, *names: str) -> None:
    """Create the tables with twelve clips as people reported them, then what `names` add."""
    for name in ("base", "rows", *names):
        connection.execute((CASES / f"{name}.sql").read_text())


def add_clip(connection: psycopg.Connection, **columns: object) -> str:
    return _add(connection, "tts_cache", {"id": str(uuid4())} | columns)


def add_file(connection: psycopg.Connection, clip: str | None, data: bytes | None, **columns: object) -> str:
    given = {"id": str(uuid4()), "cache_id": clip, "file_data": data, "file_size": len(data or b"")}
    return _add(connection, "tts_cache_files", given | columns)


def _add(connection: psycopg.Connection, table: str, columns: dict[str, object]) -> str:
    places = ", ".join(["%s"] * len(columns))
    names = ", ".join(columns)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(columns.values()))
    return str(columns["id"])


class Host:
    """Runs manage.py on this database."""

    def __init__(self, url: str, folder: Path) -> None:
        # In another time zone, to detect timestamps without a zone that are misread.
        self._env = {**os.environ, "DATABASE_URL": url, "VAR_DIR": str(folder), "PGTZ": "Asia/Karachi"}

    def migrate(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.manage("migrate", "--no-color", *options)

    def manage(self, *arguments: str, words: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, env=self._env, input=words, capture_output=True, text=True)

    def begin_to_migrate(self) -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", "migrate"]
        return subprocess.Popen(
            command, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def adoption_lines(output: str) -> list[str]:
    """The lines of migrate's output about adoption, without the heading."""
    lines = output.splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("Adoption of existing tables"))
    end = next(
        (p for p in range(begin + 1, len(lines)) if not lines[p].startswith("  tts_cache")), len(lines)
    )
    return lines[begin + 1 : end]
