"""A database that cannot be used gets one line from every command, and a fault of ours keeps its trace."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, OperationalError

from harness.process import free_port
from harness.site import Site
from lifereview.database_errors import is_about_connecting

pytestmark = pytest.mark.any_database


def only_line_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    return line


def test_a_postgresql_that_is_away_gets_one_line_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    site = Site(tmp_path / "var", {"DATABASE_URL": f"postgres://ana:hush@127.0.0.1:{port}/life"})
    line = only_line_of(site.manage("migrate"))

    assert line.startswith("DATABASE_URL cannot be used: ")
    assert str(port) in line
    assert "hush" not in line


@pytest.fixture
def damaged(tmp_path: Path) -> Site:
    """A site whose SQLite file holds no database."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "lifereview.sqlite3").write_bytes(b"no database at all, but a letter to Ana" * 100)
    return Site(tmp_path / "var")


def test_a_command_on_a_damaged_sqlite_file_gets_one_line_that_names_its_folder(damaged: Site) -> None:
    line = only_line_of(damaged.manage("warm"))

    assert f"VAR_DIR='{damaged.var_dir}' cannot be used" in line
    assert "not a database" in line


def test_a_start_on_a_damaged_sqlite_file_gets_one_line_with_the_remedy(damaged: Site) -> None:
    line = only_line_of(damaged.manage("serve"))

    assert f"{damaged.var_dir / 'lifereview.sqlite3'} is damaged (file is not a database)" in line
    assert "restore it from a backup" in line


@pytest.fixture
def half_migrated(tmp_path: Path) -> Site:
    """A site of an unreleased version, from before migrations that were folded into the first ones."""
    (tmp_path / "var").mkdir()
    with closing(sqlite3.connect(tmp_path / "var" / "lifereview.sqlite3")) as database, database:
        database.execute(
            "CREATE TABLE django_migrations (id integer PRIMARY KEY, app, name, applied datetime)"
        )
        noted = [("narratives", "0003_groups"), ("ttscache", "0003_schema"), ("ttscache", "0005_schedules")]
        database.executemany(
            "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-11-28')", noted
        )
    return Site(tmp_path / "var")


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_a_database_of_an_unreleased_version_gets_one_line_and_stays_as_it_is(
    half_migrated: Site, command: str
) -> None:
    line = only_line_of(half_migrated.manage(command))
    path = half_migrated.var_dir / "lifereview.sqlite3"

    assert f"The database {path} was made by an unreleased version" in line
    assert "Migrate it once with a checkout that still has ttscache/migrations/0012_edge_logs.py" in line
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("django_migrations",)]
        assert database.execute("SELECT count(*) FROM django_migrations").fetchone() == (3,)


@pytest.mark.parametrize(
    ("error", "is_about"),
    [
        (OperationalError("unable to open database file"), True),
        (OperationalError("attempt to write a readonly database"), True),
        (OperationalError("no such table: tts_cache"), False),
        (DatabaseError("file is not a database"), True),
        (DatabaseError("something else"), False),
    ],
)
def test_only_what_concerns_the_whole_database_is_told_in_one_line(
    error: DatabaseError, is_about: bool
) -> None:
    assert is_about_connecting(error) is is_about


def test_a_lost_connection_is_told_in_one_line_and_a_deadlock_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifereview.database_errors.connection.vendor", "postgresql", raising=False)
    lost, deadlock = OperationalError("gone"), OperationalError("deadlock")
    lost.__cause__ = psycopg.OperationalError("gone")
    deadlock.__cause__ = psycopg.errors.DeadlockDetected("deadlock")

    assert is_about_connecting(lost)
    assert not is_about_connecting(deadlock)
