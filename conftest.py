"""Fixtures of the whole suite. With CI=true a skipped test is a failed suite."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from harness import surroundings
from harness.chromium import chromium
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.other_host import Network
from harness.postgres import PostgresServer
from harness.s3 import S3Server
from harness.site import WebServer

IS_ON_POSTGRESQL = surroundings.is_on_postgresql

# So that a failed assert of these says what was compared, as in a test module.
pytest.register_assert_rewrite("harness.tier_contract", "harness.staff_pages", "harness.warm_work")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true" or exitstatus != 0:
        return
    skipped = len(reporter.stats.get("skipped", []))
    if skipped:
        reporter.write_line(f"CI: {skipped} skipped tests count as failures.", red=True)
        session.exitstatus = 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests run when they are asked for (`-m long`, `make test-long`), and what has nothing to do with
    the database is not run on PostgreSQL once more."""
    unwanted = {"any_database"} if IS_ON_POSTGRESQL else set()
    if "long" not in config.getoption("markexpr", "") and os.environ.get("TEST_LONG") != "1":
        unwanted.add("long")
    left_out = [item for item in items if unwanted & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted((item for item in items if item not in left_out), key=_place)


def _place(item: pytest.Item) -> int:
    """Files that start whole sites come first, those that may take longest before all, so that no worker
    begins with one when the others are done."""
    if item.get_closest_marker("site") is None:
        return 0
    mark = item.get_closest_marker("timeout")
    return -1 - int(mark.args[0] if mark else 0)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, the suite's own where it runs on one."""
    if surroundings.server is not None:
        yield surroundings.server
        return
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def site_database(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Makes the environment of a database of its own for a whole site, of the kind this run is about."""

    def make() -> dict[str, str]:
        if not IS_ON_POSTGRESQL:
            return {}
        server: PostgresServer = request.getfixturevalue("postgres")
        return {"DATABASE_URL": server.create_database()}

    return make


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    """An object store, started once."""
    with skipped_when_unavailable(), S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """To which other hosts are connected, and this machine."""
    with skipped_when_unavailable(), surroundings.network() as network:
        yield network


@pytest.fixture(scope="session")
def with_static_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Makes the VAR_DIR of a site, whose first start finds its static files named and compressed.

    That takes many seconds, so it is done once for all workers.
    """
    mine = tmp_path_factory.getbasetemp()
    folder = (mine.parent if surroundings.is_worker else mine) / "static-files"
    with (folder.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            WebServer(folder).manage("collectstatic", "--no-input", "--verbosity", "0", check=True)

    def make(var_dir: Path) -> None:
        shutil.copytree(folder / "static", var_dir / "static", copy_function=os.link)

    return make


@pytest.fixture(scope="session")
def running_openai() -> Iterator[OpenAIServer]:
    """The speech service, started once."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one. Who uses it beside the ORM may: Playwright's loop runs in the thread of the tests."""
    expect.set_options(timeout=30_000)  # a busy machine may be slow to show
    with pytest.MonkeyPatch.context() as patch, skipped_when_unavailable(), chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


@pytest.fixture
def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """It behaves and has heard nothing."""
    running_openai.reset()
    yield running_openai
    running_openai.reset()


@pytest.fixture(autouse=True)
def _surroundings(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Plain static files, local clips in a folder of the test's own, and a cache that starts empty."""
    from ttscache import adaptive_cache, wiring
    from ttscache.delivery.waiting_room import waiting_room
    from ttscache.renditions.current import forget_renditions

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick to check
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
    # Not OpenAI's own address: what it has announced of its models would make tests depend on the day.
    elsewhere = {"openai_base_url": "http://speech.invalid/v1"}
    settings.TTSCACHE = {**settings.TTSCACHE, **elsewhere, "files_dir": tmp_path / "clips"}
    caches = (adaptive_cache.forget_process_results, waiting_room.cache_clear, forget_renditions)
    for forget in (wiring.forget, *caches):
        forget()
    yield
    wiring.forget()


@pytest.fixture(autouse=True)
def _long_before_any_model_retires(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.retirement_day import AUTUMN
    from ttscache.renditions import irreplaceable

    monkeypatch.setattr(irreplaceable, "_today", lambda: AUTUMN)


@pytest.fixture
def s3(running_s3: S3Server) -> Iterator[S3Server]:
    """It is up, also where the test before has ended it."""
    if not running_s3.is_running:
        running_s3.start()
    yield running_s3
    if not running_s3.is_running:
        running_s3.start()


@pytest.fixture(scope="session")
def emptied_bucket(running_s3: S3Server) -> str:
    """One for all tests, because a new one takes a second; what is public in it, anyone may read."""
    return running_s3.create_bucket(public_prefix="public/")


@pytest.fixture
def clips_bucket(s3: S3Server, emptied_bucket: str, settings: Any) -> str:
    """An empty bucket, and the settings that name it."""
    from ttscache import wiring

    name = emptied_bucket
    s3.empty(name)
    for variable, value in s3.settings(name).items():
        setattr(settings, variable, value)
    settings.TTSCACHE = {**settings.TTSCACHE, "permanent": "storage", "bucket": name}
    wiring.forget()
    return name


@pytest.fixture
def pool(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The pool of four connections that this process uses, as a web process does; PostgreSQL only."""
    from django.db import connection

    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.setitem(
        connection.settings_dict["OPTIONS"], "pool", {"min_size": 1, "max_size": 4, "timeout": 1}
    )
    yield connection.pool  # type: ignore[attr-defined]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
