"""A new clip streams while it is made, and is stored only once it is whole."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.caller import Caller, clip_path, hash_of, long_phrase, phrase, sound_of, whole_body
from harness.fault_table import NoteFault
from harness.http import BrokenTransfer
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import files_of, kept_in_database, let_broken_clips_be_tried_again, new_token
from harness.sockets import clients_of
from harness.speech_api.behaviour import FAULTS
from harness.waiting import wait_until
from ttscache.audio import examine

pytestmark = [pytest.mark.site, pytest.mark.any_database]

HEARD_BEFORE_IT_FAILS = ["break_off", "half", "short", "silence", "endless"]
FAILS_BEFORE_A_BYTE = {"html": 502, "empty": 502, "hang_up": 503, "garbage": 502, "wrong_format": 502}


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    """A server with one process, so that a second listener always finds the recording."""
    with make_site(WebServer) as server:
        yield server


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, new_token(server))


@pytest.fixture(scope="module")
def impatient(make_site: MakeSite) -> Iterator[Caller]:
    with make_site(WebServer, TTS_TIMEOUT_SECONDS="3") as server:
        yield Caller(server, new_token(server))


def assert_nothing_is_kept(caller: Caller, text: str) -> None:
    content_hash = hash_of(text)
    assert kept_in_database(caller.site, content_hash) == []
    assert files_of(caller.site, content_hash) == []
    looked_at = caller.ask("HEAD", clip_path(content_hash))
    assert (looked_at.status, looked_at.headers["Cache-Status"]) == (200, "lifereview; fwd=miss")


BROKEN = ("half", "short", "silence", "garbage", "wrong_format", "endless", "empty")
FORGOTTEN, REMEMBERED = "nothing; the next request made it right", "that it came out broken, for ten minutes"
REMEMBERED_FOR_GOOD = "that it came out broken twice, until staff ask"


def remembered_after(caller: Caller, openai: OpenAIServer, text: str, fault: str) -> str:
    """Check that only a broken text is not tried again at once; return a sentence about it."""
    if fault not in BROKEN:
        return FORGOTTEN
    openai.reset()
    response = caller.say(text)
    assert (response.status, response.json()["code"]) == (502, "provider_failed")
    assert openai.calls() == []
    let_broken_clips_be_tried_again(caller.site)
    return REMEMBERED_FOR_GOOD if fault in FAILS_BEFORE_A_BYTE else REMEMBERED


def assert_next_is_right(caller: Caller, openai: OpenAIServer, text: str) -> None:
    openai.reset()
    response = caller.say(text)
    assert (response.status, response.body) == (200, sound_of(text))
    assert response.headers["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
    assert kept_in_database(caller.site, hash_of(text)) == [sound_of(text)]
    assert len(openai.calls()) == 1


def test_the_first_byte_arrives_before_the_provider_sent_the_last(
    caller: Caller, openai: OpenAIServer
) -> None:
    text = phrase()
    openai.behave(gate_after_chunks=1)
    with caller.start_saying(text) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "audio/mpeg")
        assert response.headers["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
        _, first = next(iter(response))
        assert openai.calls()[0].outcome is None
        openai.release()
        assert first + whole_body(response) == sound_of(text)


def test_a_response_ends_only_when_the_clip_is_kept(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    caller.say(text)
    assert kept_in_database(caller.site, hash_of(text)) == [sound_of(text)]
    assert caller.say(text).headers["Cache-Status"] == "lifereview; hit; detail=memory"


def test_a_known_clip_without_audio_streams_from_its_address(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(fault=405)
    assert caller.say(text).status == 502
    openai.behave(gate_after_chunks=1)
    with caller.start_clip(hash_of(text)) as response:
        _, first = next(iter(response))
        openai.release()
        assert first + whole_body(response) == sound_of(text)


def test_a_late_listener_gets_the_recording_from_its_first_byte(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(gate_after_chunks=2)
    with caller.start_saying(text) as early:
        _, heard = next(iter(early))
        with caller.start_saying(text) as late:
            assert late.headers["Cache-Status"] == "lifereview; fwd=miss; collapsed"
            _, caught_up = next(iter(late))
            assert openai.calls()[0].outcome is None
            openai.release()
            assert caught_up + whole_body(late) == sound_of(text)
        assert heard + whole_body(early) == sound_of(text)
    assert len(openai.calls()) == 1


def test_a_clip_is_kept_when_its_listener_leaves(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(gate_after_chunks=1)
    with caller.start_saying(text) as response:
        next(iter(response))
    openai.release()
    wait_until(lambda: kept_in_database(caller.site, hash_of(text)), "the clip in the database")

    def heard_again() -> bool:  # for a moment it is kept, and its generation is still at work
        again = caller.say(text)
        assert again.body == sound_of(text)
        return again.headers["Cache-Status"].startswith("lifereview; hit")

    wait_until(heard_again, "a hit")
    assert len(openai.calls()) == 1


@pytest.mark.parametrize("fault", HEARD_BEFORE_IT_FAILS)
def test_a_clip_that_turns_out_broken_is_cut_and_forgotten(
    caller: Caller, openai: OpenAIServer, fault: str, note_fault: NoteFault
) -> None:
    text = long_phrase()
    openai.behave(fault=fault)
    with caller.start_saying(text) as response:
        assert response.status == 200
        with pytest.raises(BrokenTransfer):
            whole_body(response)
    assert len(openai.calls()) == 1  # a clip that listeners have heard in part is not started again
    assert_nothing_is_kept(caller, text)
    remembered = remembered_after(caller, openai, text, fault)
    assert_next_is_right(caller, openai, text)
    note_fault(f"provider: {FAULTS[fault]}", "200, then cut off", remembered)


@pytest.mark.parametrize(("fault", "status"), FAILS_BEFORE_A_BYTE.items())
def test_a_generation_without_a_byte_has_an_error_status(
    caller: Caller, openai: OpenAIServer, fault: str, status: int, note_fault: NoteFault
) -> None:
    text = phrase()
    openai.behave(fault=fault)
    response = caller.say(text)
    assert response.status == status
    assert ("Retry-After" in response.headers) == (status == 503)
    tries = 2 if fault in BROKEN else 3
    assert len(openai.calls()) == tries
    assert_nothing_is_kept(caller, text)
    remembered = remembered_after(caller, openai, text, fault)
    assert_next_is_right(caller, openai, text)
    note_fault(f"provider: {FAULTS[fault]}", f"{status} after {tries} tries", remembered)


@pytest.mark.parametrize("fault", ["never", "drip_headers", "drip"])
def test_a_provider_that_never_answers_is_a_timeout(
    impatient: Caller, openai: OpenAIServer, fault: str, note_fault: NoteFault
) -> None:
    text = phrase()
    openai.behave(fault=fault)
    response = impatient.say(text)
    assert (response.status, response.json()["code"]) == (504, "provider_timeout")
    assert_nothing_is_kept(impatient, text)
    assert_next_is_right(impatient, openai, text)
    note_fault(f"provider: {FAULTS[fault]}", "504 after 3 tries", "nothing; the next request made it right")


@pytest.mark.parametrize("fault", [500, 503, 429, "hang_up", "html", "empty"])
def test_a_fault_before_the_first_byte_is_retried_over_http(
    caller: Caller, openai: OpenAIServer, fault: str | int
) -> None:
    text = phrase()
    openai.behave(fault=fault, first_calls=1)
    response = caller.say(text)
    assert (response.status, response.body) == (200, sound_of(text))
    assert len(openai.calls()) == 2


def test_every_listener_of_a_broken_recording_is_cut_off(caller: Caller, openai: OpenAIServer) -> None:
    text = long_phrase()
    openai.behave(fault="break_off", gate_after_chunks=1)
    with caller.start_saying(text) as first, caller.start_saying(text) as second:
        openai.release()
        for response in (first, second):
            with pytest.raises(BrokenTransfer):
                whole_body(response)
    assert len(openai.calls()) == 1


def test_a_range_of_a_clip_in_the_making_waits_for_the_whole(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(gate_after_chunks=1)
    with caller.start_saying(text) as response:
        next(iter(response))
        with ThreadPoolExecutor() as threads:
            part_call = threads.submit(caller.clip, hash_of(text), Range="bytes=100-199")
            wait_until(lambda: clients_of(caller.site).total() == 2, "both of them connected")
            openai.release()
            part = part_call.result()
    assert (part.status, part.body) == (206, sound_of(text)[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(sound_of(text))}"


def test_a_range_of_a_clip_without_audio_has_it_made(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(fault=405)
    caller.say(text)
    openai.reset()
    part = caller.clip(hash_of(text), Range="bytes=-50")
    assert (part.status, part.body) == (206, sound_of(text)[-50:])
    assert len(openai.calls()) == 1


def test_head_never_has_a_clip_made(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    openai.behave(fault=405)
    caller.say(text)
    openai.reset()
    response = caller.ask("HEAD", clip_path(hash_of(text)))
    assert (response.status, response.headers["Content-Type"]) == (200, "audio/mpeg")
    assert "Content-Length" not in response.headers
    assert openai.calls() == []


def test_a_text_of_several_calls_is_one_clip(caller: Caller, openai: OpenAIServer) -> None:
    sentences = [f"This is sentence {number} of a long life, {phrase(4)}" for number in range(90)]
    text = " ".join(sentences)
    openai.behave(headers_delay_seconds=0.2)  # makes the calls overlap
    heard = caller.say(text)
    assert heard.status == 200
    parts = [call.text for call in openai.calls()]
    assert len(parts) == 3 and max(map(len, parts)) <= 4_096
    assert sorted(" ".join(parts).split()) == sorted(text.split())
    assert openai.peak_concurrency() > 1
    alone = sum(examine(sound_of(part), "mp3").duration_ms for part in parts)
    assert abs(examine(heard.body, "mp3").duration_ms - alone) < 100 * len(parts)
    assert kept_in_database(caller.site, hash_of(text)) == [heard.body]
    again = caller.clip(hash_of(text), Range="bytes=1000-1999")
    assert (again.status, again.body) == (206, heard.body[1000:2000])


def test_only_a_failed_part_is_made_again_over_http(caller: Caller, openai: OpenAIServer) -> None:
    text = " ".join(f"This is sentence {number} of a long life, {phrase(4)}" for number in range(90))
    openai.behave(fault="half", first_calls=1)
    assert caller.say(text).status == 200
    assert len(openai.calls()) == 4


def answer_over_http_1_0(caller: Caller, text: str) -> bytes:
    """Return all bytes that an HTTP/1.0 connection delivers."""
    body = json.dumps({"text": text, "voice": "nova"}).encode()
    with socket.create_connection(("127.0.0.1", caller.site.port), timeout=60) as connection:
        head = (
            f"POST /api/text-to-speech HTTP/1.0\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {caller.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_an_old_proxy_never_takes_half_a_clip_for_a_whole_one(caller: Caller, openai: OpenAIServer) -> None:
    """HTTP/1.0 cannot tell the end of a stream from a cut, so the clip is sent once it is whole."""
    openai.behave(fault="break_off")
    assert b" 502 " in answer_over_http_1_0(caller, long_phrase()).partition(b"\r\n")[0]
    openai.reset()
    text = long_phrase()
    head, _, body = answer_over_http_1_0(caller, text).partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0]
    assert f"Content-Length: {len(sound_of(text))}".encode() in head
    assert body == sound_of(text)


def test_a_retry_after_of_the_provider_is_respected(caller: Caller, openai: OpenAIServer) -> None:
    openai.behave(fault=503, retry_after_seconds=1, first_calls=1)
    text = phrase()
    assert caller.say(text).body == sound_of(text)
    refused, granted = openai.calls()
    assert granted.started_at - refused.started_at >= 1
