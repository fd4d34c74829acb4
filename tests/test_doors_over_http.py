"""The doors of a site with two processes: rates, callers behind a proxy, errors of the server, files, log."""

from __future__ import annotations

import json
import re
import socket
import stat
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from harness import http
from harness.caller import phrase
from harness.http import Response
from harness.openai_server import OpenAIServer
from harness.process import HOST
from harness.site import MakeSite, WebServer
from harness.site_data import new_token, query
from harness.staff_accounts import put_user

pytestmark = [pytest.mark.site, pytest.mark.timeout(300), pytest.mark.long_on_postgresql]

AT_ONCE, LIMIT = 200, 60
# Windows of an hour: on a busy machine so many requests may take longer than a minute.
RATES = "anonymous_generation=60/hour,time_to_sound=60/hour,clear_old_cache=60/hour,sign_in_address=15/hour"
CANARY = "quokka-in-the-pantry"
BUSY_SECONDS = 10  # how long a process that hashes many passwords asks others to wait
OLD = "secret_key.of-an-earlier-version"


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    """A site whose files, as an earlier version made them, everybody on the machine may read."""
    server: WebServer = make_site(
        WebServer,
        WEB_WORKERS="2",
        WEB_THREADS="300",
        TTS_ALLOW_ANONYMOUS_TEXT="true",
        THROTTLE_RATES=RATES,
        LOG_FORMAT="json",
    )
    server.var_dir.chmod(0o755)
    (server.var_dir / OLD).write_text("x")
    (server.var_dir / OLD).chmod(0o644)
    with server:
        yield server


def statuses(call: Callable[[int], Response]) -> Counter[int]:
    """Call so often at once; each call must be answered."""
    answers = http.at_once(AT_ONCE, call)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    refused = [answer for answer in answers if isinstance(answer, Response) and answer.status == 429]
    assert all(1 <= int(answer.headers["Retry-After"]) <= 3_600 for answer in refused)
    return Counter(answer.status for answer in answers if isinstance(answer, Response))


def from_address(address: str) -> dict[str, str]:
    """The header with which a proxy on this machine names a caller."""
    return {"X-Forwarded-For": address}


def test_of_many_new_texts_at_once_exactly_as_many_are_spoken_as_the_rate_allows(
    server: WebServer, openai: OpenAIServer
) -> None:
    """The texts are a person's own words, stored nowhere, so that a busy database refuses none of them."""
    url, text = f"{server.url}/api/text-to-speech", phrase()
    words = [{"text": phrase(), "content_type": "response"} for _ in range(AT_ONCE)]
    # Each caller behind the proxy has a rate of their own.
    assert http.post_json(url, {"text": text}, from_address("203.0.113.7")).status == 200
    openai.reset()

    assert statuses(lambda number: http.post_json(url, words[number], timeout_seconds=120)) == {
        200: LIMIT,
        429: AT_ONCE - LIMIT,
    }
    assert len(openai.calls()) == LIMIT
    assert http.post_json(url, {"text": phrase()}).status == 429
    assert http.post_json(url, {"text": text}).status == 200  # what is there is no generation


def test_of_many_reports_at_once_exactly_as_many_count_as_the_rate_allows(server: WebServer) -> None:
    url, report = f"{server.url}/api/time-to-sound", {"voice": "nova", "content_type": "question"}

    assert statuses(lambda _: http.post_json(url, report | {"milliseconds": 200}, timeout_seconds=120)) == {
        204: LIMIT,
        429: AT_ONCE - LIMIT,
    }
    assert http.post_json(url, report | {"milliseconds": 200}, from_address("203.0.113.7")).status == 204


def test_of_many_requests_at_once_exactly_as_many_look_for_old_clips_as_the_rate_allows(
    server: WebServer,
) -> None:
    headers = {"Authorization": f"Bearer {new_token(server, admin=True)}"}
    url, body = f"{server.url}/api/admin/clear-old-cache", {"days": 3_000, "dry_run": True}

    found = statuses(lambda _: http.post_json(url, body, headers, timeout_seconds=120))
    assert found[200] == LIMIT
    # Each looks into the database, whose connections are few: on a busy machine some are told to come back.
    assert found[429] + found[503] == AT_ONCE - LIMIT


def test_forwarded_headers_count_only_from_a_trusted_proxy(server: WebServer, make_site: MakeSite) -> None:
    """The second site trusts nobody, so all of this machine is one caller, whatever it says."""
    rates = "anonymous_generation=2/hour"
    with make_site(
        WebServer, TRUSTED_PROXIES="none", TTS_ALLOW_ANONYMOUS_TEXT="true", THROTTLE_RATES=rates
    ) as other:
        forged = [
            http.post_json(
                f"{other.url}/api/text-to-speech", {"text": phrase()}, from_address(f"203.0.113.{number}")
            ).status
            for number in range(3)
        ]
        assert forged == [200, 200, 429]
        headers = {"X-Forwarded-Host": "evil.example", "X-Request-Id": "0af7651916cd43dd"}
        page = http.get(f"{other.url}/api/health", headers)
        assert page.headers["X-Request-Id"] != "0af7651916cd43dd"
        assert http.get(f"{other.url}/api/narratives", headers).status != 400
        assert other.log().count("is none of TRUSTED_PROXIES") == 1
    refused = http.get(f"{server.url}/api/narratives", {"X-Forwarded-Host": "evil.example"})
    assert (refused.status, refused.json()["code"]) == (400, "bad_request")


def test_every_answer_has_the_id_that_a_proxy_gave_its_request(server: WebServer) -> None:
    for path in ("/api/health", "/api/nothing", "/", "/readyz", "/v1/models", "/admin/login/"):
        answer = http.get(f"{server.url}{path}", {"X-Request-Id": "0af7651916cd43dd"})
        assert answer.headers.get_all("X-Request-Id") == ["0af7651916cd43dd"], path
        assert len(http.get(f"{server.url}{path}").headers["X-Request-Id"]) == 32, path


def raw(server: WebServer, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; returns status, headers and body of the answer."""
    with socket.create_connection((HOST, server.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (f"{CANARY} /api/health\r\n\r\n".encode(), 400, "bad_request"),
        (b"GET /api/health HTTP/9.9\r\n\r\n", 400, "bad_request"),
        (f"GET /api/health HTTP/1.1\r\n{CANARY}\r\n\r\n".encode(), 400, "bad_request"),
        (b"GET /api/health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: tea\r\n\r\n", 501, "not_supported"),
        (b"GET /api/health HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417, "expectation_failed"),
        (b"GET /api/" + b"x" * 5_000 + b" HTTP/1.1\r\n\r\n", 414, "address_too_long"),
        (
            b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9_000 + b"\r\n\r\n",
            431,
            "headers_too_large",
        ),
        (
            b"GET /v1/models HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 150 + b"\r\n",
            431,
            "headers_too_large",
        ),
    ],
    ids=["line", "version", "header", "coding", "expect", "address", "size", "number"],
)
def test_errors_of_the_server_itself_are_json(
    server: WebServer, request_bytes: bytes, status: int, code: str
) -> None:
    answered, headers, body = raw(server, request_bytes)

    assert answered == status
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert len(headers["x-request-id"]) == 32
    assert json.loads(body)["code"] == code
    assert re.fullmatch(r"[A-Z][^{}<>\n]{10,100}\.", json.loads(body)["error"])


def test_a_strange_host_costs_one_line_of_the_log(server: WebServer) -> None:
    before = len(server.log().splitlines())
    answer = http.get(f"{server.url}/api/narratives", {"Host": f"{CANARY.replace('-', '')}.example"})
    lines = server.log().splitlines()[before:]

    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert len([line for line in lines if "HTTP_HOST" in line]) == 1
    assert not [line for line in lines if "Traceback" in line]


def sign_in(server: WebServer, name: str, password: str, address: str = "198.51.100.1") -> Response:
    """Send the form of the sign-in page as a browser behind the proxy would."""
    cookie = {"Cookie": "csrftoken=" + "a" * 32, **from_address(address)}
    body = f"username={name}&password={password}&csrfmiddlewaretoken={'a' * 32}".encode()
    headers = cookie | {"Content-Type": "application/x-www-form-urlencoded"}
    return http.request("POST", f"{server.url}/admin/login/", headers, body, timeout_seconds=120)


def test_of_many_guesses_at_once_few_are_looked_at_and_all_are_in_the_log(server: WebServer) -> None:
    put_user(server, "ana", is_superuser=True, password="right")
    answers = http.at_once(60, lambda number: sign_in(server, "ana", f"{CANARY}{number}"))

    found = Counter(answer.status for answer in answers if isinstance(answer, Response))
    # Ten tries pass the limit. One process hashes at most eight passwords at a time, and says so sooner.
    refused = [answer for answer in answers if isinstance(answer, Response) and answer.status == 429]
    too_busy = sum(answer.headers["Retry-After"] == str(BUSY_SECONDS) for answer in refused)
    assert found[200] + too_busy == 10
    assert found[200] + found[429] + found[503] == 60  # 503: on a busy machine the database is too
    assert all("You can try again in" in answer.body.decode() for answer in refused)
    assert all(1 <= int(answer.headers["Retry-After"]) <= 3_600 for answer in refused)
    said = [json.loads(line)["message"] for line in server.log().splitlines() if "A sign-in as" in line]
    assert Counter(said) == {
        "A sign-in as ana from 198.51.100.1 failed.": found[200],
        "A sign-in as ana from 198.51.100.1 was refused: too many tries.": found[429],
    }
    assert query(server, "SELECT SUM(failures_since_start) FROM axes_accessattempt") == [(found[200],)]


def test_each_line_of_a_json_log_is_json_and_quotes_nobody(server: WebServer) -> None:
    """The log covers all tests above."""
    lines = [json.loads(line) for line in server.log().splitlines()]

    assert len(lines) > 10
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert any(line.get("request_id") for line in lines)
    assert CANARY not in server.log()


def test_files_and_database_are_for_the_user_who_serves_alone(server: WebServer) -> None:
    server.manage("dumpdata", "auth.group", "--output", str(server.var_dir / "export.json"), check=True)
    found = [server.var_dir, *server.var_dir.rglob("*")]
    open_to_others = {
        str(path.relative_to(server.var_dir)): oct(mode)
        for path in found
        if (mode := stat.S_IMODE(path.lstat().st_mode)) & 0o077 and not path.is_symlink()
    }

    assert any(path.suffix == ".mp3" for path in found)
    assert server.var_dir / OLD in found
    assert open_to_others == {}
