"""The earlier design: Flask, a dict of paths in each process, files, PostgreSQL rows, warming in a loop.

Written for the benchmarks from its description. Anyone may ask for anything, a clip is sent once the provider
has sent all of it, and nothing is checked or counted. It has no Range, no Cache-Status and no ledger.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request, send_file
from psycopg_pool import ConnectionPool

FOLDER = Path(os.environ["BENCH_CLIPS"])
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]
NARRATIVES: list[str] = json.loads(os.environ.get("BENCH_NARRATIVES", "[]"))

app = Flask(__name__)
memory_cache: dict[str, Path] = {}


@app.get("/api/health")
def health() -> Response:
    return jsonify(status="healthy", service="life-review")


@app.get("/api/audio/<content_hash>.mp3")
def audio(content_hash: str) -> Any:
    path = _found(content_hash)
    if path is None:
        return jsonify(error="unknown clip"), 404
    return send_file(path, mimetype="audio/mpeg")


@app.post("/api/text-to-speech")
def text_to_speech() -> Any:
    given = request.get_json()
    text, voice = given.get("text", ""), given.get("voice", "nova")
    if not text:
        return jsonify(error="no text"), 400
    return send_file(_found_or_made(text, voice), mimetype="audio/mpeg")


@app.post("/api/pre-cache-narratives")
def pre_cache_narratives() -> Response:
    voice = request.get_json().get("voice", "nova")
    for text in NARRATIVES:
        _found_or_made(text, voice)
    return jsonify(success=True, total_count=len(NARRATIVES), cached_count=len(NARRATIVES))


def _found_or_made(text: str, voice: str) -> Path:
    content_hash = hashlib.md5(f"{text}_{voice}".encode()).hexdigest()
    return _found(content_hash) or _keep(content_hash, text, voice, _spoken(text, voice))


def _found(content_hash: str) -> Path | None:
    """Look in the dict, then in the folder, then in the rows, which are written to a file."""
    path = memory_cache.get(content_hash)
    if path is not None and path.exists():
        return path
    path = FOLDER / f"{content_hash}.mp3"
    if not path.exists():
        with _database().connection() as connection:
            found = connection.execute(
                "SELECT file_data FROM tts_cache JOIN tts_cache_files ON tts_cache.id = cache_id"
                " WHERE content_hash = %s AND is_active",
                [content_hash],
            ).fetchone()
        if found is None:
            return None
        path.write_bytes(found[0])
    memory_cache[content_hash] = path
    return path


def _keep(content_hash: str, text: str, voice: str, sound: bytes) -> Path:
    path = FOLDER / f"{content_hash}.mp3"
    path.write_bytes(sound)
    number = uuid.uuid4()
    with _database().connection() as connection:
        connection.execute(
            "INSERT INTO tts_cache (id, content_hash, content_text, voice, audio_file_path, audio_file_size)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [number, content_hash, text, voice, str(path), len(sound)],
        )
        connection.execute(
            "INSERT INTO tts_cache_files (cache_id, file_data, file_size)"
            " SELECT id, %s, %s FROM tts_cache WHERE id = %s",
            [sound, len(sound), number],
        )
    memory_cache[content_hash] = path
    return path


def _spoken(text: str, voice: str) -> bytes:
    return bytes(_provider().audio.speech.create(model="tts-1-hd", voice=voice, input=text).content)


@lru_cache(maxsize=1)
def _provider() -> Any:
    from openai import OpenAI

    return OpenAI(api_key="bench", base_url=os.environ["BENCH_PROVIDER"])


@lru_cache(maxsize=1)
def _database() -> ConnectionPool:
    """Return the pool of this process, which is made after the fork."""
    return ConnectionPool(DATABASE_URL, min_size=1, max_size=4, open=True)
