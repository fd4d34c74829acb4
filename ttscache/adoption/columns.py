"""The columns, types, defaults and constraints that a found table lacks."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db.backends.utils import CursorWrapper

from ttscache.adoption import CLIPS, FILES, catalogue
from ttscache.adoption.plan_types import Step

# The definition with which a missing column is added; a column without a definition must exist.
COLUMNS: dict[str, dict[str, str]] = {
    CLIPS: {
        "id": "",
        "content_hash": "",
        "content_text": "",
        "voice": "",
        "audio_file_path": "text",
        "audio_file_size": "integer",
        "content_type": "varchar(50) DEFAULT 'narrative'",
        "is_active": "boolean DEFAULT true",
        "created_at": "timestamptz DEFAULT now()",
        "last_accessed_at": "timestamptz DEFAULT now()",
    },
    FILES: {
        "id": "",
        "cache_id": "",
        "file_data": "",
        "file_size": "integer",
        "created_at": "timestamptz DEFAULT now()",
    },
}
DEFAULTS = {
    CLIPS: {
        "id": "gen_random_uuid()",
        "content_type": "'narrative'",
        "is_active": "true",
        "created_at": "now()",
        "last_accessed_at": "now()",
    },
    FILES: {"id": "gen_random_uuid()", "created_at": "now()"},
}
REQUIRED = {
    CLIPS: {"id", "content_hash", "content_text", "voice"},
    FILES: {"id", "cache_id", "file_data", "file_size"},
}
INDEXED = ("voice", "content_type")


def column_steps(cursor: CursorWrapper, table: str) -> Iterator[Step]:
    found = catalogue.columns(cursor, table)
    for column, definition in COLUMNS[table].items():
        if column not in found:
            sql = f'ALTER TABLE "{table}" ADD COLUMN "{column}" {definition}'
            yield Step.of(table, f"column {column} is added", sql)
    yield from _optional_columns(table, found)
    yield from _defaults(table, found)
    yield from _renamed_columns(table, found)  # last, as the steps above use the found names


def constraint_steps(cursor: CursorWrapper, table: str) -> Iterator[Step]:
    """The keys and indexes that are missing. They can hold only after the steps of `rows.py`."""
    if not catalogue.is_unique(cursor, table, "id"):
        if catalogue.has_primary_key(cursor, table):
            yield Step.of(table, "id becomes unique", f'ALTER TABLE "{table}" ADD UNIQUE (id)')
        else:
            sql = f'ALTER TABLE "{table}" ADD PRIMARY KEY (id)'
            yield Step.of(table, "id becomes the primary key", sql)
    column = "content_hash" if table == CLIPS else "cache_id"
    if not catalogue.is_unique(cursor, table, column):
        sql = f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_one" UNIQUE ("{column}")'
        yield Step.of(table, f"{column} becomes unique", sql)
    if table == FILES:
        yield from _cascade_from_clip_to_file(cursor)
        return
    for column in INDEXED:
        if not catalogue.is_indexed(cursor, table, column):
            sql = f'CREATE INDEX "{table}_{column}_found" ON "{table}" ("{column}")'
            yield Step.of(table, f"{column} gets an index", sql)


def _renamed_columns(table: str, found: dict[str, catalogue.Column]) -> Iterator[Step]:
    """Rename found columns that bear the name of a column which a later migration adds."""
    for column in sorted(_our_columns(table) - COLUMNS[table].keys() & found.keys()):
        sql = f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{column}_found"'
        yield Step.of(table, f"column {column} is kept as {column}_found", sql)


def _our_columns(table: str) -> set[str]:
    models = apps.get_app_config("ttscache").get_models()
    model = next(model for model in models if model._meta.db_table == table)
    return {field.column for field in model._meta.concrete_fields if field.column}


def _optional_columns(table: str, found: dict[str, catalogue.Column]) -> Iterator[Step]:
    for column, facts in found.items():
        is_filled = column in REQUIRED[table] or column in DEFAULTS[table] or facts.default is not None
        if not facts.is_nullable and not is_filled and not facts.is_generated:
            sql = f'ALTER TABLE "{table}" ALTER COLUMN {catalogue.quoted(column)} DROP NOT NULL'
            yield Step.of(table, f"{column} may be empty", sql)


def _defaults(table: str, found: dict[str, catalogue.Column]) -> Iterator[Step]:
    for column, default in DEFAULTS[table].items():
        if column in found and found[column].default is None:
            sql = f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET DEFAULT {default}'
            yield Step.of(table, f"{column} gets the default {default}", sql)


def _cascade_from_clip_to_file(cursor: CursorWrapper) -> Iterator[Step]:
    found = catalogue.foreign_keys(cursor, FILES, "cache_id", CLIPS)
    if any(found.values()):
        return
    yield Step.of(
        FILES,
        "cache_id points to a clip, and a file goes with its clip",
        *(f"ALTER TABLE {FILES} DROP CONSTRAINT {catalogue.quoted(name)}" for name in found),
        f"ALTER TABLE {FILES} ADD CONSTRAINT {FILES}_cache_id_fkey FOREIGN KEY (cache_id)"
        f" REFERENCES {CLIPS} (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
    )
