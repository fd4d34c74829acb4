"""Errors have one shape, the right status, and never a word of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness import http
from harness.caller import Caller, clip_path, hash_of, phrase, sound_of
from harness.fault_table import NoteFault
from harness.http import Response
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import let_broken_clips_be_tried_again, new_token, query
from harness.staff_accounts import put_session, put_user
from harness.waiting import wait_until
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW

pytestmark = [pytest.mark.site, pytest.mark.any_database]

CANARY = "quokka-in-the-pantry"
KEY = "sk-canary-of-the-key"
SPEECH = "/api/text-to-speech"


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    """A server with one process, so that one circuit breaker counts all failures and recoveries."""
    with make_site(
        WebServer,
        OPENAI_API_KEY=KEY,
        TTS_MAX_CHARS="2000",
        TTS_LISTENER_VOICES="nova,sage",
    ) as server:
        server.manage("load_default_content", check=True)
        yield server


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, new_token(server))


@pytest.fixture(scope="module")
def stranger(server: WebServer) -> Caller:
    return Caller(server)


def refused(response: Response, status: int, code: str) -> dict[str, Any]:
    """Check that the error has the contract's shape, and return its body."""
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert re.fullmatch(r"[a-z_]+", body["code"])
    assert re.fullmatch(r"[^{}<>\n]{10,300}", body["error"])  # a sentence for people
    for secret in (CANARY, KEY, "Traceback", "safety system"):
        assert secret not in response.body.decode()
    return body


def canary() -> str:
    return f"{phrase()} {CANARY}"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"text": ""}, "empty_text"),
        ({}, "empty_text"),
        ({"text": " \n\t "}, "empty_text"),
        ({"text": f"{CANARY} " * 100}, "text_too_long"),
        ({"text": CANARY, "content_type": "sermon"}, "unknown_content_type"),
        ({"text": f"{CANARY}\x00"}, "invalid"),
        ({"text": f"{CANARY}\ud800"}, "invalid"),
        ({"text": 17}, "invalid"),
        ({"text": [CANARY]}, "invalid"),
        ({"text": {"words": CANARY}}, "invalid"),
        ({"text": True}, "invalid"),
        ({"text": CANARY, "voice": 17}, "invalid"),
        ([CANARY], "parse_error"),
        (CANARY, "parse_error"),
        (None, "parse_error"),
    ],
)
def test_a_text_that_cannot_be_spoken_is_refused(
    caller: Caller, openai: OpenAIServer, content: object, code: str
) -> None:
    refused(caller.post(SPEECH, content), 400, code)
    assert openai.calls() == []


@pytest.mark.parametrize("content_type", [["narrative"], {"kind": "narrative"}, None, 3])
def test_a_content_type_of_another_shape_is_refused(caller: Caller, content_type: object) -> None:
    response = caller.post(SPEECH, {"text": CANARY, "content_type": content_type})
    assert response.json()["code"] in ("unknown_content_type", "invalid")
    refused(response, 400, response.json()["code"])


def test_an_unknown_voice_is_answered_with_the_known_voices(caller: Caller) -> None:
    body = refused(caller.say(CANARY, voice="robot"), 400, "unknown_voice")
    assert {"nova", "onyx", "sage"} <= set(body["voices"])


@pytest.mark.parametrize("body", [b"{", b'{"text": ', b"\xff\xfe", b"", b"text=hello"])
def test_a_body_that_is_no_json_is_refused(caller: Caller, body: bytes) -> None:
    response = caller.ask("POST", SPEECH, body, Content_Type="application/json")
    assert response.status == 400
    refused(response, 400, response.json()["code"])


def test_free_text_needs_a_token(stranger: Caller, openai: OpenAIServer) -> None:
    response = stranger.say(canary())
    refused(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert openai.calls() == []


@pytest.mark.parametrize("token", ["wrong", "x" * 500, "ü", "' OR 1=1"])
def test_an_unknown_token_is_refused(server: WebServer, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    for answer in (
        http.post_json(f"{server.url}{SPEECH}", {"text": CANARY}, headers),
        http.get(f"{server.url}/api/cache-stats", headers),
    ):
        refused(answer, 401, "not_authenticated")


def test_a_user_who_is_not_staff_is_forbidden(server: WebServer) -> None:
    """The user has a session as the admin's login page creates one."""
    session = put_session(server, put_user(server, "visitor", is_staff=False, password="visitor"))
    headers = {"Cookie": f"sessionid={session}"}
    refused(http.get(f"{server.url}/api/cache-stats", headers), 403, "forbidden")
    refused(http.post_json(f"{server.url}{SPEECH}", {"text": CANARY}, headers), 403, "forbidden")


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/health/", "/api/text-to-speech/", "/v1/nothing"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_404(stranger: Caller, path: str, method: str) -> None:
    response = stranger.ask(method, path)
    assert response.status == 404
    if path.startswith("/api"):
        refused(response, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SPEECH),
        ("DELETE", SPEECH),
        ("POST", "/api/health"),
        ("POST", "/api/narratives"),
        ("PUT", "/api/narratives"),
        ("GET", "/api/pre-cache-narratives"),
        ("POST", "/api/cache-stats"),
        ("DELETE", clip_path("0" * 32)),
        ("POST", "/api/warm-runs/5f0c2ad6-3c44-4c9c-9d9c-6f1f0d3f4a77"),
    ],
)
def test_a_wrong_method_is_405(caller: Caller, method: str, path: str) -> None:
    response = caller.ask(method, path)
    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"]


def test_a_journey_that_is_not_live_is_not_found(stranger: Caller) -> None:
    refused(stranger.get("/api/narratives?journey=elsewhere"), 404, "unknown_journey")


@pytest.mark.parametrize("voice", ["robot", "onyx", "nova,sage"])
def test_listeners_are_told_which_voices_they_have(stranger: Caller, voice: str) -> None:
    body = refused(stranger.get(f"/api/narratives?voice={voice}"), 400, "unknown_voice")
    assert body["voices"] == ["nova", "sage"]
    body = refused(stranger.post("/api/pre-cache-narratives", {"voice": voice}), 400, "unknown_voice")
    assert body["voices"] == ["nova", "sage"]


def test_a_voice_with_a_nul_in_its_address_is_refused_and_an_escaped_one_is_unknown(stranger: Caller) -> None:
    refused(stranger.get("/api/narratives?voice=%00"), 400, "bad_request")
    body = refused(stranger.post("/api/pre-cache-narratives", {"voice": "%00"}), 400, "unknown_voice")
    assert body["voices"] == ["nova", "sage"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"voice": 3}, "invalid"),
        ({"voice": ["nova"]}, "invalid"),
        (["nova"], "parse_error"),
        ("nova", "parse_error"),
    ],
)
def test_a_voice_of_another_shape_is_refused(stranger: Caller, content: object, code: str) -> None:
    refused(stranger.post("/api/pre-cache-narratives", content), 400, code)


@pytest.mark.parametrize("run", ["5f0c2ad6-3c44-4c9c-9d9c-6f1f0d3f4a77", "17", "nothing"])
def test_an_unknown_run_is_404(stranger: Caller, run: str) -> None:
    refused(stranger.get(f"/api/warm-runs/{run}"), 404, "not_found")


def test_a_private_clip_looks_like_an_unknown_one(
    caller: Caller, stranger: Caller, openai: OpenAIServer
) -> None:
    private = phrase()
    assert caller.say(private).status == 200
    (live,) = query(caller.site, "SELECT content_hash FROM ttscache_pin WHERE reason = 'live' LIMIT 1")
    refusals = [
        stranger.get(path)
        for path in (
            clip_path(hash_of(private)),
            clip_path("0" * 32),
            f"/api/audio/{hash_of(private)}.wav",
            f"/api/audio/{live[0]}.wav",
            f"/api/audio/{hash_of(private)}.php",
            "/api/audio/short.mp3",
            f"/api/audio/{hash_of(private).upper()}.mp3",
        )
    ]
    assert len({refused(response, 404, "not_found")["error"] for response in refusals}) == 1
    alike = [sorted(name for name in response.headers if name != "Date") for response in refusals]
    assert alike == [alike[0]] * len(refusals)
    assert len(openai.calls()) == 1


def test_a_wrong_token_does_not_open_a_private_clip(caller: Caller, server: WebServer) -> None:
    private = phrase()
    caller.say(private)
    response = http.get(f"{server.url}{clip_path(hash_of(private))}", {"Authorization": "Bearer wrong"})
    assert response.status in (401, 404)
    assert sound_of(private) not in response.body


FAILURES: list[tuple[str | int, int, str, int]] = [  # fault, status, code, calls
    (400, 400, "text_refused", 1),
    (401, 503, "provider_unavailable", 1),
    (403, 503, "provider_unavailable", 1),
    (429, 503, "provider_unavailable", 3),
    (503, 503, "provider_unavailable", 3),
    (500, 502, "provider_failed", 3),
    (405, 502, "provider_failed", 1),
    ("html", 502, "provider_failed", 3),
    ("empty", 502, "provider_failed", 2),
    ("hang_up", 503, "provider_unavailable", 3),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: str(failure[0]))
def test_each_provider_fault_has_its_status(
    caller: Caller, openai: OpenAIServer, failure: tuple[str | int, int, str, int], note_fault: NoteFault
) -> None:
    fault, status, code, calls = failure
    text = canary()
    openai.behave(fault=fault)
    response = caller.say(text)
    refused(response, status, code)
    assert ("Retry-After" in response.headers) == (status == 503)
    assert len(openai.calls()) == calls
    openai.reset()
    if code == "text_refused":
        refused(caller.say(text), status, code)
        assert openai.calls() == []  # a refused text is not sent again for ten minutes
        kept = "that it was refused, for ten minutes"
    elif fault == "empty":
        refused(caller.say(text), status, code)
        assert openai.calls() == []  # a broken text is not paid for at each request
        let_broken_clips_be_tried_again(caller.site)
        assert caller.say(text).body == sound_of(text)
    else:
        assert caller.say(text).body == sound_of(text)
        kept = "nothing; the next request made it right"
    if isinstance(fault, int):
        note_fault(f"provider: HTTP {fault}", f"{status} {code}, calls: {calls}", kept)


def test_a_provider_outage_is_503_and_cached_clips_play(
    caller: Caller, running_openai: OpenAIServer, note_fault: NoteFault
) -> None:
    cached = phrase()
    caller.say(cached)
    running_openai.stop()
    try:
        for _ in range(4):
            response = caller.say(canary())
            refused(response, 503, "provider_unavailable")
            assert 1 <= int(response.headers["Retry-After"]) <= 15
            assert caller.say(cached).body == sound_of(cached)
    finally:
        running_openai.start()
    wait_until(lambda: caller.say(canary()).status == 200, "the provider to be found well", seconds=30)
    note_fault(
        "provider: gone", "503 with Retry-After; what is cached played", "nothing; made after its return"
    )


def test_a_provider_that_is_down_gets_looks_and_no_calls(
    caller: Caller, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    caller.say(canary())
    openai.reset()
    openai.behave(fault=500)
    for _ in range(12):
        assert caller.say(canary()).status in (502, 503)
    assert len(openai.calls()) == FAILURES_IN_A_ROW
    openai.reset()
    text = canary()
    wait_until(lambda: caller.say(text).status == 200, "the provider to be found well", seconds=30)
    assert [call.text for call in openai.calls()] == [text]
    note_fault("provider: fails again and again", "503, calls stopped", "nothing; made after its return")


def test_a_person_s_own_words_leave_no_trace(caller: Caller, openai: OpenAIServer) -> None:
    text = canary()
    response = caller.say(text, content_type="response")
    assert (response.status, response.body) == (200, sound_of(text))
    assert response.headers["Cache-Control"] == "no-store"
    assert (
        caller.say(text, content_type="response").headers["Cache-Status"] == response.headers["Cache-Status"]
    )
    assert len(openai.calls()) == 2
    assert query(caller.site, "SELECT 1 FROM tts_cache WHERE content_hash = %s", hash_of(text)) == []
    assert (
        query(caller.site, "SELECT 1 FROM ttscache_dailyrequests WHERE content_hash = %s", hash_of(text))
        == []
    )
    refused(caller.get(clip_path(hash_of(text))), 404, "not_found")


def test_a_text_that_breaks_the_answer_of_the_provider_stays_private(
    caller: Caller, openai: OpenAIServer
) -> None:
    openai.behave(fault=500)
    refused(caller.say(canary(), content_type="response"), 502, "provider_failed")


def test_the_log_holds_no_words_and_no_key(caller: Caller, server: WebServer, openai: OpenAIServer) -> None:
    """The log covers all tests above, and each fault once more."""
    for fault in (400, 401, 405, 500, "html", "garbage", "break_off", "wrong_format"):
        openai.behave(fault=fault)
        try:
            caller.say(canary())
        except http.BrokenTransfer:
            continue
    log = server.log()
    assert "provider" in log
    assert CANARY not in log
    assert KEY not in log
    assert caller.token not in log
