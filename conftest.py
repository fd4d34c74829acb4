"""Fixtures of the whole suite. With CI=true a skipped test is a failed suite."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from harness import surroundings
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.other_host import Network
from harness.postgres import IS_ON_POSTGRESQL, PostgresServer
from harness.s3 import S3Server
from harness.shared_browser import shared_browser
from harness.site import WebServer

SECRET_KEY = "pz4-of-all-hosts-of-a-test-W8yKq3VnE7tGs5uHa2"  # some of them are public
BROWSER_PLACE = -302  # before the tests that may take 300 seconds

# A failed assert in these modules then shows the compared values, as in a test module.
pytest.register_assert_rewrite("harness.tier_contract", "harness.staff_pages", "harness.warm_work")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    shared_browser.close()  # after a run that was broken off
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true" or exitstatus != 0:
        return
    skipped = len(reporter.stats.get("skipped", []))
    if skipped:
        reporter.write_line(f"CI: {skipped} skipped tests count as failures.", red=True)
        session.exitstatus = 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for no garbage while thousands of tests are loaded, and later never among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class) -> list[pytest.Item] | None:
    """Make no items on PostgreSQL of modules and classes that do not depend on the database.

    They are most of the suite, and each worker would spend seconds to make them and leave them out.
    """
    is_unwanted = surroundings.is_worker and IS_ON_POSTGRESQL and collector.get_closest_marker("any_database")
    return [] if is_unwanted else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select and order the tests.

    Long tests run only on request (`-m long`, `make test-long`). Tests that do not depend on the database are
    not repeated on PostgreSQL, and those that take long there only on request.
    """
    unwanted = {"any_database"} if IS_ON_POSTGRESQL else set()
    if "long" not in config.getoption("markexpr", "") and os.environ.get("TEST_LONG") != "1":
        unwanted |= {"long", "long_on_postgresql"} if IS_ON_POSTGRESQL else {"long"}
    left_out = [item for item in items if unwanted & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=left_out)
    chosen = [item for item in items if item not in left_out]
    with_browser = {item.path for item in chosen if _uses_browser(item)}
    items[:] = sorted(chosen, key=lambda item: _place(item, has_browser=item.path in with_browser))


def _place(item: pytest.Item, *, has_browser: bool) -> int:
    """Put tests that start whole sites first, the slowest before all, and files with a browser together.

    Otherwise one worker could begin with a slow file when the others are already done. A worker closes its
    browser before a file that does not use it.
    """
    if has_browser:
        return BROWSER_PLACE
    if item.get_closest_marker("site") is None:
        return 0
    mark = item.get_closest_marker("timeout")
    return -1 - int(mark.args[0] if mark else 0)


def _uses_browser(item: pytest.Item | None) -> bool:
    return "browser" in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    """Close the browser, unless the rest of the file or the next test uses it."""
    try:
        return (yield)
    finally:
        is_same_file = nextitem is not None and nextitem.path == item.path
        if not is_same_file and not _uses_browser(nextitem):
            shared_browser.close()


@pytest.fixture(scope="session", autouse=True)
def _quickly_emptied_tables() -> Iterator[None]:
    from harness.emptied_tables import empty_tables_after

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.test.TransactionTestCase._fixture_teardown", empty_tables_after)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL: the suite's own one if it runs on PostgreSQL."""
    if surroundings.server is not None:
        yield surroundings.server
        return
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def site_database(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Makes the environment of a new database for a whole site, of the kind that this run tests."""

    def make() -> dict[str, str]:
        if not IS_ON_POSTGRESQL:
            return {}
        server: PostgresServer = request.getfixturevalue("postgres")
        return {"DATABASE_URL": server.create_database()}

    return make


@pytest.fixture(scope="module")
def running_s3() -> Iterator[S3Server]:
    """An object store, started once per module: it keeps the processor busy also when nobody asks."""
    with skipped_when_unavailable(), S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """The network that connects other hosts and this machine."""
    with skipped_when_unavailable(), surroundings.network() as network:
        yield network


def _made_once(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    *command: str,
    after: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Path:
    """Return a VAR_DIR in which this command has run. The first worker runs it for all.

    It starts with the database and clips of `after`.
    """
    mine = tmp_path_factory.getbasetemp()
    folder = (mine.parent if surroundings.is_worker else mine) / name
    with (folder.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            if after is not None:
                _copy_data(after, folder)
            WebServer(folder, env).manage(*command, "--verbosity", "0", check=True)
    return folder


def _copy_data(source: Path, var_dir: Path) -> None:
    """Copy the database and the clips of a VAR_DIR into another."""
    var_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "lifereview.sqlite3", var_dir)
    if (source / "tts_cache").exists():
        shutil.copytree(source / "tts_cache", var_dir / "tts_cache", dirs_exist_ok=True)


@pytest.fixture(scope="session")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made_once(tmp_path_factory, "tables", "migrate")


@pytest.fixture(scope="session")
def _content(tmp_path_factory: pytest.TempPathFactory, _tables: Path, provider_env: dict[str, str]) -> Path:
    return _made_once(tmp_path_factory, "content", "load_default_content", after=_tables, env=provider_env)


@pytest.fixture(scope="session")
def _clips(tmp_path_factory: pytest.TempPathFactory, _content: Path, provider_env: dict[str, str]) -> Path:
    return _made_once(tmp_path_factory, "clips", "warm", after=_content, env=provider_env)


@pytest.fixture(scope="session")
def with_tables(_tables: Path) -> Callable[[Path], None]:
    """Puts a migrated SQLite database without data into a VAR_DIR. Migrating takes seconds."""
    return partial(_copy_data, _tables)


@pytest.fixture(scope="session")
def with_content(_content: Path) -> Callable[[Path], None]:
    """Puts an SQLite database with the default content into a VAR_DIR, for a site with `provider_env`."""
    return partial(_copy_data, _content)


@pytest.fixture(scope="session")
def with_clips(_clips: Path) -> Callable[[Path], None]:
    """Puts the default content and all its clips into a VAR_DIR, for a site with `provider_env`."""
    return partial(_copy_data, _clips)


@pytest.fixture(scope="session")
def migrated(
    site_database: Any, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> WebServer:
    """A site that is never started. The databases of all other sites are copies of its database."""
    model = WebServer(tmp_path_factory.mktemp("model") / "var", site_database() | {"SECRET_KEY": SECRET_KEY})
    if IS_ON_POSTGRESQL:
        model.manage("migrate", "--verbosity", "0", check=True)
    else:
        request.getfixturevalue("with_tables")(model.var_dir)
    return model


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, request: pytest.FixtureRequest
) -> None:
    """Let a worker's own database begin as a copy of the sites' database, because migrating takes seconds.

    Its `migrate` then finds nothing to do. A run without workers needs no sites in most cases.
    """
    if not surroundings.is_worker:
        return
    from django.conf import settings

    model: WebServer = request.getfixturevalue("migrated")
    test = settings.DATABASES["default"]["TEST"]
    if IS_ON_POSTGRESQL:
        test["TEMPLATE"] = model.env["DATABASE_URL"].rpartition("/")[2]
    else:
        shutil.copy(model.var_dir / "lifereview.sqlite3", test["NAME"])


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Let Django keep the file that is copied above; the worker's folder is deleted in the end."""
    return surroundings.is_worker and not IS_ON_POSTGRESQL


@pytest.fixture(scope="session")
def with_static_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Puts prepared static files into a VAR_DIR. Preparing them takes many seconds."""
    folder = _made_once(tmp_path_factory, "static-files", "collectstatic", "--no-input")

    def make(var_dir: Path) -> None:
        shutil.copytree(folder / "static", var_dir / "static", copy_function=os.link)

    return make


@pytest.fixture(scope="session")
def running_openai() -> Iterator[OpenAIServer]:
    """The provider, started once per session."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="session")
def provider_env(running_openai: OpenAIServer) -> dict[str, str]:
    """The settings of a site with the harness's voice. Its queue and cookies are signed with this key."""
    return {
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": running_openai.base_url,
        "SECRET_KEY": SECRET_KEY,
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, which the modules share that follow each other."""
    expect.set_options(timeout=30_000)  # a busy machine may render slowly
    with skipped_when_unavailable():
        browser = shared_browser.running()
    yield browser
    shared_browser.close_contexts()


@pytest.fixture
def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """The provider, which behaves well and has no calls yet."""
    running_openai.reset()
    yield running_openai
    running_openai.reset()


@pytest.fixture(autouse=True)
def _surroundings(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test plain static files, its own folder of local clips, and an empty cache."""
    from lifereview.caches.database_cache import CountingCache
    from ttscache import adaptive_cache, wiring
    from ttscache.api.throttling import ask_cache_again
    from ttscache.delivery.waiting_room import waiting_room
    from ttscache.renditions.current import forget_renditions

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick to check
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
    # Not OpenAI's own address: its announced shutdown dates would make tests depend on the day.
    elsewhere = {"openai_base_url": "http://speech.invalid/v1"}
    settings.TTSCACHE = {**settings.TTSCACHE, **elsewhere, "files_dir": tmp_path / "clips"}
    # Each hundredth count of a process clears the table, which a test that counts statements would see.
    monkeypatch.setattr(CountingCache, "_counts", count(1))
    caches = (
        adaptive_cache.forget_process_results,
        partial(adaptive_cache.shared_cache.note, is_there=True),
        ask_cache_again,
        waiting_room.cache_clear,
        forget_renditions,
    )
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
    """A running object store, even if the previous test has stopped it."""
    if not running_s3.is_running:
        running_s3.start()
    yield running_s3
    if not running_s3.is_running:
        running_s3.start()


@pytest.fixture(scope="module")
def emptied_bucket(running_s3: S3Server) -> str:
    """One bucket for all tests of a module: creating one takes a second. Anyone may read its public part."""
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
    """Make this process use a pool of four connections, as a web process does; PostgreSQL only."""
    from django.db import connection

    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.setitem(
        connection.settings_dict["OPTIONS"], "pool", {"min_size": 1, "max_size": 4, "timeout": 1}
    )
    yield connection.pool  # type: ignore[attr-defined]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
