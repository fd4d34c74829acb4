"""Fixtures of whole sites: each has its own folder and uses the database kind of this test run.

"How to add …" in CONTRIBUTING.md says how a test of the whole product, also in a browser, uses them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from django.contrib.auth.models import Group

from harness.openai_server import OpenAIServer
from harness.postgres import IS_ON_POSTGRESQL, PostgresServer
from harness.prepared_rows import put_rows_of
from harness.site import MakeSite, Site, WebServer
from harness.staff_actions import make_groups, make_live_journey
from narratives.models import Journey

Holding = Literal["", "content", "clips"]

# A clean clone runs on SQLite, and wrong settings are refused before any database is opened.
collect_ignore = ["test_make_run.py", "test_configuration.py"] if IS_ON_POSTGRESQL else []


def copy_of(model: WebServer, var_dir: Path, postgres: PostgresServer | None) -> dict[str, str]:
    """Return the environment of a site in this folder, with tables and static files and without data."""
    shutil.copytree(model.var_dir, var_dir, dirs_exist_ok=True)
    if postgres is None:
        return {}
    url = postgres.create_database()
    name, template = (address.rpartition("/")[2] for address in (url, model.env["DATABASE_URL"]))
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return {"DATABASE_URL": url}


@pytest.fixture(scope="module")
def make_site(
    provider_env: dict[str, str],
    migrated: WebServer,
    with_static_files: Callable[[Path], None],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MakeSite]:
    """A function that makes a Site or a WebServer with the harness's voice; the caller starts it.

    It has one web process by default. `beside` is another site, whose database it shares as a
    second host would. `holding` is "content" or "clips": the default content, or also all its clips, as a
    site with the harness's voice and the default listener voices loads and makes them. The fixture stops all
    sites at the end of the module.
    """
    postgres = request.getfixturevalue("postgres") if IS_ON_POSTGRESQL else None
    provider = provider_env | {"WEB_WORKERS": "1"}
    with ExitStack() as stack:

        def make(kind: type[Site], *, beside: Site | None = None, holding: Holding = "", **env: str) -> Site:
            folder: Path = tmp_path_factory.mktemp("site")
            if beside is None:
                with_static_files(folder / "var")
                site = kind(folder / "var", provider | copy_of(migrated, folder / "var", postgres) | env)
            else:
                site = kind(beside.var_dir, beside.env | {"TTS_FILES_DIR": str(folder / "clips")} | env)
            if isinstance(site, WebServer) and "DATABASE_URL" not in env:
                site.is_prepared = True
            if holding and postgres is None:
                request.getfixturevalue(f"with_{holding}")(site.var_dir)
            elif holding:
                for command in ("load_default_content", "warm")[: 1 + (holding == "clips")]:
                    site.manage(command, check=True)
            stack.push(site.__exit__)
            return site

        yield make


@pytest.fixture(scope="module")
def gated_voice(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """The provider, which holds every call at a gate until it is released. Ask for it before the site."""
    running_openai.reset()
    running_openai.behave(gate_after_chunks=1)
    yield running_openai
    running_openai.reset()


@pytest.fixture
def journey(settings: Any) -> Journey:
    """A live journey with one published text that has a draft, in a voice that costs money."""
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}
    # Only `migrate` and make_groups make groups; rows that are put into the tables bring none.
    if not Group.objects.filter(name="Operator", permissions__codename="prune_clip").exists():
        make_groups()
    put_rows_of(make_live_journey)
    return Journey.objects.get()
