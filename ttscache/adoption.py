"""Takes an existing database of the earlier system home: its tables are kept, and made to fit ours.

Used by the first migrations, so that plain `migrate` does it. No clip is rewritten and nothing is dropped.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.state import ProjectState
from django.db.utils import IntegrityError

# What the earlier system's tables have to offer; "add" is how a column that some of them lack is added.
COLUMNS: dict[str, dict[str, str]] = {
    "tts_cache": {
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
    "tts_cache_files": {
        "id": "",
        "cache_id": "",
        "file_data": "",
        "file_size": "integer",
        "created_at": "timestamptz DEFAULT now()",
    },
}
DEFAULTS = {
    "tts_cache": {
        "id": "gen_random_uuid()",
        "content_type": "'narrative'",
        "is_active": "true",
        "created_at": "now()",
        "last_accessed_at": "now()",
    },
    "tts_cache_files": {"id": "gen_random_uuid()", "created_at": "now()"},
}
REQUIRED = {
    "tts_cache": {"id", "content_hash", "content_text", "voice"},
    "tts_cache_files": {"id", "cache_id", "file_data", "file_size"},
}


class CannotAdopt(RuntimeError):
    """An existing table lacks what cannot be made up, or holds rows that contradict each other."""


class CreateOrAdoptModel(migrations.CreateModel):
    """CreateModel that leaves an existing table of that name as it is."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            if table in schema_editor.connection.introspection.table_names(cursor):
                return
        super().database_forwards(app_label, schema_editor, from_state, to_state)


def align_existing_tables(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give PostgreSQL tables, fresh or found, the same types, defaults and constraints.

    Raises CannotAdopt with the table, the column and what to do.
    """
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        # Old values without a zone are UTC; in a session of that zone the change of type rewrites nothing.
        cursor.execute("SET LOCAL timezone = 'UTC'")
        for table in COLUMNS:
            _align_columns(cursor, table)
        _keep_one_row_a_key(cursor, "tts_cache", "content_hash")
        _keep_one_row_a_key(cursor, "tts_cache_files", "cache_id")
        _cascade_from_clip_to_file(cursor)


def _align_columns(cursor: CursorWrapper, table: str) -> None:
    found = _columns(cursor, table)
    for column, definition in COLUMNS[table].items():
        if column in found:
            continue
        if not definition:
            raise CannotAdopt(
                f"Table {table} has no column {column}: it is not the table this project knows."
            )
        cursor.execute(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {definition}')
    for column, (data_type, is_nullable, default) in found.items():
        if data_type == "timestamp without time zone":
            _change_to_timestamptz(cursor, table, column)
        is_ours_to_fill = column in REQUIRED[table]
        if not is_nullable and not is_ours_to_fill and default is None and column not in DEFAULTS[table]:
            cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" DROP NOT NULL')
    for column, default in DEFAULTS[table].items():
        if found.get(column, ("", True, "set"))[2] is None:
            cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET DEFAULT {default}')


def _columns(cursor: CursorWrapper, table: str) -> dict[str, tuple[str, bool, str | None]]:
    cursor.execute(
        "SELECT column_name, data_type, is_nullable = 'YES', column_default FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s",
        [table],
    )
    return {name: (data_type, nullable, default) for name, data_type, nullable, default in cursor.fetchall()}


def _change_to_timestamptz(cursor: CursorWrapper, table: str, column: str) -> None:
    cursor.execute(
        "SELECT DISTINCT v.oid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " JOIN pg_class v ON v.oid = r.ev_class JOIN pg_attribute a"
        " ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.refobjid = %s::regclass AND a.attname = %s AND v.relkind IN ('v', 'm')",
        [table, column],
    )
    views = [name for (name,) in cursor.fetchall()]
    if views:
        raise CannotAdopt(
            f"Column {table}.{column} has to become timestamptz, but the view {views[0]} uses it: "
            "drop the view, migrate, and create it again."
        )
    cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE timestamptz')


def _keep_one_row_a_key(cursor: CursorWrapper, table: str, column: str) -> None:
    cursor.execute(
        "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = %s"
        " AND i.indpred IS NULL",
        [table, column],
    )
    if cursor.fetchone():
        return
    cursor.execute(f'SELECT count(*) - count(DISTINCT "{column}") FROM "{table}"')  # noqa: S608 - our own names
    surplus = cursor.fetchone()[0]
    if surplus:
        raise CannotAdopt(
            f"{surplus} rows of {table} share their {column} with another row: "
            "keep one row of each before migrating."
        )
    try:
        cursor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_one" UNIQUE ("{column}")')
    except IntegrityError as error:
        raise CannotAdopt(f"{table}.{column} cannot be made unique.") from error


def _cascade_from_clip_to_file(cursor: CursorWrapper) -> None:
    cursor.execute(
        "SELECT conname, confdeltype FROM pg_constraint"
        " WHERE conrelid = 'tts_cache_files'::regclass AND contype = 'f'"
    )
    found = dict(cursor.fetchall())
    if "c" in found.values():
        return
    for name in found:
        cursor.execute(f'ALTER TABLE tts_cache_files DROP CONSTRAINT "{name}"')
    cursor.execute(
        "ALTER TABLE tts_cache_files ADD CONSTRAINT tts_cache_files_cache_id_fkey FOREIGN KEY (cache_id)"
        " REFERENCES tts_cache (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
    )


def close_public_roles(connection: Any) -> None:
    """On Supabase, the roles of its public API see none of our tables.

    They reach every table of the schema by default; the text of a journey's drafts, the clips and the
    sessions of staff are not theirs to read.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated')")
        roles = [name for (name,) in cursor.fetchall()]
        if not roles:
            return
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        tables += [name for name in ("django_migrations", "django_cache") if name in _all_tables(cursor)]
        for table in sorted(set(tables)):
            cursor.execute(f'REVOKE ALL ON TABLE "{table}" FROM {", ".join(roles)}')
            cursor.execute("SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", [f'"{table}"'])
            if not cursor.fetchone()[0]:
                cursor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')


def _all_tables(cursor: CursorWrapper) -> set[str]:
    cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
    return {name for (name,) in cursor.fetchall()}
