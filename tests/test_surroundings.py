"""The site among other programs: proxies, probes, shells, and an empty home folder."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import set_script_prefix

from harness.caller import Caller
from harness.process import PROJECT, ServerProcess
from harness.site import Site
from harness.staff_session import StaffSession
from harness.waiting import wait_until
from narratives.content.loading import load_shipped_content

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

PROBES = ["/api/health", "/readyz", "/metrics"]
STRANGER = "203.0.113.9:8000"


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_may_name_this_site_by_its_address(client: Client, path: str) -> None:
    assert client.get(path, headers={"host": STRANGER}).status_code != 400


def test_health_is_200_for_an_address_as_host(client: Client) -> None:
    assert client.get("/api/health", headers={"host": STRANGER}).status_code == 200


def test_a_strange_host_costs_one_log_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    console = next(handler for handler in logging.getLogger("django").handlers if handler.filters)
    with caplog.at_level(logging.WARNING):
        logging.getLogger("django.security").addHandler(caplog.handler)
        assert client.get("/admin/login/", headers={"host": STRANGER}).status_code == 400
        logging.getLogger("django.security").removeHandler(caplog.handler)
    (record,) = {id(each): each for each in caplog.records}.values()
    assert console.filter(record)
    assert len(console.format(record).splitlines()) == 1


def test_admin_without_its_slash_leads_to_the_staff_pages(client: Client) -> None:
    response = client.get("/admin")

    assert (response.status_code, response.headers["Location"]) == (302, "/admin/")


def test_json_with_a_byte_order_mark_is_read(client: Client) -> None:
    load_shipped_content()
    body = b'\xef\xbb\xbf{"voice": "onyx"}'
    response = client.post("/api/pre-cache-narratives", body, content_type="application/json")

    assert response.json()["voice"] == "onyx"


def test_every_address_of_the_api_has_the_path_of_the_site(client: Client) -> None:
    load_shipped_content()
    set_script_prefix("/story/")  # as Django does for a request with SCRIPT_NAME; its test client does not
    try:
        listed = client.get("/api/narratives").json()
        path = "/api/pre-cache-narratives"
        started = client.post(path, {}, content_type="application/json").json()
    finally:
        set_script_prefix("/")
    sounds = [each["audio"]["url"] for each in [*listed["narratives"], *listed["system"].values()]]

    assert sounds
    assert [url for url in [*sounds, started["status_url"]] if not url.startswith("/story/api/")] == []


def test_the_scripts_of_the_page_ask_below_the_path_of_the_site() -> None:
    for script in (PROJECT / "narratives" / "static" / "narratives").glob("*.js"):
        assert not re.search(r"[\"'`]/api/", script.read_text()), script.name


SUPERVISED = """
import signal, sys, time
from pathlib import Path
from lifereview.server.supervisor import Child, Supervisor
child = Child("a child", [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"])
sys.exit(Supervisor([child], stopping_mark=Path(sys.argv[1]), ends_with_parent=False).run())
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_the_starter_wants_ignored_stops_nothing(tmp_path: Path, number: int) -> None:
    before = signal.signal(number, signal.SIG_IGN)  # as nohup does, and a shell for a job in the background
    try:
        started = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, str(tmp_path / "mark")],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            restore_signals=False,
        )
    finally:
        signal.signal(number, before)
    assert started.stdout is not None
    assert started.stdout.readline() == b"up\n"
    started.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(1.5)
    started.send_signal(signal.SIGTERM)
    assert started.wait(20) == 0


def test_sighup_stops_a_site_that_was_started_without_nohup(tmp_path: Path) -> None:
    started = subprocess.Popen(
        ["env", "--default-signal=HUP", sys.executable, "-c", SUPERVISED, str(tmp_path / "mark")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"up\n"
    started.send_signal(signal.SIGHUP)
    assert started.wait(20) == 0


@pytest.mark.site
@pytest.mark.timeout(300)
def test_the_site_looks_up_no_host_and_writes_nothing_below_home(
    tmp_path: Path, with_static_files: Callable[[Path], None]
) -> None:
    lookups, home = tmp_path / "lookups", tmp_path / "home"
    lookups.touch()
    home.mkdir()
    with_static_files(tmp_path / "var")
    recording = {"PYTHONPATH": str(PROJECT / "harness" / "name_lookups"), "NAME_LOOKUPS": str(lookups)}
    with Site(tmp_path / "var", recording | {"HOME": str(home), "TTS_ALLOW_ANONYMOUS_TEXT": "true"}) as site:
        caller = Caller(site)
        assert caller.say("Where did it all begin?").status == 200
        assert caller.get("/").status == 200
        for sound in caller.audio():  # those that the cluster has not made yet are made now
            assert caller.get(sound["url"]).status == 200
        reflected = caller.post("/api/reflections", {"narrative": 4, "answer": "A small house."}).json()
        assert reflected["success"]
        staff = StaffSession.begin(site)
        for page in ("", "narratives/journey/", "ttscache/clip/", "ttscache/rendition/", "ttscache/warmrun/"):
            staff.get(f"/admin/{page}")
        staff.get("/api/docs")
        taken = "task cluster: ok"
        wait_until(lambda: taken in caller.get("/readyz").body.decode(), taken, seconds=60)
        site.manage(
            "shell",
            "-c",
            "import socket\ntry: socket.getaddrinfo('recorded.invalid', 80)\nexcept OSError: pass",
        )

    assert lookups.read_text().split() == ["recorded.invalid"]  # which shows that lookups are recorded
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("OPENAI_API_KEY", "sk-hush”"),
        ("DATABASE_URL", "postgres://ana:hu#sh@127.0.0.1:9/life?pgbouncer=true"),
    ],
)
def test_a_start_that_cannot_work_ends_with_one_line_that_names_the_variable(
    tmp_path: Path, variable: str, value: str
) -> None:
    done = Site(tmp_path / "var", {"OPENAI_API_KEY": "test", variable: value}).manage("serve")
    (line,) = (done.stdout + done.stderr).splitlines()

    assert done.returncode != 0
    assert variable in line
    assert "hu" not in line.replace(str(tmp_path), "")


def test_the_task_cluster_waits_with_one_line_for_settings_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    site = Site(tmp_path / "var", {"OPENAI_API_KEY": "test", "SSL_CERT_FILE": "/nowhere/ca.pem"})
    started = ServerProcess(
        [sys.executable, "manage.py", "qcluster", "--skip-checks"],
        log=tmp_path / "log",
        env=site.environment(),
    )
    try:
        wait_until(lambda: "waits" in started.log_tail(), "the line", seconds=60)
        assert not started.ends_within(12)  # it has looked again once
        assert len(started.log_tail().splitlines()) == 1
        assert "SSL_CERT_FILE" in started.log_tail()
    finally:
        started.kill()
