"""The image of the Dockerfile, as far as it runs without Docker, and compose.yaml.

Not run: the base image `python:3.11-slim-bookworm` (Debian bookworm with its own Python 3.11 is in its
place), the images of PostgreSQL, Valkey and nginx, and what only Docker does: layers, ports, restarts.
"""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import http
from harness.dockerfile import BareContainer, docker_context, docker_steps
from harness.offline import in_network_of, offline
from harness.optional import skipped_when_unavailable
from harness.process import PROJECT, ServerProcess
from lifereview.env.variables import all_variables

pytestmark = pytest.mark.any_database

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OF_COMPOSE = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "PUBLISH"}


@pytest.fixture(scope="module")
def composed() -> Any:
    return yaml.safe_load((PROJECT / "compose.yaml").read_text())


def test_the_dockerfile_ends_as_a_user_without_rights_with_a_health_check_and_a_volume() -> None:
    steps = docker_steps(PROJECT / "Dockerfile")
    found = {step.instruction: step.rest for step in steps}

    assert found["FROM"].startswith("python:3.11-slim")
    assert not found["USER"].startswith(("0", "root"))
    assert found["HEALTHCHECK"]
    assert found["VOLUME"] == '["/var/lib/lifereview"]'
    assert [step.instruction for step in steps][-1] == "CMD"


def test_each_variable_of_dockerfile_and_compose_is_one_of_the_site(composed: Any) -> None:
    known = {variable.name for variable in all_variables()}
    steps = docker_steps(PROJECT / "Dockerfile")
    in_image = {
        word.split("=")[0]
        for step in steps
        if step.instruction in ("ENV", "ARG")
        for word in step.rest.split()
    } - {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    in_compose = {
        name for service in composed["services"].values() for name in service.get("environment", {})
    }
    filled_in = set(re.findall(r"\$\{(\w+)", (PROJECT / "compose.yaml").read_text()))

    assert in_image
    assert not (in_image | in_compose | filled_in) - known - OF_COMPOSE


def test_the_services_of_compose_name_each_other_and_files_that_exist(composed: Any) -> None:
    services = composed["services"]
    site = services["site"]
    named = re.findall(r"(?:@|//)([a-z]+):\d+", " ".join(map(str, site["environment"].values())))

    assert set(named) == {"database", "cache"}
    assert {name for each in services.values() for name in each.get("depends_on", ())} <= set(services)
    assert site["read_only"] is True
    for volume in (volume for each in services.values() for volume in each.get("volumes", ())):
        source = volume.split(":")[0]
        assert (PROJECT / source).exists() if source.startswith(".") else source in composed["volumes"]


def test_a_build_takes_no_secret_data_or_test_with_it() -> None:
    taken = {str(path.relative_to(PROJECT)) for path in docker_context(PROJECT)}

    assert "lifereview/settings.py" in taken
    assert "narratives/safety/model.npz" in taken
    assert not [path for path in taken if "/tests/" in path or path.startswith((".", "var"))]


def test_nginx_of_compose_passes_on_what_nginx_of_several_hosts_does() -> None:
    def proxied(path: Path) -> set[str]:
        lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
        return {line for line in lines if line.startswith("proxy_") and "next_upstream" not in line}

    for_one_host, for_several = (
        proxied(PROJECT / "deploy" / name) for name in ("compose-nginx.conf", "nginx.conf")
    )
    # The volume with the files of clips belongs to the site alone, so this nginx links to none of them.
    about_links = {"proxy_set_header X-Clip-Links $clip_links;", "proxy_pass http://lifereview$request_uri;"}
    assert for_one_host == for_several - about_links


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> BareContainer:
    with skipped_when_unavailable():
        return BareContainer.build(PROJECT, tmp_path_factory.mktemp("image"), {"COMMIT": COMMIT})


@pytest.mark.long
@pytest.mark.site
@pytest.mark.timeout(1800)
def test_the_steps_of_the_dockerfile_make_a_site_that_runs_with_a_read_only_root(
    container: BareContainer, tmp_path: Path
) -> None:
    volume, log = tmp_path / "volume", tmp_path / "log"
    volume.mkdir()
    user, group = map(int, container.user.split(":"))
    subprocess.run(["chown", f"{user}:{group}", str(volume)], check=True)
    with skipped_when_unavailable():
        started = ServerProcess(offline(*container.inside(*container.command, volume=volume)), log=log)

    def health() -> http.Response:
        with in_network_of(started.pid) as thread:
            return thread.submit(http.get, "http://127.0.0.1:8000/api/health").result()

    def is_up() -> bool:
        try:
            return health().status == 200
        except (OSError, http.BrokenTransfer, BrokenExecutor):  # the last: the container has ended
            return False

    try:
        started.wait_until_ready(is_up, seconds=300)
        assert health().json()["commit"] == COMMIT
        owners = {path.stat().st_uid for path in volume.iterdir()}
        network = f"nsenter --target {started.pid} --net --"
        checked = subprocess.run(
            container.inside(*container.health, volume=volume, network=network), timeout=60, check=False
        )
        touched = subprocess.run(
            container.inside("touch", "/srv/lifereview/file", volume=volume), capture_output=True, check=False
        )
    finally:
        said = started.log_tail()
        started.kill()
    assert checked.returncode == 0
    assert b"Read-only file system" in touched.stderr
    assert owners == {user}
    assert "Traceback" not in said
    print("Not run:", "; ".join(container.not_run))
