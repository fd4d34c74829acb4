"""Hostile requests over HTTP get a clear refusal, and what they say is neither repeated nor logged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from harness.caller import Caller
from harness.fault_table import NoteAnswer
from harness.hostile_inputs import CLIP, WORDS, Answer, HostileInput, hostile_inputs, send
from harness.site import WebServer
from tests.conftest import MakeSite

pytestmark = [pytest.mark.site, pytest.mark.any_database]

GATEWAY_ERROR = {"message", "type", "param", "code"}


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    server = make_site(WebServer)
    server.prepare()
    server.manage("load_default_content", check=True)
    server.manage("warm", check=True)
    with server:
        yield server


@pytest.fixture(scope="module")
def token(server: WebServer) -> str:
    return server.api_token("hostile", admin=True)


def problems(hostile: HostileInput, answer: Answer) -> Iterator[str]:
    """What is wrong with this answer."""
    if answer.status not in hostile.right:
        yield f"status {answer.status}"
    said = answer.body + repr(list(answer.headers.items())).encode()
    if WORDS.encode() in said or b"root:" in said:
        yield "repeats what was sent"
    if answer.status < 400 or hostile.by_server:
        return
    if "no-store" not in answer.headers.get("Cache-Control", ""):
        yield "may be stored"
    if hostile.method == "HEAD" or not hostile.target.startswith(("/api", "/v1", CLIP)):
        return
    try:
        told = json.loads(answer.body)
    except ValueError:
        yield "is no JSON"
        return
    if hostile.target.startswith("/v1/"):
        if set(told) != {"error"} or set(told["error"]) != GATEWAY_ERROR or not told["error"]["message"]:
            yield "is not in OpenAI's shape"
    elif not {"error", "code"} <= set(told) <= {"error", "code", "voices"} or not told["error"]:
        yield "is not in the shape of the API"


@pytest.mark.timeout(300)
def test_hostile_requests_get_a_clear_refusal_that_repeats_nothing(
    server: WebServer, token: str, note_answer: NoteAnswer
) -> None:
    stranger = Caller(server)
    clip = str(stranger.audio()[0]["url"])
    whole = stranger.get(clip).body
    asked = hostile_inputs()
    assert len(asked) >= 200

    wrong = []
    for hostile in asked:
        try:
            answer = send(server.url, token, hostile, clip)
        except (OSError, HTTPException) as error:
            wrong.append((hostile.name, hostile.method, hostile.target[:40], repr(error)[:80]))
            continue
        if found := list(problems(hostile, answer)):
            wrong.append((hostile.name, hostile.method, hostile.target[:40], *found, answer.body[:90]))
        note_answer(f"{hostile.method} {hostile.target}"[:40], hostile.name, answer.status)

    assert wrong == []
    assert stranger.get(clip).body == whole
    assert WORDS not in server.log()
    assert "Traceback" not in server.log()
