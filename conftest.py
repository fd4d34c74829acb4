"""The suite's surroundings: a folder of its own, SQLite or a real PostgreSQL, and nothing inherited.

TEST_DATABASE=postgres runs the same suite on PostgreSQL. With CI=true a skipped test is a failed suite.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.postgres import PostgresServer

OURS = ("OPENAI_", "TTS_", "AWS_", "DJANGO_SUPERUSER_", "WEB_")
OUR_NAMES = ("DATABASE_URL", "REDIS_URL", "HOST", "PORT", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG", "VAR_DIR")

for _name in list(os.environ):  # before Django reads its settings
    if _name.startswith(OURS) or _name in OUR_NAMES:
        del os.environ[_name]
_folder = tempfile.mkdtemp(prefix="lifereview-tests-")
os.environ["VAR_DIR"] = _folder
os.environ["DJANGO_SETTINGS_MODULE"] = "lifereview.settings"
IS_ON_POSTGRESQL = os.environ.get("TEST_DATABASE") == "postgres"
_postgres = PostgresServer().__enter__() if IS_ON_POSTGRESQL else None
if _postgres is not None:
    os.environ["DATABASE_URL"] = _postgres.url


def pytest_unconfigure(config: pytest.Config) -> None:
    if _postgres is not None:
        _postgres.stop()
    shutil.rmtree(_folder, ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true" or exitstatus != 0:
        return
    skipped = len(reporter.stats.get("skipped", []))
    if skipped:
        reporter.write_line(f"CI: {skipped} skipped tests count as failures.", red=True)
        session.exitstatus = 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests run when they are asked for: `-m long`, or everything with `make test-long`."""
    if "long" in config.getoption("markexpr", "") or os.environ.get("TEST_LONG") == "1":
        return
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
    items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, the suite's own where it runs on one."""
    if _postgres is not None:
        yield _postgres
        return
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def site_database(request: pytest.FixtureRequest) -> Any:
    """Makes the environment of a database of its own for a whole site, of the kind this run is about."""

    def make() -> dict[str, str]:
        if not IS_ON_POSTGRESQL:
            return {}
        server: PostgresServer = request.getfixturevalue("postgres")
        return {"DATABASE_URL": server.create_database()}

    return make


@pytest.fixture(autouse=True)
def _surroundings(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Plain static files, local clips in a folder of the test's own, and a cache that starts empty."""
    from ttscache import access, api, wiring

    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.TTSCACHE = {**settings.TTSCACHE, "files_dir": tmp_path / "clips"}
    for forget in (wiring.forget, access.forget_decisions, api.waiting_room.cache_clear):
        forget()
    yield
    wiring.forget()
