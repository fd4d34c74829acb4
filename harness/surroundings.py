"""A pytest plugin that clears the environment and sets a temporary VAR_DIR before Django reads its settings.

TEST_DATABASE=postgres gives the suite its own real PostgreSQL instead of SQLite. With `-n` each worker has
its own folder and PostgreSQL; the process that distributes the tests needs neither. All workers share one
network of other hosts. It is created before the first browser starts, because a browser ends its connections
when a network appears.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from dotenv import dotenv_values

from harness import Unavailable
from harness.other_host import Network, new_network
from harness.postgres import IS_ON_POSTGRESQL, PostgresServer
from harness.process import PROJECT
from lifereview.env.variables import all_variables

OURS = ("OPENAI_", "TTS_", "AWS_", "DJANGO_SUPERUSER_", "WEB_")
NETWORK = "HARNESS_NETWORK"


def unset_settings(environ: MutableMapping[str, str], env_file: Path) -> None:
    """Unset every variable of the site, in this environment and where the developer's .env file sets it.

    The settings read both. The environment wins, and an empty value counts as unset.
    """
    ours = {variable.name for variable in all_variables()}
    for name in list(environ):
        if name.startswith(OURS) or name in ours:
            del environ[name]
    environ.update(dict.fromkeys(ours & dotenv_values(env_file).keys(), ""))


unset_settings(os.environ, PROJECT / ".env")  # before Django reads its settings
folder = tempfile.mkdtemp(prefix="lifereview-tests-")
os.environ["VAR_DIR"] = folder
os.environ["DJANGO_SETTINGS_MODULE"] = "lifereview.settings"
is_worker = "PYTEST_XDIST_WORKER" in os.environ
server = PostgresServer() if IS_ON_POSTGRESQL else None
if server is not None:
    os.environ["DATABASE_URL"] = server.url
if is_worker:  # coverage measures the worker, but not the processes that it starts
    os.environ.pop("COVERAGE_PROCESS_START", None)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    early_config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if server is not None and not _hands_out_tests(early_config):
        early_config.add_cleanup(server.close)
        server.start()
    if not is_worker:
        stack = ExitStack()
        early_config.add_cleanup(stack.close)
        with suppress(Unavailable):
            laid = stack.enter_context(new_network())
            os.environ[NETWORK] = f"{laid.pid} {laid.prefix}"
    return (yield)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use two workers per core for `-n auto`, because most tests wait for a server most of the time."""
    return 2 * len(os.sched_getaffinity(0))


@contextmanager
def network() -> Iterator[Network]:
    """The network of this run. Raises Unavailable if namespaces need root."""
    if NETWORK in os.environ:
        pid, prefix = os.environ[NETWORK].split()
        yield Network(int(pid), prefix)
    else:
        with new_network() as laid:
            yield laid


def _hands_out_tests(config: pytest.Config) -> bool:
    return not is_worker and bool(getattr(config.known_args_namespace, "numprocesses", 0))
