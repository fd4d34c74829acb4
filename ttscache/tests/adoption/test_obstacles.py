"""Everything that can hang on the two tables: adoption handles it, or refuses in one line that names it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import transaction

from harness.earlier_databases import Found, Host, adoption_lines, ask, load_case
from ttscache.adoption import plan
from ttscache.adoption.plan_types import CannotAdopt
from ttscache.adoption.taken_names import check_names, migrations_noted_in
from ttscache.adoption.wrapped import begins_as_mp3, unwrapped

pytestmark = pytest.mark.any_database

VOICES = ("nova", "onyx")
WORDS = "Old clip number"
SOUND = Found("Tell me.", "nova", "narrative").sound


@pytest.fixture
def found(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        load_case(connection)
        yield connection


def state_of(url: str) -> list[Any]:
    """All that people made: columns, constraints, triggers, policies, indexes, views, and every row."""
    return [
        ask(url, sql)
        for sql in (
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,"
            " pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid"
            " AND adnum = attnum JOIN pg_class c ON c.oid = attrelid"
            " WHERE relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY 1, attnum",
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger ORDER BY 1",
            "SELECT policyname, roles::text, cmd, qual, with_check FROM pg_policies ORDER BY 1",
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
            "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM tts_cache t",
            "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM tts_cache_files t",
        )
    ]


def adopted(connection: Any) -> None:
    planned = plan.rehearse(connection, VOICES)
    with transaction.atomic(using="adopted"):
        assert plan.adopt_tables(connection) == planned


HANDLED: dict[str, Path | str] = {
    "a policy that uses created_at": Path("d1_policy"),
    "a materialised view": Path("d1_matview"),
    "a check of the content type": Path("d2_check"),
    "a content type of an enum": Path("d2_enum"),
    "a check of the path": Path("d2_path_check"),
    "a foreign key of another table": Path("d3_fk"),
    "a trigger on one column": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE OF created_at ON tts_cache"
    " FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE tts_cache ENABLE ALWAYS TRIGGER t",
    "a computed size": "ALTER TABLE tts_cache_files DROP COLUMN file_size;"
    " ALTER TABLE tts_cache_files ADD file_size integer GENERATED ALWAYS AS (octet_length(file_data)) STORED",
    "a computed hash": "ALTER TABLE tts_cache DROP COLUMN content_hash; ALTER TABLE tts_cache"
    " ADD content_hash text UNIQUE GENERATED ALWAYS AS (md5(content_text || '_' || voice)) STORED",
    "a domain": "CREATE DOMAIN short AS varchar(10) CHECK (VALUE IN ('nova', 'onyx'));"
    " ALTER TABLE tts_cache ALTER voice TYPE short",
    "narrow columns": "ALTER TABLE tts_cache ALTER voice TYPE char(8), ALTER audio_file_size TYPE numeric,"
    " ALTER content_type TYPE varchar(9), ALTER content_text TYPE varchar(200), ALTER created_at TYPE date",
    "another primary key": "ALTER TABLE tts_cache_files DROP CONSTRAINT tts_cache_files_cache_id_fkey;"
    " ALTER TABLE tts_cache DROP CONSTRAINT tts_cache_pkey, ADD PRIMARY KEY (content_hash)",
    "a cascade to another table": "CREATE TABLE owner (id serial PRIMARY KEY); ALTER TABLE tts_cache_files"
    " ADD owner integer REFERENCES owner ON DELETE CASCADE,"
    " DROP CONSTRAINT tts_cache_files_cache_id_fkey",
    "a strange name": 'ALTER TABLE tts_cache ADD "a ""b"" %s" text NOT NULL DEFAULT \'x\'',
}
REFUSED: dict[str, Path | str] = {
    "file_size_positive": Path("d2_hash_check"),
    "recent": "CREATE VIEW recent AS SELECT id FROM tts_cache WHERE created_at > '2020-01-01'",
    "stats": "CREATE MATERIALIZED VIEW stats AS SELECT max(created_at) FROM tts_cache",
    "by_text": "CREATE UNIQUE INDEX by_text ON tts_cache (content_text, voice)",
    "long_text": "CREATE INDEX long_text ON tts_cache (content_text)",
    "by_day": "CREATE INDEX by_day ON tts_cache (date_trunc('day', created_at))",
    "only_narratives": "CREATE TYPE k AS ENUM ('narrative'); ALTER TABLE tts_cache"
    " ALTER content_type DROP DEFAULT, ALTER content_type TYPE k USING content_type::k;"
    " CREATE INDEX only_narratives ON tts_cache (id) WHERE content_type = 'narrative'",
    "kinds": "CREATE TABLE kind (name text PRIMARY KEY); INSERT INTO kind VALUES ('narrative');"
    " ALTER TABLE tts_cache ADD CONSTRAINT kinds FOREIGN KEY (content_type) REFERENCES kind (name)",
    "no_two": "ALTER TABLE tts_cache ADD CONSTRAINT no_two EXCLUDE USING btree (content_text WITH =)",
    "guard": "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RAISE EXCEPTION ''no: %'', NEW.content_text; END';"
    " CREATE TRIGGER guard BEFORE INSERT ON tts_cache FOR EACH ROW EXECUTE FUNCTION g()",
    "silent": "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    " CREATE TRIGGER silent BEFORE INSERT ON tts_cache_files FOR EACH ROW EXECUTE FUNCTION g()",
    "keep_all": "CREATE RULE keep_all AS ON DELETE TO tts_cache DO INSTEAD NOTHING",
    "day": "ALTER TABLE tts_cache ADD day timestamp GENERATED ALWAYS AS (created_at) STORED",
    "inherits": "CREATE TABLE heir () INHERITS (tts_cache)",
    "is_active": "ALTER TABLE tts_cache ALTER is_active DROP DEFAULT,"
    " ALTER is_active TYPE integer USING is_active::integer",
    "file_data": "ALTER TABLE tts_cache_files ALTER file_data TYPE text USING encode(file_data, 'base64')",
    "a view": "ALTER TABLE tts_cache_files RENAME TO kept; CREATE VIEW tts_cache_files AS SELECT * FROM kept",
    "a sequence": "ALTER TABLE tts_cache RENAME TO kept; CREATE SEQUENCE tts_cache",
    "a type": "DROP TABLE tts_cache_files; CREATE DOMAIN tts_cache_files AS text",
    "search path": "ALTER ROLE postgres IN DATABASE {database} SET search_path = nowhere",
    "lo_get": "ALTER TABLE tts_cache_files ALTER file_data TYPE oid USING 0::oid",
    "to_timestamp": "ALTER TABLE tts_cache ALTER created_at DROP DEFAULT,"
    " ALTER created_at TYPE bigint USING extract(epoch FROM created_at)",
    "not_blank": "CREATE DOMAIN not_blank AS text NOT NULL; ALTER TABLE tts_cache ADD note not_blank"
    " DEFAULT 'x'; ALTER TABLE tts_cache ALTER note DROP DEFAULT",
    "SET SCHEMA": "CREATE SCHEMA app;"
    " ALTER ROLE postgres IN DATABASE {database} SET search_path = app, public",
    "another": "INSERT INTO tts_cache (content_hash, content_text, voice, audio_file_path) SELECT"
    " upper(content_hash), content_text, voice, '' FROM tts_cache; CREATE TABLE another (clip uuid"
    " REFERENCES tts_cache ON DELETE CASCADE); INSERT INTO another SELECT id FROM tts_cache",
}


def prepare(found: psycopg.Connection, case: Path | str) -> None:
    name = found.info.dbname
    sql = (Path("harness/adoption_cases") / f"{case}.sql").read_text() if isinstance(case, Path) else case
    found.execute(sql.replace("{database}", name))


@pytest.mark.parametrize("case", HANDLED.values(), ids=list(HANDLED))
def test_adoption_handles_what_hangs_on_the_tables(
    case: Path | str, found: psycopg.Connection, connection: Any
) -> None:
    prepare(found, case)
    policies = found.execute("SELECT policyname, roles::text, cmd, qual FROM pg_policies").fetchall()
    triggers = found.execute(
        "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    ).fetchall()
    adopted(connection)

    assert found.execute("SELECT policyname, roles::text, cmd, qual FROM pg_policies").fetchall() == policies
    assert (
        found.execute(
            "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
        ).fetchall()
        == triggers
    )
    for kind in ("narrative", "question", "analysis", "response"):
        found.execute(
            "INSERT INTO tts_cache (content_hash, content_text, voice, content_type)"
            f" VALUES ('{kind}', 't', 'nova', '{kind}')"
        )
    kept = found.execute("SELECT count(*) FROM tts_cache WHERE content_text LIKE 'Old clip%'").fetchone()
    assert kept == (12,)
    left = [each.sql for each in plan.preview(connection).statements]
    assert [sql for sql in left if not sql.endswith('TRIGGER "t"')] == [], "nothing is left to do"


@pytest.mark.parametrize("named", REFUSED)
def test_adoption_refuses_in_one_line_and_changes_nothing(
    named: str, url: str, found: psycopg.Connection, connection: Any
) -> None:
    prepare(found, REFUSED[named])
    try:
        before = state_of(url)
    except (psycopg.errors.UndefinedTable, psycopg.errors.WrongObjectType):
        before = None  # another search path, or a name that is taken
    with pytest.raises(CannotAdopt) as refused:
        plan.rehearse(connection, VOICES)

    says = str(refused.value)
    assert named in says and "migrate" in says
    assert WORDS not in says and "A row on trial" not in says and "\n" not in says
    if before is not None:
        assert state_of(url) == before


@pytest.mark.site
def test_a_plan_and_the_real_run_refuse_with_the_same_line_before_anything_is_created(
    url: str, found: psycopg.Connection, tmp_path: Path
) -> None:
    prepare(found, Path("d2_hash_check"))
    host = Host(url, tmp_path)
    planned, done = host.migrate("--plan"), host.migrate()

    assert (planned.returncode, done.returncode) == (1, 1)
    assert planned.stderr == done.stderr and "file_size_positive" in done.stderr
    assert done.stderr.startswith("CommandError: ") and done.stderr.count("\n") <= 2
    assert ask(url, "SELECT to_regclass('django_content_type')") == [(None,)]


@pytest.mark.parametrize(
    "made", ["CREATE TABLE auth_user (id uuid, email text)", "CREATE TABLE django_migrations (version text)"]
)
def test_a_table_of_another_program_with_a_name_of_ours_is_refused(
    made: str, found: psycopg.Connection, connection: Any
) -> None:
    found.execute(made)

    with pytest.raises(CannotAdopt, match=f"{made.split()[2]} is .*a schema of its own"):
        check_names(connection, migrations_noted_in(connection))


def test_dates_that_no_calendar_has_can_be_read_after_the_adoption(
    found: psycopg.Connection, connection: Any
) -> None:
    found.execute("UPDATE tts_cache SET created_at = 'infinity', last_accessed_at = '20000-01-01'")
    adopted(connection)

    read = found.execute("SELECT created_at, last_accessed_at FROM tts_cache").fetchall()
    assert all(date.year > 2000 for dates in read for date in dates)


@pytest.mark.site
def test_audio_that_a_client_stored_as_text_is_unwrapped_and_the_rest_is_counted(
    url: str, found: psycopg.Connection, tmp_path: Path
) -> None:
    prepare(found, Path("d4_bytes"))
    found.execute(
        "UPDATE tts_cache_files SET file_data = 'This is a page of HTML.' WHERE cache_id ="
        " (SELECT id FROM tts_cache ORDER BY content_hash LIMIT 1)"
    )
    host = Host(url, tmp_path)
    planned, done = host.migrate("--plan"), host.migrate()

    assert done.returncode == 0, done.stderr
    assert adoption_lines(done.stdout) == adoption_lines(planned.stdout)
    assert "19 clips, 18 with bytes" in done.stdout and "6 files hold audio as text" in done.stdout
    data = [bytes(each) for (each,) in ask(url, "SELECT file_data FROM tts_cache_files")]
    assert len(data) == 18 and all(map(begins_as_mp3, data))
    assert ask(url, "SELECT bool_and(file_size = octet_length(file_data)) FROM tts_cache_files") == [(True,)]
    assert ask(url, "SELECT count(*) FROM tts_cache WHERE stored_at IS NOT NULL") == [(18,)]


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64 in lines": base64.encodebytes,
    "base64 for addresses, without padding": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "a data URL": lambda data: b"data:audio/mpeg;base64," + base64.b64encode(data),
    "a quoted JSON text": lambda data: json.dumps(base64.b64encode(data).decode()).encode(),
    "a JSON buffer": lambda data: json.dumps({"type": "Buffer", "data": list(data)}).encode(),
    "a JSON list": lambda data: json.dumps(list(data)).encode(),
    "a JSON object of numbers": lambda data: json.dumps(dict(enumerate(data))).encode(),
    "hex of PostgreSQL": lambda data: b"\\x" + data.hex().encode(),
    "bare hex in capitals": lambda data: data.hex().upper().encode(),
    "hex of base64": lambda data: base64.b64encode(data).hex().encode(),
    "hex of a JSON buffer": lambda data: (
        json.dumps({"type": "Buffer", "data": list(data)}).encode().hex().encode()
    ),
    "text of Python": lambda data: repr(data).encode(),
    "gzip": gzip.compress,
    "UTF-8 of Latin-1": lambda data: data.decode("latin-1").encode(),
    "octal numbers": lambda data: "".join(
        "\\\\" if byte == 92 else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in data
    ).encode(),
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=list(WRAPPINGS))
def test_wrapped_audio_is_recognised(wrap: Callable[[bytes], bytes]) -> None:
    assert unwrapped(wrap(SOUND)) == SOUND


@pytest.mark.parametrize(
    "data", [b"", b"whose?", b"<html>no</html>", b"[1, 2, 300]", SOUND, b"\x1f\x8b\x08cut"]
)
def test_bytes_that_hold_no_audio_are_not_unwrapped(data: bytes) -> None:
    assert unwrapped(data) is None
