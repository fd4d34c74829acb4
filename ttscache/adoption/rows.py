"""Plans what happens to found rows: duplicates, files without a clip, missing values. Counts the clips.

This module only reads. It holds the bytes of one clip at a time, and decodes only clips with a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, cast

from django.db.backends.utils import CursorWrapper

from ttscache import audio
from ttscache.adoption import CLIPS, FILES, catalogue
from ttscache.adoption.plan_types import Statement, Step
from ttscache.adoption.wrapped import may_be_wrapped, unwrapped
from ttscache.errors import BrokenAudio

ASIDE = {CLIPS: f"{CLIPS}_set_aside", FILES: f"{FILES}_set_aside"}

# The hash of text and voice; NULL without one of them. A missing hash, or one in capitals, is corrected. Any
# other hash is left alone, because nobody knows what it stands for.
TRUE_HASH = "md5(convert_to(content_text || '_' || voice, 'UTF8'))"
IS_TRUE = f"coalesce(lower(content_hash), {TRUE_HASH}) IS NOT DISTINCT FROM {TRUE_HASH}"

# The tables as they are read here, with a substitute for each column that some of them lack.
_READ = {
    CLIPS: (
        "clips",
        {
            "id": "NULL::uuid",
            "is_active": "true",
            "created_at": "NULL::timestamptz",
            "content_hash": "NULL::text",
            "content_text": "NULL::text",
            "voice": "NULL::text",
        },
        f"*, CASE WHEN {IS_TRUE} THEN {TRUE_HASH} ELSE content_hash END AS name, {IS_TRUE} AS is_true",
    ),
    FILES: (
        "files",
        {
            "id": "NULL::uuid",
            "cache_id": "NULL::uuid",
            "created_at": "NULL::timestamptz",
            "file_data": "NULL::bytea",
        },
        "id, cache_id, created_at, coalesce(octet_length(file_data), 0) AS size",
    ),
}


class Candidate(NamedTuple):
    """A clip with one of its files, or with none, among several under one hash."""

    content_hash: str
    is_true: bool
    clip: str
    file: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Survivor:
    """The clip and file that stay, of several under one hash."""

    content_hash: str
    clip: str
    file: str | None
    is_whole: bool
    other_clips: tuple[str, ...]
    other_files: tuple[str, ...]

    def __str__(self) -> str:
        state = "whole" if self.is_whole else "broken, as all of them" if self.file else "none has a file"
        aside = [
            *(f"clip {clip}" for clip in self.other_clips),
            *(f"file {file}" for file in self.other_files),
        ]
        return (
            f"{self.content_hash}: {self.clip} stays with file {self.file} ({state}), not {', '.join(aside)}"
        )


class Rows:
    """Reads those of the two tables that were found, in one transaction."""

    def __init__(self, cursor: CursorWrapper, found: Sequence[str]) -> None:
        self._cursor = cursor
        self._columns = {table: catalogue.columns(cursor, table) for table in found}
        self._named = ", ".join(
            f"{name} AS (SELECT {reading} FROM ({self._wanted(table, lacking)}) AS {name}_found)"  # noqa: S608
            for table, (name, lacking, reading) in _READ.items()
        )

    def steps(self) -> Iterator[Step]:
        wrapped, unreadable = self._wrapped_files()
        yield from self._figures(unreadable)
        if wrapped:
            says = f"{len(wrapped)} files hold audio as text (base64, JSON, hex) or packed, and are unwrapped"
            yield Step(FILES, says, tuple(map(Unwrapping.of, wrapped)), details=tuple(wrapped))
        adrift = self._ids(
            "SELECT f.id FROM files f LEFT JOIN clips c ON c.id = cache_id"
            " WHERE c.id IS NULL OR content_text IS NULL OR voice IS NULL"
        )
        if adrift:
            yield _set_aside(FILES, "without a clip", dict.fromkeys(adrift))
        unreadable = [file for file in unreadable if file not in set(adrift)]
        if unreadable:
            yield _set_aside(
                FILES, "no audio, so their clips count as without bytes", dict.fromkeys(unreadable)
            )
        wordless = self._ids("SELECT id FROM clips WHERE content_text IS NULL OR voice IS NULL")
        if wordless:
            yield _set_aside(CLIPS, "without text or voice", dict.fromkeys(wordless))
        survivors = [self._chosen(group) for group in self._crowded()]
        if survivors:
            yield from _survival_steps(survivors)
        yield from self._corrections()

    # --- what is there --------------------------------------------------------------------------------------
    def _wrapped_files(self) -> tuple[list[str], list[str]]:
        """Files whose bytes are audio within text, and files whose bytes are no audio at all.

        Only what does not begin as audio is read whole, one file at a time.
        """
        if not {"id", "file_data"} <= self._columns.get(FILES, {}).keys():
            return [], []
        self._cursor.execute(
            f"SELECT id, substring(file_data FROM 1 FOR 4096) FROM {FILES}"  # noqa: S608
            " WHERE octet_length(file_data) > 0 ORDER BY id"
        )
        suspects: list[str] = []
        while page := self._cursor.fetchmany(500):
            suspects += [str(file) for file, start in page if may_be_wrapped(bytes(start))]
        wrapped: list[str] = []
        unreadable: list[str] = []
        for file in suspects:
            data = _bytes_of(self._cursor, file)
            if unwrapped(data) is not None:
                wrapped.append(file)
            elif not _is_audio(data):
                unreadable.append(file)
        return wrapped, unreadable

    def _figures(self, unreadable: Sequence[str]) -> Iterator[Step]:
        if CLIPS not in self._columns:
            return
        # The ids come from the database itself, as uuids.
        left_out = ", ".join(f"'{file}'::uuid" for file in unreadable)
        has_bytes = f"size > 0 AND files.id NOT IN ({left_out})" if unreadable else "size > 0"
        rows, clips, ready, off, misnamed = self._read(
            "SELECT count(DISTINCT c.id), count(DISTINCT name),"  # noqa: S608
            f" count(DISTINCT name) FILTER (WHERE {has_bytes}),"
            " count(DISTINCT name) FILTER (WHERE NOT is_active),"
            " count(DISTINCT c.id) FILTER (WHERE NOT is_true) FROM clips c LEFT JOIN files ON cache_id = c.id"
        )[0]
        yield Step(CLIPS, f"found with {rows} rows: {clips} clips, {ready} with bytes")
        if clips > ready:
            yield Step(CLIPS, f"{clips - ready} clips without bytes are made when first requested")
        if off:
            yield Step(CLIPS, f"{off} clips are switched off, and made again when first requested")
        if misnamed:
            yield Step(CLIPS, f"{misnamed} rows have a hash that does not match text and voice: kept")

    # --- several under one hash -----------------------------------------------------------------------------
    def _crowded(self) -> Iterator[list[Candidate]]:
        """Groups that share a hash, ordered: with their true hash first, then active, then newest."""
        candidates = self._read(
            "SELECT name, is_true, c.id, f.id, coalesce(size, 0)"
            " FROM clips c LEFT JOIN files f ON cache_id = c.id"
            " WHERE name IN (SELECT name FROM clips c LEFT JOIN files ON cache_id = c.id"
            " WHERE content_text IS NOT NULL AND voice IS NOT NULL GROUP BY name HAVING count(*) > 1)"
            " AND content_text IS NOT NULL AND voice IS NOT NULL"
            " ORDER BY name, is_true DESC, is_active IS FALSE, f.created_at DESC NULLS LAST,"
            " c.created_at DESC NULLS LAST, c.id, f.id"
        )
        for _, group in groupby(map(Candidate._make, candidates), attrgetter("content_hash")):
            yield list(group)

    def _chosen(self, group: list[Candidate]) -> Survivor:
        """Choose the newest that is whole, else that decodes, else that has bytes, else simply the newest."""
        fit = [one for one in group if one.is_true == group[0].is_true]
        whole = next((one for one in fit if self._passes(audio.examine, one)), None)
        whole = whole or next((one for one in fit if self._passes(audio.examine_leniently, one)), None)
        best = whole or next((one for one in fit if one.size), fit[0])
        return Survivor(
            content_hash=best.content_hash,
            clip=best.clip,
            file=best.file,
            is_whole=whole is not None,
            other_clips=tuple(dict.fromkeys(one.clip for one in group if one.clip != best.clip)),
            other_files=tuple(one.file for one in group if one.file and one.file != best.file),
        )

    def _passes(self, examination: Callable[[bytes, str], audio.Sound], candidate: Candidate) -> bool:
        if not candidate.size:
            return False
        data = _bytes_of(self._cursor, str(candidate.file))
        try:
            examination(unwrapped(data) or data if may_be_wrapped(data[:4096]) else data, "mp3")
        except BrokenAudio:
            return False
        return True

    # --- what is filled badly -------------------------------------------------------------------------------
    def _corrections(self) -> Iterator[Step]:
        for table, column in ((CLIPS, "created_at"), (CLIPS, "last_accessed_at"), (FILES, "created_at")):
            if column in self._columns.get(table, {}):
                # PostgreSQL knows infinity, years before the first and after 9999; Python knows none of them.
                is_strange = f"{column} NOT BETWEEN '0001-01-02' AND '9999-12-30'"
                says = f"rows have a {column} that no calendar has, and get now()"
                yield from self._correction(table, is_strange, f"{column} = now()", says)
        yield from self._correction(
            CLIPS,
            f"{IS_TRUE} AND content_hash IS DISTINCT FROM {TRUE_HASH}",
            f"content_hash = {TRUE_HASH}",
            "hashes were missing or in capitals, and are corrected",
        )
        for column, value in (
            ("content_type", "'narrative'"),
            ("is_active", "true"),
            ("created_at", "now()"),
        ):
            if column in self._columns.get(CLIPS, {}):
                says = f"rows without {column} get {value}"
                yield from self._correction(CLIPS, f"{column} IS NULL", f"{column} = {value}", says)
        yield from self._correction(
            FILES, "file_data IS NULL", "file_data = ''", "files without bytes are empty"
        )
        is_wrong = "file_size IS DISTINCT FROM octet_length(file_data)"
        if "file_size" in self._columns.get(FILES, {}):
            change = "file_size = octet_length(file_data)"
            yield from self._correction(FILES, is_wrong, change, "sizes are corrected")

    def _correction(self, table: str, condition: str, change: str, says: str) -> Iterator[Step]:
        if table not in self._columns:
            return
        self._cursor.execute(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608
        count = self._cursor.fetchone()[0]
        if count:
            sql = f"UPDATE {table} SET {change} WHERE {condition}"  # noqa: S608
            yield Step.of(table, f"{count} {says}", sql)

    # --- reading --------------------------------------------------------------------------------------------
    def _wanted(self, table: str, lacking: Mapping[str, str]) -> str:
        there = self._columns.get(table, {})
        wanted = ", ".join(
            column if column in there else f"{value} AS {column}" for column, value in lacking.items()
        )
        return f"SELECT {wanted} FROM {table}" if there else f"SELECT {wanted} WHERE false"  # noqa: S608

    def _ids(self, sql: str) -> list[str]:
        return [str(value) for (value,) in self._read(sql)]

    def _read(self, sql: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(f"WITH {self._named} {sql}")
        return cast(list[tuple[Any, ...]], self._cursor.fetchall())


def _survival_steps(survivors: Sequence[Survivor]) -> Iterator[Step]:
    files: dict[str, str | None] = {file: each.clip for each in survivors for file in each.other_files}
    clips: dict[str, str | None] = {clip: each.clip for each in survivors for clip in each.other_clips}
    says = f"{len(survivors)} hashes have several clips or files: the newest whole one of each stays"
    yield Step(CLIPS, says, details=tuple(map(str, survivors)))
    if files:
        yield _set_aside(FILES, "another file of the same hash stays", files)
    if clips:
        yield Step(CLIPS, f"{len(clips)} rows pass their dates to the one that stays", (_hand_on(clips),))
        yield _set_aside(CLIPS, "another row of the same hash stays", clips)


def _hand_on(winners: Mapping[str, str | None]) -> Statement:
    """Give the row that stays the earliest creation and the latest request among its duplicates."""
    return Statement(
        f"UPDATE {CLIPS} stays SET created_at = least(stays.created_at, gone.created_at),"  # noqa: S608
        " last_accessed_at = greatest(stays.last_accessed_at, gone.last_accessed_at)"
        " FROM (SELECT winner, min(created_at) AS created_at, max(last_accessed_at) AS last_accessed_at"
        f" FROM {CLIPS} JOIN unnest(%s::uuid[], %s::uuid[]) AS pair(loser, winner) ON id = loser"
        " GROUP BY winner) gone WHERE stays.id = gone.winner",
        (list(winners), list(winners.values())),
    )


def _set_aside(table: str, why: str, winners: Mapping[str, str | None]) -> Step:
    """Move rows, by id, to a table beside theirs; each names the clip that stays in its place, if any."""
    aside = ASIDE[table]
    ids = list(winners)
    return Step(
        table,
        f"{len(ids)} rows move to {aside}: {why}",
        (
            Statement(f"CREATE TABLE IF NOT EXISTS {aside} (LIKE {table})"),
            Statement(
                f"ALTER TABLE {aside} ADD COLUMN IF NOT EXISTS set_aside_because text,"
                " ADD COLUMN IF NOT EXISTS clip_that_stays uuid,"
                " ADD COLUMN IF NOT EXISTS set_aside_at timestamptz"
            ),
            Statement(
                f"INSERT INTO {aside} SELECT t.*, %s, winner, now() FROM {table} t"  # noqa: S608
                " JOIN unnest(%s::uuid[], %s::uuid[]) AS gone(gone_id, winner) ON id = gone_id",
                (why, ids, list(winners.values())),
            ),
            Statement(f"DELETE FROM {table} WHERE id = ANY(%s::uuid[])", (ids,)),  # noqa: S608
        ),
        details=() if any(winners.values()) else tuple(ids),
        makes=aside,
        set_aside=tuple(ids),
    )


@dataclass(frozen=True, slots=True)
class Unwrapping(Statement):
    """Replaces the bytes of one file by the audio in them. It reads the file again, so a plan holds none."""

    @classmethod
    def of(cls, file: str) -> Unwrapping:
        sql = f"UPDATE {FILES} SET file_data = %s, file_size = %s WHERE id = %s"  # noqa: S608
        return cls(sql, (file,), is_about_bytes=True)

    def perform(self, cursor: CursorWrapper) -> None:
        (file,) = self.parameters
        audio_of_it = unwrapped(_bytes_of(cursor, file))
        if audio_of_it is not None:
            cursor.execute(self.sql, (audio_of_it, len(audio_of_it), file))


def _bytes_of(cursor: CursorWrapper, file: str) -> bytes:
    cursor.execute(f"SELECT file_data FROM {FILES} WHERE id = %s", [file])  # noqa: S608
    return bytes(cursor.fetchone()[0])


def _is_audio(data: bytes) -> bool:
    try:
        audio.examine_leniently(data, "mp3")
    except BrokenAudio:
        return False
    return True
