"""Request bodies in chunks, which clients send when they do not know the length beforehand."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings

from harness import http
from harness.caller import Caller, hash_of, phrase, sound_of
from harness.http import Response
from harness.site import MakeSite, WebServer
from harness.site_data import make_old, new_token, query
from harness.staff_browser import PASSWORD, hire
from lifereview.middleware.chunked_bodies import read_chunked_bodies

PRUNE = "/api/admin/clear-old-cache"


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    server = make_site(WebServer, holding="content")
    hire(server, ana="")
    with server:
        yield server


@pytest.fixture(scope="module")
def operator(server: WebServer) -> Caller:
    return Caller(server, new_token(server, "operator", admin=True))


def pieces(body: bytes) -> Iterable[bytes]:
    """Return the body in at most three chunks, an empty body in none."""
    size = max(1, len(body) // 3 + 1)
    return iter([body[start : start + size] for start in range(0, len(body), size)])


def send(caller: Caller, path: str, body: bytes) -> Response:
    headers = http.json_headers(caller.headers)
    return http.request("POST", f"{caller.site.url}{path}", headers, pieces(body), timeout_seconds=90)


@pytest.fixture
def stale_clip(server: WebServer, operator: Caller) -> str:
    text = phrase()
    assert operator.say(text).status == 200
    make_old(server, hash_of(text))
    return hash_of(text)


def is_on_record(server: WebServer, content_hash: str) -> bool:
    return bool(query(server, "SELECT 1 FROM tts_cache WHERE content_hash = %s", content_hash))


@pytest.mark.site
@pytest.mark.any_database
class TestOverHttp:
    def test_a_dry_run_sent_in_chunks_is_a_dry_run(
        self, server: WebServer, operator: Caller, stale_clip: str
    ) -> None:
        response = send(operator, PRUNE, b'{"days": 400, "dry_run": true}')

        assert (response.status, response.json()["dry_run"]) == (200, True)
        assert response.json()["deleted_entries"] >= 1
        assert is_on_record(server, stale_clip)

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"dry_run": false}', b'{"days": '])
    def test_a_prune_without_days_deletes_nothing(
        self, server: WebServer, operator: Caller, stale_clip: str, body: bytes
    ) -> None:
        plain = operator.ask("POST", PRUNE, body, Content_Type="application/json")
        chunked = send(operator, PRUNE, body)

        assert (plain.status, chunked.status) == (400, 400)
        assert set(plain.json()) == set(chunked.json()) == {"error", "code"}
        assert is_on_record(server, stale_clip)

    def test_a_text_sent_in_chunks_is_spoken(self, operator: Caller) -> None:
        text = phrase()
        response = send(operator, "/api/text-to-speech", json.dumps({"text": text}).encode())

        assert (response.status, response.body) == (200, sound_of(text))

    def test_a_voice_sent_in_chunks_is_pre_cached(self, operator: Caller) -> None:
        response = send(operator, "/api/pre-cache-narratives", b'{"voice": "onyx"}')

        assert response.json()["voice"] == "onyx"

    def test_staff_sign_in_with_a_form_sent_in_chunks(self, server: WebServer) -> None:
        address = f"{server.url}/admin/login/"
        page = http.get(address)
        cookie = SimpleCookie(page.headers["Set-Cookie"])["csrftoken"].value
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.body.decode())
        assert token is not None
        form = {"csrfmiddlewaretoken": token[1], "username": "ana", "password": PASSWORD, "next": "/admin/"}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"csrftoken={cookie}",
        }
        response = http.request("POST", address, headers, pieces(urlencode(form).encode()))

        assert (response.status, response.headers["Location"]) == (302, "/admin/")

    def test_a_chunked_body_that_is_too_large_is_413(self, operator: Caller) -> None:
        response = send(operator, PRUNE, b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))

        assert (response.status, response.json()["code"]) == (413, "too_large")


# --- the WSGI wrapper alone ------------------------------------------------------------------------------
class CutOff(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise OSError("No more data after 3 bytes")


def ask(body: io.IOBase, **environ: Any) -> tuple[str, bytes]:
    """Return the status, and the body as the application behind the wrapper reads it."""
    statuses: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]

    def start_response(status: str, headers: object, *_: object) -> Any:
        statuses.append(status)

    answer = read_chunked_bodies(application)({"wsgi.input": body, **environ}, start_response)
    return statuses[0], b"".join(answer)


CHUNKED: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.mark.any_database
def test_a_chunked_body_gets_a_length() -> None:
    assert ask(io.BytesIO(b"words"), **CHUNKED) == ("200 OK", b"words")


@pytest.mark.any_database
def test_a_body_with_a_length_is_left_alone() -> None:
    assert ask(io.BytesIO(b"words and more"), CONTENT_LENGTH="5") == ("200 OK", b"words")


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("body", "environ", "status", "code"),
    [
        (CutOff(), CHUNKED, "400", "bad_request"),
        (io.BytesIO(b"words"), CHUNKED | {"wsgi.input_terminated": False}, "411", "length_required"),
    ],
    ids=["cut off", "a server that does not mark its end"],
)
def test_a_body_that_cannot_be_read_reaches_no_view(
    body: io.IOBase, environ: dict[str, Any], status: str, code: str
) -> None:
    answered, content = ask(body, **environ)

    assert (answered.split()[0], json.loads(content)["code"]) == (status, code)
