"""Writes rows as this site writes them, to find what forbids it: constraints, triggers, unique columns."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from uuid import uuid4

from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper

from ttscache.adoption import CLIPS, FILES, catalogue
from ttscache.adoption.column_types import CONTENT_TYPES
from ttscache.adoption.plan_types import CannotAdopt, is_outage

_TEXT = "A row on trial."
_LIMIT_EXCEEDED = "54"  # the class of errors about sizes that PostgreSQL cannot hold


def write_on_trial(cursor: CursorWrapper, tables: Sequence[str], voices: Sequence[str]) -> None:
    """Add, change and delete rows; the caller rolls them back. Raises CannotAdopt."""
    triggers = {table: ", ".join(catalogue.triggers(cursor, table)) for table in tables}
    text_keys = catalogue.keys_with(cursor, CLIPS, "content_text") if CLIPS in tables else []
    table = CLIPS
    try:
        if CLIPS in tables:
            clips = _clips(cursor, voices)
            if FILES in tables:
                table = FILES
                _files(cursor, clips[0], clips[1])
                table = CLIPS
            cursor.execute(f"DELETE FROM {CLIPS} WHERE content_hash = ANY(%s)", [clips])  # noqa: S608
            _expect(cursor, CLIPS, cursor.rowcount == len(clips))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        if is_outage(error):
            raise
        if text_keys and getattr(error.__cause__, "sqlstate", "").startswith(_LIMIT_EXCEEDED):
            raise CannotAdopt(
                f"The index {' or '.join(text_keys)} of {table} takes no long texts. Nothing was changed: "
                "drop it, then migrate."
            ) from error
        named = f"what is named or the trigger ({triggers[table]})" if triggers[table] else "what is named"
        doing = f"{table} does not take rows as this site writes them"
        raise CannotAdopt.because(error, doing, f"drop or change {named}, then migrate.") from error


def _clips(cursor: CursorWrapper, voices: Sequence[str]) -> list[str]:
    """Two renditions of one text for each content type and voice: without sound first, then with it."""
    clips: list[str] = []
    for content_type in CONTENT_TYPES:
        for voice in voices:
            for _ in range(2):
                name = uuid4().hex
                cursor.execute(
                    f"INSERT INTO {CLIPS} (id, content_hash, content_text, voice, audio_file_path,"  # noqa: S608
                    " audio_file_size, content_type, is_active, created_at, last_accessed_at)"
                    " VALUES (%s, %s, %s, %s, NULL, NULL, %s, true, now(), now())"
                    " ON CONFLICT (content_hash) DO UPDATE SET last_accessed_at = excluded.last_accessed_at",
                    [uuid4(), name, _TEXT, voice, content_type],
                )
                _expect(cursor, CLIPS, cursor.rowcount == 1)
                cursor.execute(
                    f"UPDATE {CLIPS} SET audio_file_size = 5, audio_file_path = NULL,"  # noqa: S608
                    " last_accessed_at = now() WHERE content_hash = %s"
                    " RETURNING content_text, voice, content_type, is_active, audio_file_size",
                    [name],
                )
                _expect(cursor, CLIPS, cursor.fetchone() == (_TEXT, voice, content_type, True, 5))
                clips.append(name)
    # As long as the longest text that is taken; an index on the text would take it if it compressed well.
    long = token_hex(10_000)
    sql = f"UPDATE {CLIPS} SET content_text = %s WHERE content_hash = %s"  # noqa: S608
    cursor.execute(sql, [long, clips[0]])
    return clips


def _files(cursor: CursorWrapper, *clips: str) -> None:
    for clip in clips:
        for data in (b"sound", b"newer sound"):
            cursor.execute(
                f"INSERT INTO {FILES} (id, cache_id, file_data, file_size, created_at)"  # noqa: S608
                f" SELECT %s, id, %s, %s, now() FROM {CLIPS} WHERE content_hash = %s"
                " ON CONFLICT (cache_id) DO UPDATE SET file_data = excluded.file_data,"
                " file_size = excluded.file_size, created_at = excluded.created_at"
                " RETURNING file_data = %s AND file_size = %s",
                [uuid4(), data, len(data), clip, data, len(data)],
            )
            _expect(cursor, FILES, cursor.fetchone() == (True,))


def _expect(cursor: CursorWrapper, table: str, is_so: bool) -> None:
    if not is_so:
        triggers = ", ".join(catalogue.triggers(cursor, table)) or "none was found"
        raise CannotAdopt(
            f"A trigger of {table} changes or drops what this site writes ({triggers}). Nothing was changed: "
            "drop or change it, then migrate."
        )
