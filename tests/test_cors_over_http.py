"""Pages of allowed origins can read clips and their headers, whichever tier answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.caller import Caller
from harness.site import MakeSite, WebServer

pytestmark = [pytest.mark.site, pytest.mark.any_database]

ALLOWED, OTHER = "https://stories.example", "https://other.example"


@pytest.fixture(scope="module")
def stranger(make_site: MakeSite) -> Iterator[Caller]:
    server = make_site(WebServer, holding="clips", CORS_ALLOWED_ORIGINS=ALLOWED)
    with server:
        yield Caller(server)


@pytest.fixture(scope="module")
def path(stranger: Caller) -> str:
    url = str(stranger.audio()[0]["url"])
    assert stranger.get(url).status == 200  # now the clip is in memory
    return url


def test_an_allowed_origin_may_read_a_published_hit_and_its_headers(stranger: Caller, path: str) -> None:
    etag = stranger.get(path).headers["ETag"]
    for headers, status in (({}, 200), ({"Range": "bytes=0-9"}, 206), ({"If_None_Match": etag}, 304)):
        response = stranger.get(path, Origin=ALLOWED, **headers)
        assert response.status == status
        assert response.headers["Access-Control-Allow-Origin"] == ALLOWED
        assert "Content-Range" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["Vary"].lower() == "origin"
        assert response.headers["Cache-Status"] == "lifereview; hit; detail=memory"


def test_another_origin_gets_no_cors_headers(stranger: Caller, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in stranger.get(path, Origin=OTHER).headers


def test_an_allowed_origin_may_read_errors(stranger: Caller) -> None:
    response = stranger.get(f"/api/audio/{'0' * 32}.mp3", Origin=ALLOWED)

    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (404, ALLOWED)


def test_an_allowed_origin_may_ask_for_parts_of_a_clip(stranger: Caller, path: str) -> None:
    headers = {
        "Access_Control_Request_Method": "GET",
        "Access_Control_Request_Headers": "if-none-match,if-range,range",
    }
    response = stranger.ask("OPTIONS", path, None, Origin=ALLOWED, **headers)

    allowed = {name.strip() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert allowed >= {"range", "if-range", "if-none-match"}
    refused = stranger.ask("OPTIONS", path, None, Origin=OTHER, **headers)
    assert "Access-Control-Allow-Headers" not in refused.headers


def test_the_openai_client_of_an_allowed_page_may_ask_for_speech(stranger: Caller) -> None:
    told = ("lang", "package-version", "os", "arch", "runtime", "runtime-version", "retry-count", "timeout")
    sent = ["authorization", "content-type", *(f"x-stainless-{name}" for name in told)]
    headers = {
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": ",".join(sorted(sent)),
    }
    response = stranger.ask("OPTIONS", "/v1/audio/speech", None, Origin=ALLOWED, **headers)

    allowed = {name.strip() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert allowed >= set(sent)
    refused = stranger.ask("OPTIONS", "/v1/audio/speech", None, Origin=OTHER, **headers)
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_page_may_read_the_request_id_of_a_refused_speech(stranger: Caller) -> None:
    response = stranger.ask(
        "POST", "/v1/audio/speech", b"{}", Origin=ALLOWED, Content_Type="application/json"
    )

    assert response.status == 401
    assert response.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "x-request-id" in response.headers["Access-Control-Expose-Headers"].lower()
    assert response.headers["x-request-id"]
