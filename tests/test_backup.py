"""A backup made as docs/operating.md says restores everything, and a move to PostgreSQL as docs/growing.md
says keeps every text, clip, person and token."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.caller import Caller, phrase
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.postgres import PostgresServer
from harness.process import PROJECT
from harness.site import WebServer
from harness.site_data import query
from tests.conftest import MakeSite

pytestmark = [
    pytest.mark.site,
    pytest.mark.any_database,  # the page describes SQLite
    pytest.mark.timeout(400),  # it runs many commands, each in a process
]


def commands_under(page: str, heading: str) -> list[str]:
    """Return the blocks of commands under this heading of a page in docs/."""
    section = (PROJECT / "docs" / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def run_by_hand(site: WebServer, commands: str, folder: Path) -> None:
    """Run each `python manage.py ...` of the block, with its files in this folder."""
    for line in commands.splitlines():
        python, program, *arguments = shlex.split(line)
        assert (python, program) == ("python", "manage.py")
        moved = [str(folder / each) if each.endswith((".json", ".tar")) else each for each in arguments]
        site.manage(*moved, check=True)


def run_postgres_programs(server: PostgresServer, commands: str, url: str, folder: Path) -> None:
    """Run the block with the server's own pg_dump and pg_restore; it is skipped where there are none."""
    with skipped_when_unavailable():
        programs = server.client_programs
    (folder / ".venv").unlink(missing_ok=True)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".env").write_text(f"DATABASE_URL={url}\n")
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-e", "-c", commands], cwd=folder, env=env, check=True, timeout=120)


def test_a_backup_of_a_serving_site_restores_clips_and_tokens(
    make_site: MakeSite, running_openai: OpenAIServer, tmp_path: Path
) -> None:
    site = make_site(WebServer)
    site.env.pop("SECRET_KEY")  # by default the site generates a key and keeps it
    site.start()
    caller, text = Caller(site, site.api_token()), phrase()
    said = caller.say(text).body
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "var").symlink_to(site.var_dir)

    (commands,) = commands_under("operating.md", "Backup")
    subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, check=True, timeout=60)
    site.stop()
    restored = make_site(WebServer)
    restored.env = dict(site.env)
    for kept, name in (("backup.sqlite3", "lifereview.sqlite3"), ("backup.secret_key", "secret_key")):
        (restored.var_dir / name).write_bytes((tmp_path / kept).read_bytes())
    restored.start()

    running_openai.reset()
    again = Caller(restored, caller.token).say(text)
    assert (again.status, again.body) == (200, said)
    assert "hit; detail=database" in again.headers["Cache-Status"]
    assert not running_openai.calls()


def test_a_dump_of_a_serving_site_restores_texts_and_clips(
    make_site: MakeSite, running_openai: OpenAIServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    site = make_site(WebServer, DATABASE_URL=postgres.create_database())
    site.manage("migrate", "--verbosity", "0", check=True)
    site.manage("load_default_content", check=True)
    site.start()
    caller, text = Caller(site, site.api_token()), phrase()
    said, listed = caller.say(text).body, caller.narratives()

    dump, restore = commands_under("growing.md", "Backup")
    run_postgres_programs(postgres, dump, site.env["DATABASE_URL"], tmp_path)
    site.stop()
    restored = make_site(WebServer, DATABASE_URL=postgres.create_database())
    run_postgres_programs(postgres, restore, restored.env["DATABASE_URL"], tmp_path)
    restored.start()

    running_openai.reset()
    there = Caller(restored, caller.token)
    again = there.say(text)
    assert (again.status, again.body) == (200, said)
    assert "hit; detail=database" in again.headers["Cache-Status"]
    assert there.narratives() == listed
    assert not running_openai.calls()


def test_a_move_to_postgresql_makes_nothing_again_and_keeps_texts_staff_and_tokens(
    make_site: MakeSite, running_openai: OpenAIServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    site = make_site(WebServer)
    site.manage("load_default_content", check=True)
    site.manage("warm", check=True)
    site.start()
    caller = Caller(site, site.api_token())
    create = "from django.contrib.auth.models import User; User.objects.create_user('ana', password='pw')"
    site.manage("shell", "-c", create, check=True)
    listed = caller.narratives()
    site.stop()
    out_of_sqlite, into_postgresql = commands_under("growing.md", "From SQLite to PostgreSQL")

    run_by_hand(site, out_of_sqlite, tmp_path)
    moved = make_site(WebServer, DATABASE_URL=postgres.create_database(), TTS_MODEL="tts-1-hd")
    run_by_hand(moved, into_postgresql, tmp_path)
    running_openai.reset()
    with moved:
        there = Caller(moved, caller.token)
        assert there.narratives() == listed
        assert there.get(listed["narratives"][0]["audio"]["url"]).headers["Cache-Status"].endswith("database")
        assert there.get("/api/cache-stats").status == 200
    assert not running_openai.calls()
    assert query(moved, "SELECT username FROM auth_user") == [("ana",)]
