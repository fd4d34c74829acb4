"""The site is reached by IPv4 and IPv6, through a socket file, below a path, at any port, by any Host."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from harness import http
from harness.nginx import NginxServer
from harness.optional import skipped_when_unavailable
from harness.sign_in import sign_in_over_http
from harness.site import MakeSite, SocketFileServer, WebServer

pytestmark = [pytest.mark.site, pytest.mark.any_database, pytest.mark.timeout(300)]

USER = {"DJANGO_SUPERUSER_USERNAME": "ana", "DJANGO_SUPERUSER_PASSWORD": "letters-1906"}
PATH = "/story"
STRANGE_HOSTS = [
    "", "a b", "[::1", "[::1]:8000:9", "example.org:port", "127.0.0.1:99999999", "a.org, b.org", "%00",
    "-._", "a" * 5_000, "\xe9vil.example.org", "user@127.0.0.1", "127.0.0.1/admin", "<script>",
    "http://127.0.0.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def everywhere(make_site: MakeSite) -> Iterator[WebServer]:
    """A site that listens on all addresses, with a staff user."""
    site = make_site(WebServer, HOST="::", **USER, DJANGO_SUPERUSER_EMAIL="ana@example.org")
    site.manage("createsuperuser", "--no-input", check=True)
    with site:
        yield site


@pytest.fixture(scope="module")
def below_a_path(make_site: MakeSite, everywhere: WebServer) -> Iterator[SocketFileServer]:
    """A second server of the site, on a socket file, below a path."""
    with make_site(SocketFileServer, beside=everywhere, SCRIPT_NAME=PATH) as site:
        yield site


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_staff_sign_in_by_ipv4_ipv6_and_name(everywhere: WebServer, host: str) -> None:
    assert "ana" in sign_in_over_http(f"http://{host}:{everywhere.port}", "ana", "letters-1906")


@pytest.mark.parametrize("cuts_off", [False, True])
def test_a_site_below_a_path_is_served_through_a_socket_file_at_any_port(
    below_a_path: SocketFileServer, cuts_off: bool
) -> None:
    with skipped_when_unavailable():
        nginx = NginxServer([f"unix:{below_a_path.socket_file}"], below=PATH, cuts_off=cuts_off)
    with nginx:
        page = http.get(f"{nginx.url}/").body.decode()
        addresses = re.findall(r'(?:href|src)="(/[^"]*)"', page)
        staff = sign_in_over_http(nginx.url, "ana", "letters-1906")
        listed = http.get(f"{nginx.url}/api/narratives")

        assert addresses
        assert [each for each in addresses if not each.startswith(f"{PATH}/")] == []
        assert {http.get(nginx.url.removesuffix(PATH) + each).status for each in addresses} == {200}
        assert [each for each in re.findall(r'href="(/[^"]*)"', staff) if not each.startswith(PATH)] == []
        assert listed.json()["code"] == "unknown_journey"  # this site has none
    assert "Traceback" not in below_a_path.log()


def test_a_probe_below_a_path_asks_with_and_without_it(below_a_path: SocketFileServer) -> None:
    def status_of(target: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(below_a_path.socket_file))
            caller.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return caller.recv(64).split(b"\r\n")[0]

    assert {status_of(each) for each in ("/api/health", f"{PATH}/api/health")} == {b"HTTP/1.1 200 OK"}
    assert status_of(f"{PATH}ly/api/health") == b"HTTP/1.1 404 Not Found"


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/api/narratives", "/readyz", "/api/schema"])
def test_a_strange_host_gets_an_answer_and_no_traceback(everywhere: WebServer, path: str) -> None:
    url = f"http://127.0.0.1:{everywhere.port}{path}"
    statuses = [http.get(url, {"Host": host}).status for host in STRANGE_HOSTS]

    assert set(statuses) <= {200, 400, 404, 503}  # no journey is here, and no cluster
    assert "Traceback" not in everywhere.log()


def test_the_doctor_names_the_forwarded_headers_that_came_and_nobodys_address(everywhere: WebServer) -> None:
    sent = {"X-Forwarded-For": "198.51.100.7, 10.0.0.9", "X-Forwarded-Proto": "https"}
    http.get(f"http://127.0.0.1:{everywhere.port}/api/health", sent)
    done = everywhere.manage("doctor", "--json")
    found = {each["part"]: each for each in json.loads(done.stdout)}

    assert "X-Forwarded-For, X-Forwarded-Proto came from" in found["proxy"]["says"]
    assert "2 addresses" in found["proxy"]["says"]
    assert "198.51.100.7" not in done.stdout
    assert found["database"]["state"] == found["migrations"]["state"] == "ok"
    assert (found["task cluster"]["state"], done.returncode) == ("wrong", 1)  # only the web server runs here
    assert found["variables"]["says"].count("(set)") >= 2
    assert "letters-1906" not in done.stdout
