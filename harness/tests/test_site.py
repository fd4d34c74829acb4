"""Site and WebServer of the harness, tested with a toy program that has the product's commands."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.http import get
from harness.process import is_alive
from harness.site import Site, WebServer
from harness.waiting import wait_until

MANAGE = """
import json, os, signal, subprocess, sys
from wsgiref.simple_server import make_server
from lifereview.wsgi import application

print(" ".join(sys.argv[1:]), flush=True)
if sys.argv[1] == "api_token":
    print("Keep it safe: token-of-" + "-".join(sys.argv[2:]))
if sys.argv[1] == "fail":
    sys.exit("no such command")
if sys.argv[1] == "serve":
    tasks = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    def stop(*_):
        tasks.terminate()
        tasks.wait()
        os._exit(0)  # the server would go on if sys.exit() came in the middle of a request
    signal.signal(signal.SIGTERM, stop)
    make_server(os.environ["HOST"], int(os.environ["PORT"]), application).serve_forever()
"""
APPLICATION = """
import json, os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(dict(os.environ)).encode()]
"""
GUNICORN = """
import os

bind = os.environ["HOST"] + ":" + os.environ["PORT"]
workers, threads = 2, 4  # threaded workers look after their master every second
control_socket_disable = True
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "toy"
    (project / "lifereview").mkdir(parents=True)
    (project / "manage.py").write_text(MANAGE)
    (project / "lifereview" / "wsgi.py").write_text(APPLICATION)
    (project / "lifereview" / "gunicorn.conf.py").write_text(GUNICORN)
    monkeypatch.setattr(Site, "project", project)
    return project


@pytest.fixture
def site(toy: Path, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "var", {"TTS_PROVIDER": "embedded"}) as site:
        yield site


def test_a_test_site_starts_with_a_clean_environment(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-shell")
    (toy / ".env").write_text("DATABASE_URL=postgres://of-a-developer/")
    with Site(tmp_path / "var", {"TTS_PROVIDER": "embedded"}) as site:
        heard = json.loads(get(f"{site.url}/api/health").body)
    assert heard["TTS_PROVIDER"] == "embedded"
    assert heard["VAR_DIR"] == str(tmp_path / "var")
    assert heard["DATABASE_URL"] == ""
    assert heard["PATH"] == os.environ["PATH"]
    assert "OPENAI_API_KEY" not in heard


def test_an_orderly_stop_leaves_nothing(site: Site) -> None:
    assert len(site.processes()) == 2
    site.stop()
    assert site.survivors() == []
    assert not site.is_running


def test_orphans_of_a_test_site_are_reported_and_ended(toy: Path, tmp_path: Path) -> None:
    with Site(tmp_path / "var") as site:
        site.kill()
        (orphan,) = site.survivors()
        assert orphan.pid != site.pid
        site.start()
        assert len(site.processes()) == 3
    assert not is_alive(orphan)


def test_a_test_site_takes_group_signals_and_repeated_ones(site: Site) -> None:
    site.stop(signal.SIGINT, to_group=True, times=2)
    assert not site.is_running


def test_a_site_that_does_not_stop_says_so(site: Site) -> None:
    with pytest.raises(TimeoutError, match="serve"):
        site.stop(signal.SIGWINCH, within_seconds=0.1)


def test_commands_run_beside_a_test_site(site: Site) -> None:
    assert site.api_token("bench", admin=True) == "token-of-bench---admin"
    assert site.manage("fail").returncode == 1
    with pytest.raises(RuntimeError, match="no such command"):
        site.manage("fail", check=True)
    assert "serve" in site.log()


def test_a_web_server_replaces_its_workers(toy: Path, tmp_path: Path) -> None:
    with WebServer(tmp_path / "var") as server:
        wait_until(lambda: len(server.worker_pids()) == 2, "two workers")
        first, second = server.worker_pids()
        psutil.Process(first).kill()
        wait_until(lambda: len({*server.worker_pids()} - {first, second}) == 1, "a new worker")
        server.kill()
        assert server.survivors(within_seconds=30) == []
