"""Supabase's public roles have no access to our tables, whenever the tables were made."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from harness.earlier_databases import Host, adoption_lines, ask, fill, found_clips
from harness.postgres import PostgresServer

pytestmark = [pytest.mark.site, pytest.mark.any_database]

RELATIONS = "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
AS_ON_SUPABASE = """
GRANT USAGE ON SCHEMA public TO anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated;
"""


@pytest.fixture(scope="module")
def supabase(postgres: PostgresServer) -> str:
    """A database with a duplicate exposed clip, so that a row is set aside, and a clip that all may read."""
    url = postgres.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for role in ("anon", "authenticated"):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role}")
        connection.execute(AS_ON_SUPABASE)
        fill(connection, "on Supabase", found_clips(1))
        connection.execute(
            "INSERT INTO tts_cache_files (cache_id, file_data, file_size)"
            " SELECT cache_id, file_data, file_size FROM tts_cache_files"
        )
        connection.execute("GRANT SELECT ON tts_cache_files TO PUBLIC")
        connection.execute("GRANT UPDATE (voice) ON tts_cache TO anon")
        connection.execute("CREATE TABLE not_ours (words text)")
        connection.execute("CREATE VIEW shown AS SELECT content_text FROM tts_cache")
    return url


@dataclass(frozen=True)
class Adoption:
    """The database after adoption, in the state before an update, and all that was said about it."""

    host: Host
    url: str
    open_before: Sequence[Any]
    planned: subprocess.CompletedProcess[str]
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def adoption(supabase: str, tmp_path_factory: pytest.TempPathFactory) -> Adoption:
    open_before = open_relations(supabase, "anon")
    host = Host(supabase, tmp_path_factory.mktemp("supabase"))
    planned, done = host.migrate("--plan"), host.migrate("ttscache", "0004")
    assert done.returncode == 0, done.stderr
    return Adoption(host, supabase, open_before, planned, done)


def is_refused(url: str, role: str, statement: sql.Composed) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


def open_relations(url: str, role: str) -> list[Any]:
    """Return the tables that the role can read or write, and the sequences that it can advance."""
    left = []
    for name, kind in ask(url, RELATIONS):
        relation = sql.Identifier(name)
        tries = {
            "r": [
                sql.SQL("SELECT FROM {}"),
                sql.SQL("INSERT INTO {} DEFAULT VALUES"),
                sql.SQL("DELETE FROM {}"),
            ],
            "S": [sql.SQL("SELECT last_value FROM {}")],
        }.get(kind, [])
        if not all(is_refused(url, role, each.format(relation)) for each in tries):
            left.append(name)
    return left


def test_anon_reaches_none_of_our_tables_or_sequences_after_later_migrations_either(
    adoption: Adoption,
) -> None:
    supabase, done = adoption.url, adoption.done
    assert {"tts_cache", "tts_cache_files"} <= set(adoption.open_before)
    assert open_relations(supabase, "anon") == ["not_ours"]
    assert adoption_lines(done.stdout) == adoption_lines(adoption.planned.stdout)
    assert "tts_cache: anon and authenticated lose their rights (delete, insert" in done.stdout
    assert "tts_cache_files_set_aside: anon and authenticated get no rights" in done.stdout
    updated = adoption.host.migrate()
    assert updated.returncode == 0, updated.stderr

    tables = {name for name, _ in ask(supabase, RELATIONS)}
    ours = {"tts_cache_files_set_aside", "auth_user", "django_session", "django_migrations", "django_cache"}
    assert {"django_q_ormq", "narratives_journey_id_seq", *ours} <= tables
    for role in ("anon", "authenticated"):
        assert open_relations(supabase, role) == ["not_ours"]
    open_rows = ask(supabase, f"{RELATIONS} AND relkind = 'r' AND NOT relrowsecurity")
    assert open_rows == [("not_ours", "r")]


def test_grants_that_migrate_cannot_revoke_are_reported(adoption: Adoption) -> None:
    assert "can read the view shown, which shows what is in tts_cache" in adoption.done.stderr
