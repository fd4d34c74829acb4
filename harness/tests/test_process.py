from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.process import PROJECT, ServerProcess, carrying, free_port, is_alive, is_listening
from harness.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STARTS_A_DAEMON = (
    f"import subprocess, time; subprocess.Popen({SLEEP}, start_new_session=True); time.sleep(600)"
)


def two_are_running(mark: str) -> bool:
    return len(carrying(mark)) == 2


def test_stopping_takes_along_what_left_the_session(tmp_path: Path) -> None:
    server = ServerProcess([sys.executable, "-c", STARTS_A_DAEMON], log=tmp_path / "log")
    wait_until(lambda: two_are_running(server.mark), "both run")
    server.stop()
    assert carrying(server.mark) == []


def test_a_program_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    server = ServerProcess([sys.executable, "-c", deaf], log=tmp_path / "log")
    server.wait_until_ready(lambda: "ready" in server.log_tail())
    with pytest.raises(TimeoutError, match="still runs"):
        server.stop(seconds=0.1)
    assert not server.is_running


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    server = ServerProcess([sys.executable, "-c", "raise SystemExit('no such luck')"], log=tmp_path / "log")
    with pytest.raises(RuntimeError, match="no such luck"):
        server.wait_until_ready(lambda: False)


def test_a_program_that_is_never_ready_is_killed(tmp_path: Path) -> None:
    server = ServerProcess(SLEEP, log=tmp_path / "log")
    with pytest.raises(RuntimeError, match="not within"):
        server.wait_until_ready(lambda: False, seconds=0.1)
    assert not server.is_running


def test_a_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    servers: list[ServerProcess] = []
    starter = threading.Thread(target=lambda: servers.append(ServerProcess(SLEEP, log=tmp_path / "log")))
    starter.start()
    starter.join()
    assert not servers[0].ends_within(0.3)
    servers[0].kill()


@pytest.fixture
def temporary_folder() -> Iterator[str]:
    """A folder for temporary files. PostgreSQL's own user may enter it, unlike tmp_path."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield folder


def test_no_server_outlives_a_killed_test(temporary_folder: str) -> None:
    starts_all = """
        from harness.openai_server import OpenAIServer
        from harness.postgres import PostgresServer
        from harness.valkey import ValkeyServer
        import signal
        with OpenAIServer() as speech, PostgresServer() as postgres, ValkeyServer() as valkey:
            print(speech.port, postgres.port, valkey.port, flush=True)
            signal.pause()
    """
    command = [sys.executable, "-c", textwrap.dedent(starts_all)]
    test = subprocess.Popen(
        command,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": temporary_folder},
    )
    assert test.stdout is not None
    ports = [int(port) for port in test.stdout.readline().split()]
    family = psutil.Process(test.pid).children(recursive=True)
    test.kill()
    test.communicate()
    assert len(ports) == 3
    wait_until(lambda: not any(is_alive(process) for process in family), "the end of all servers")
    # The first thread of a killed program can be gone before the others, and with them the socket.
    wait_until(
        lambda: not any(is_listening(port) for port in ports), "the end of the last thread that listens"
    )


def test_a_free_port_is_free() -> None:
    assert not is_listening(free_port())
