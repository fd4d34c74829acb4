"""The site on the open internet: hostile requests, requests made up from the schema, and REDbot's remarks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from harness.bad_input_page import PAGE, bad_input_page
from harness.caller import Caller
from harness.fault_table import NoteAnswer
from harness.hostile_inputs import CLIP, WORDS, Answer, HostileInput, hostile_inputs, send
from harness.site import MakeSite, WebServer
from harness.site_data import new_token

pytestmark = [pytest.mark.site, pytest.mark.any_database]

GATEWAY_ERROR = {"message", "type", "param", "code"}


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    server = make_site(WebServer, holding="content")
    with server:
        yield server


@pytest.fixture(scope="module")
def token(server: WebServer) -> str:
    return new_token(server, "hostile", admin=True)


def problems(hostile: HostileInput, answer: Answer) -> Iterator[str]:
    """Name each thing that is wrong with this answer."""
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
    inputs = hostile_inputs()
    assert len(inputs) >= 200

    wrong: list[tuple[object, ...]] = []
    answered: list[tuple[HostileInput, int]] = []
    for hostile in inputs:
        try:
            answer = send(server.url, token, hostile, clip)
        except (OSError, HTTPException) as error:
            wrong.append((hostile.name, hostile.method, hostile.target[:40], repr(error)[:80]))
            continue
        if found := list(problems(hostile, answer)):
            wrong.append((hostile.name, hostile.method, hostile.target[:40], *found, answer.body[:90]))
        answered.append((hostile, answer.status))
        note_answer(f"{hostile.method} {hostile.target}"[:40], hostile.name, answer.status)

    assert wrong == []
    assert bad_input_page(answered) == PAGE.read_text(), "write it anew: python -m harness.bad_input_page"
    assert stranger.get(clip).body == whole
    assert WORDS not in server.log()
    assert "Traceback" not in server.log()


# --- requests that schemathesis makes up from the schema -------------------------------------------------
# A check that is left out: a schema cannot say that a text has to hold a word, or which voices and journeys
# exist, so some requests that fit the schema are refused with 400.
LEFT_OUT_CHECK = "positive_data_acceptance"


def run_schemathesis(server: WebServer, token: str, folder: Path, *options: str) -> str:
    """Return its report if it found nothing. Raises AssertionError with the report otherwise."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"),
            *(f"{server.url}/api/schema", "--header", f"Authorization: Bearer {token}"),
            *("--checks", "all", "--exclude-checks", LEFT_OUT_CHECK, "--continue-on-failure", "--no-color"),
            *options,
        ],
        cwd=folder,  # it keeps the examples that it found there
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout[-8_000:]}{done.stderr[-2_000:]}"
    paths = Caller(server).get("/api/schema?format=json").json()["paths"].values()
    assert re.search(rf"Tested: +{sum(map(len, paths))}\b", done.stdout), done.stdout
    return done.stdout


@pytest.mark.timeout(180)
def test_each_call_answers_made_up_requests_as_the_schema_says(
    server: WebServer, token: str, tmp_path: Path
) -> None:
    few = ("--max-examples", "3", "--phases", "examples,coverage,fuzzing", "--seed", "1")
    run_schemathesis(server, token, tmp_path, *few)


@pytest.mark.long
@pytest.mark.timeout(960)
def test_each_call_answers_many_made_up_requests_as_the_schema_says(
    server: WebServer, token: str, tmp_path: Path
) -> None:
    run_schemathesis(server, token, tmp_path, "--max-examples", "100")


# --- REDbot ----------------------------------------------------------------------------------------------
# Its warnings that stay, each with the reason.
EXPLAINED = {
    # A CDN may keep a clip also where a request carries a token, which only `public` allows.
    "Cache-Control: public is probably not necessary.",
    # It knows an MP3 by its ID3 tag alone; a provider's clip may begin with a frame of sound.
    "The content doesn't match the declared Content-Type.",
    # Words and pages that staff may change at any moment are asked for anew each time.
    "This response cannot be served from cache without validation, and doesn't have a validator.",
    # The staff pages' Alpine and the API docs need both; the listener's page has neither.
    "Inline scripts are allowed.",
    "Unsafe script evaluation is allowed.",
    # Django writes all directives for caches that know only some of them.
    "The no-store cache directive overrides other directives.",
}


def remarks(found: Any) -> Iterator[tuple[str, str]]:
    """The level and the sentence of each remark of REDbot, at any depth of its report."""
    if isinstance(found, dict):
        if "level" in found and "summary" in found:
            yield found["level"], found["summary"]
        for each in found.values():
            yield from remarks(each)
    elif isinstance(found, list):
        for each in found:
            yield from remarks(each)


def examine(url: str) -> set[tuple[str, str]]:
    program = "from redbot.cli import main; main()"
    command = [sys.executable, "-c", program, "--output-format", "har", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    found = set(remarks(json.loads(done.stdout)))
    assert any(level == "GOOD" for level, _ in found), done.stdout[-500:]  # it has looked at an answer
    return found


@pytest.mark.long
@pytest.mark.timeout(180)
def test_redbot_finds_nothing_unexplained_on_clips_and_pages(server: WebServer) -> None:
    clip = str(Caller(server).audio()[0]["url"])
    assert Caller(server).get(clip).status == 200
    pages = (
        "/",
        "/admin/login/",
        "/api/docs",
        "/api/schema",
        "/api/narratives",
        "/v1/models",
        "/v1/audio/voices",
    )
    others = ("/readyz", "/api/health", f"/api/audio/{'0' * 32}.mp3", "/nothing", "/v1/nothing")
    paths = (clip, clip.partition("?")[0], *pages, *others)

    with ThreadPoolExecutor(4) as threads:
        found = dict(zip(paths, threads.map(lambda path: examine(f"{server.url}{path}"), paths), strict=True))

    complaints = {
        path: sorted(said for level, said in noted if level in ("BAD", "WARN") and said not in EXPLAINED)
        for path, noted in found.items()
    }
    assert {path: said for path, said in complaints.items() if said} == {}
    home = {said for _, said in found["/"]}
    assert not home & {"Inline scripts are allowed.", "Unsafe script evaluation is allowed."}
