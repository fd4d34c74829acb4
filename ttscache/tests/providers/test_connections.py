"""Connections to the provider are reused: a handshake can take as long as the first byte of a call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clips import entry
from harness.fake_voice import free_ledger
from harness.tls_speech import TLSSpeechServer
from harness.waiting import wait_until
from ttscache.accounting.ledger import Ledger
from ttscache.errors import ConnectionClosed, ProviderTimeout, ProviderUnavailable, SpeechError
from ttscache.generation.job import GenerationJob
from ttscache.generation.recording import Recording
from ttscache.generation.synthesizer import Synthesizer
from ttscache.providers.connection import trusted_certificates
from ttscache.providers.openai import OpenAIProvider
from ttscache.speech import SpeechRequest

pytestmark = pytest.mark.any_database

CALLS = 5
TEXT = "Where did it begin?"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TLSSpeechServer]:
    with TLSSpeechServer(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        trusted_certificates.cache_clear()
        yield server
    trusted_certificates.cache_clear()


@pytest.fixture
def voice(server: TLSSpeechServer) -> OpenAIProvider:
    return OpenAIProvider(
        api_key="sk-of-a-test", base_url=server.base_url, first_byte_seconds=5, timeout_seconds=5
    )


def hear(voice: OpenAIProvider, text: str = TEXT) -> bytes:
    return b"".join(voice.speak(SpeechRequest(text=text, voice="nova", model="tts-1-hd")))


def test_calls_one_after_the_other_share_one_handshake(
    server: TLSSpeechServer, voice: OpenAIProvider
) -> None:
    clips = [hear(voice) for _ in range(CALLS)]
    assert all(clips)
    assert (len(server.calls()), server.connections) == (CALLS, 1)


def test_concurrent_calls_keep_a_connection_each(server: TLSSpeechServer, voice: OpenAIProvider) -> None:
    for _ in range(2):
        server.behave(gate_after_chunks=1)
        threads = [threading.Thread(target=hear, args=(voice,)) for _ in range(3)]
        before = len(server.calls())
        for thread in threads:
            thread.start()
        wait_until(lambda: len(server.calls()) == before + 3, "three calls at once")  # noqa: B023
        server.behave()
        for thread in threads:
            thread.join()
    assert server.connections == 3


def test_a_connection_that_the_server_closed_in_between_is_replaced(
    server: TLSSpeechServer, voice: OpenAIProvider
) -> None:
    hear(voice)
    server.close_idle_connections()
    assert hear(voice)
    assert (len(server.calls()), server.connections) == (2, 2)


def make(voice: OpenAIProvider, ledger: Ledger) -> bytes:
    job = GenerationJob(SpeechRequest(text=TEXT, voice="nova", model="tts-1-hd"), "question")
    return Synthesizer(voice, ledger).synthesize(job, Recording(lambda _: entry())).audio


def test_a_clip_is_made_though_the_server_hangs_up_on_a_kept_connection(
    server: TLSSpeechServer, voice: OpenAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes the connection while the next request is under way."""
    pauses: list[float] = []
    monkeypatch.setattr("ttscache.generation.synthesizer.time.sleep", pauses.append)
    hear(voice)
    server.behave(fault="hang_up", first_calls=1)
    assert make(voice, free_ledger())
    assert (len(server.calls()), server.connections, pauses) == (3, 2, [0.0])


def test_no_call_is_repeated_without_the_ledger(server: TLSSpeechServer, voice: OpenAIProvider) -> None:
    """A provider may charge for a call whose answer was lost, so the caller decides and records each call."""
    hear(voice)
    server.behave(fault="hang_up")
    with pytest.raises(ConnectionClosed):
        hear(voice)
    assert len(server.calls()) == 2
    with pytest.raises(ProviderUnavailable) as failed:
        hear(voice)
    assert type(failed.value) is ProviderUnavailable, "on a new connection it is trouble of the provider"
    assert len(server.calls()) == 3


def test_a_look_survives_a_kept_connection_that_the_server_closed(
    server: TLSSpeechServer, voice: OpenAIProvider
) -> None:
    hear(voice)
    server.close_idle_connections()
    assert voice.is_well()


@pytest.mark.parametrize("fault", ["break_off", "500"])
def test_a_call_that_fails_during_its_answer_is_not_repeated(
    server: TLSSpeechServer, voice: OpenAIProvider, fault: str
) -> None:
    hear(voice)
    server.behave(fault=fault)
    with pytest.raises(SpeechError):
        hear(voice)
    assert len(server.calls()) == 2


@pytest.mark.parametrize("fault", ["never", "drip_headers", "drip"])
def test_a_late_answer_on_a_kept_connection_is_given_up_in_time_and_not_asked_again(
    server: TLSSpeechServer, fault: str
) -> None:
    voice = OpenAIProvider(api_key="sk", base_url=server.base_url, first_byte_seconds=0.5, timeout_seconds=1)
    hear(voice)
    server.behave(fault=fault)
    began = time.monotonic()
    with pytest.raises(ProviderTimeout):
        hear(voice)
    assert time.monotonic() - began < 4
    assert (len(server.calls()), server.connections) == (2, 1)
    server.behave()
    assert hear(voice)


def test_a_listener_who_leaves_leaves_no_half_read_connection(
    server: TLSSpeechServer, voice: OpenAIProvider
) -> None:
    server.behave(gate_after_chunks=1)
    leaving = voice.speak(SpeechRequest(text=TEXT, voice="nova", model="tts-1-hd"))
    next(leaving)
    leaving.close()
    server.behave()
    assert hear(voice)


def test_a_forked_process_has_connections_of_its_own(server: TLSSpeechServer, voice: OpenAIProvider) -> None:
    hear(voice)
    child = os.fork()
    if child == 0:
        os._exit(0 if hear(voice) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert hear(voice)
    assert server.connections == 2, "the child made one, and the parent's was left alone"
