"""`manage.py backup` and `restore`, with SQLite, PostgreSQL and from one to the other, as docs/ says."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from harness.caller import Caller, phrase
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.process import PROJECT, ServerProcess
from harness.s3 import S3Server
from harness.site import MakeSite, WebServer
from harness.site_data import execute, new_token, query
from harness.staff_accounts import put_user
from harness.waiting import wait_until
from lifereview.backup.backup_file import DATABASE, BackupReader, BackupWriter, private_file
from lifereview.start.folded_migrations import FOLDED

pytestmark = [
    pytest.mark.site,
    pytest.mark.any_database,  # it tests both kinds itself
    pytest.mark.timeout(300),  # it runs many commands, each in a process
]

TABLES = ("narratives_narrative", "narratives_revision", "auth_user", "auth_user_groups", "tts_cache")


@dataclass(frozen=True)
class Original:
    """A SQLite site with data and a key of its own, which was backed up while it served."""

    site: WebServer
    caller: Caller
    backup: Path
    text: str
    said: bytes
    listed: Any
    counts: dict[str, int]


def counts(site: WebServer) -> dict[str, int]:
    return {table: query(site, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def documented(heading: str, page: str = "operating.md") -> list[list[str]]:
    """The `python manage.py …` commands under this heading of a page in docs/, without these two words."""
    section = (PROJECT / "docs" / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    return [shlex.split(line, comments=True)[2:] for line in blocks.splitlines() if " manage.py " in line]


def refusal(site: WebServer, *arguments: str) -> str:
    """The one line with which the command ends."""
    done = site.manage(*arguments)
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    return line


@pytest.fixture(scope="module")
def original(
    make_site: MakeSite, running_openai: OpenAIServer, tmp_path_factory: pytest.TempPathFactory
) -> Original:
    site = make_site(WebServer, holding="clips")
    site.env.pop("SECRET_KEY")  # by default the site makes a key and keeps it
    put_user(site, "ana", group="Editor", password="pw")
    site.start()
    caller, text = Caller(site, new_token(site)), phrase()
    said = caller.say(text).body
    backup = tmp_path_factory.mktemp("backup") / "lifereview.backup"
    (command,) = [each for each in documented("Backup and restore") if each[0] == "backup"]
    site.manage("backup", str(backup), *command[2:], check=True)
    listed = caller.narratives()
    assert "The site is running on" in refusal(site, "restore", str(backup), "--overwrite")
    site.stop()
    return Original(site, caller, backup, text, said, listed, counts(site))


def check_same(restored: WebServer, original: Original, openai: OpenAIServer) -> None:
    """Start the restored site: texts, clips, staff and tokens are there, and nothing is made again."""
    assert counts(restored) == original.counts
    assert query(restored, "SELECT count(*) FROM ttscache_processreport") == [(0,)]
    openai.reset()
    restored.is_prepared = True
    with restored:
        there = Caller(restored, original.caller.token)
        again = there.say(original.text)
        assert (again.status, again.body) == (200, original.said)
        assert "hit; detail=database" in again.headers["Cache-Status"]
        assert there.narratives() == original.listed
        for audio in there.audio():
            assert there.get(audio["url"]).headers["Cache-Status"].endswith("database")
        assert Caller(restored).say("no token").status == 401
        assert there.say(phrase()).status == 200  # the next numbers of rows are free
    assert len(openai.calls()) == 1


def key_of(site: WebServer) -> str:
    return (site.var_dir / "secret_key").read_text()


def test_a_backup_of_a_serving_site_restores_texts_clips_tokens_and_key(
    original: Original,
    make_site: MakeSite,
    with_static_files: Callable[[Path], None],
    running_openai: OpenAIServer,
    tmp_path: Path,
) -> None:
    restored = make_site(WebServer)
    restored.env = {**original.site.env}
    restored.var_dir = tmp_path / "var"
    with_static_files(restored.var_dir)
    restored.manage("restore", str(original.backup), check=True)

    assert key_of(restored) == key_of(original.site)
    assert original.backup.stat().st_mode & 0o777 == 0o600
    check_same(restored, original, running_openai)


def test_a_backup_of_sqlite_moves_to_postgresql_and_back_and_makes_nothing_again(
    original: Original,
    make_site: MakeSite,
    running_openai: OpenAIServer,
    postgres: PostgresServer,
    tmp_path: Path,
) -> None:
    moved = make_site(WebServer, DATABASE_URL=postgres.create_database())
    moved.manage("restore", str(original.backup), check=True)
    assert "add --overwrite" in refusal(moved, "restore", str(original.backup))
    back = tmp_path / "back.backup"
    moved.manage("backup", str(back), check=True)  # before anything new is written
    check_same(moved, original, running_openai)

    returned = make_site(WebServer)
    make_eve(returned)
    returned.manage("restore", str(back), "--overwrite", check=True)
    check_same(returned, original, running_openai)


@pytest.mark.long
def test_a_backup_of_an_older_version_is_read_and_brought_up_to_date(
    original: Original, make_site: MakeSite, postgres: PostgresServer, tmp_path: Path
) -> None:
    older, latest = tmp_path / "older.backup", "narratives.0003_groups"
    reader = BackupReader(original.backup)
    reader.extract(DATABASE, tmp_path / "database")
    with closing(sqlite3.connect(tmp_path / "database")) as database, database:
        database.execute("ALTER TABLE auth_user DROP COLUMN last_login")  # as if that came later
    with private_file(older) as file:
        head = replace(reader.head, migrations=[each for each in reader.head.migrations if each != latest])
        writer = BackupWriter(file, head)
        writer.add_file(DATABASE, tmp_path / "database")
        writer.end()
    newer = make_site(WebServer, DATABASE_URL=postgres.create_database())
    execute(newer, "CREATE TABLE somebody_elses (id integer)")

    newer.manage("restore", str(older), check=False)
    assert query(newer, "SELECT count(*) FROM django_migrations WHERE name = '0003_groups'") == [(1,)]
    assert counts(newer) == original.counts


def test_a_backup_of_an_unreleased_version_is_read_only_if_it_has_all_folded_migrations(
    original: Original, make_site: MakeSite, tmp_path: Path
) -> None:
    restored, reader = make_site(WebServer), BackupReader(original.backup)
    reader.extract(DATABASE, tmp_path / "database")

    def backup_with(folded: list[str]) -> str:
        path = tmp_path / f"{len(folded)}.backup"
        with private_file(path) as file:
            writer = BackupWriter(file, replace(reader.head, migrations=[*reader.head.migrations, *folded]))
            writer.add_file(DATABASE, tmp_path / "database")
            writer.end()
        return str(path)

    assert "made by an unreleased version" in refusal(restored, "restore", backup_with(sorted(FOLDED)[:-1]))
    restored.manage("restore", backup_with(sorted(FOLDED)), check=True)
    assert counts(restored) == original.counts


def make_eve(site: WebServer) -> None:
    execute(
        site,
        "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, "
        "is_active, date_joined) VALUES ('', false, 'eve', '', '', '', false, true, '2026-01-01 00:00:00')",
    )


def names_of_users(site: WebServer) -> list[str]:
    return [name for (name,) in query(site, "SELECT username FROM auth_user")]


def test_a_site_with_data_is_replaced_only_if_told_and_a_killed_restore_leaves_it(
    original: Original, make_site: MakeSite, tmp_path: Path
) -> None:
    other = make_site(WebServer)
    make_eve(other)
    assert "add --overwrite" in refusal(other, "restore", str(original.backup))
    restoring = ServerProcess(
        [other.python, "manage.py", "restore", str(original.backup), "--overwrite"],
        log=tmp_path / "log",
        env=other.environment(),
    )
    try:
        restored = other.var_dir / "restored.sqlite3"
        wait_until(restored.exists, "the new database", seconds=60, every=0.001)
        os.kill(restoring.pid, SIGKILL)
    finally:
        restoring.kill()
    assert names_of_users(other) == ["eve"]

    other.manage("restore", str(original.backup), "--overwrite", check=True)
    assert names_of_users(other) == ["ana"]
    assert not list(other.var_dir.glob("restored*"))


def test_a_backup_that_fails_leaves_the_file_that_is_there(original: Original, tmp_path: Path) -> None:
    precious, earlier = tmp_path / "letters.txt", tmp_path / "lifereview.backup"
    precious.write_text("Dear Ana")
    earlier.write_bytes(original.backup.read_bytes())
    limit = ["bash", "-c", 'ulimit -f 64; exec "$@"', "-"]  # kilobytes of a file, as if the disk were full
    failed = subprocess.run(
        [*limit, original.site.python, "manage.py", "backup", str(earlier)],
        cwd=PROJECT,
        env=original.site.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    nowhere = WebServer(tmp_path / "var")

    assert "is no backup" in refusal(original.site, "backup", str(precious))
    assert "there is no site" in refusal(nowhere, "backup", str(tmp_path / "empty.backup"))
    assert len((failed.stdout + failed.stderr).splitlines()) == failed.returncode == 1
    assert precious.read_text() == "Dear Ana"
    assert earlier.read_bytes() == original.backup.read_bytes()
    assert {each.name for each in tmp_path.iterdir()} == {precious.name, earlier.name, "var"}


@pytest.mark.long
def test_clips_that_a_bucket_has_lost_come_back_from_the_backup(
    make_site: MakeSite, s3: S3Server, running_openai: OpenAIServer, tmp_path: Path
) -> None:
    bucket = s3.create_bucket(public_prefix="public/")
    stored = {"TTS_PERMANENT": "storage", **s3.settings(bucket)}
    site, restored = make_site(WebServer, **stored), make_site(WebServer, **stored)
    text = phrase()
    with site:
        caller = Caller(site, new_token(site))
        said = caller.say(text).body
    site.manage("backup", str(tmp_path / "site.backup"), check=True)
    s3.empty(bucket)  # its marker is gone as well, so it might be another bucket
    assert "run manage.py mark_bucket" in restored.manage("restore", str(tmp_path / "site.backup")).stderr
    restored.manage("mark_bucket", check=True)
    done = restored.manage("restore", str(tmp_path / "site.backup"), "--overwrite", check=True)

    running_openai.reset()
    with restored:
        again = Caller(restored, caller.token).say(text)
    assert "1 clips were put back into the bucket." in done.stdout
    assert (again.status, again.body) == (200, said)
    assert "hit; detail=storage" in again.headers["Cache-Status"]
    assert not running_openai.calls()
