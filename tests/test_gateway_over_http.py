"""The official OpenAI clients, pointed at this site by their base URL alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai as client_library
import pytest

from harness import Unavailable, http
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.process import PROJECT
from harness.site import MakeSite, WebServer
from harness.site_data import new_token
from ttscache import audio

pytestmark = [pytest.mark.site, pytest.mark.any_database]

TEXT = "Good morning. We are glad that you are here today, and the kettle is on."
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
JAVASCRIPT_CLIENTS = (pytest.param("6.30.1", marks=pytest.mark.long), "7.59.0")
PYTHON_CLIENTS = ("1.109.1", "2.54.0", "3.0.0", "3.28.0", "3.57.0")


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    with make_site(WebServer) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: WebServer) -> str:
    return new_token(server)


@pytest.fixture(scope="module")
def client(server: WebServer, token: str) -> client_library.OpenAI:
    return client_library.OpenAI(base_url=f"{server.url}/v1", api_key=token, max_retries=0)


def digest(clip: bytes) -> str:
    return hashlib.sha256(clip).hexdigest()


def speak(client: client_library.OpenAI, **fields: Any) -> Any:
    return client.audio.speech.create(**{"model": "tts-1-hd", "voice": "nova", "input": TEXT} | fields)


class TestPythonClient:
    def test_a_text_is_bought_once_and_sent_in_all_six_formats(
        self, client: client_library.OpenAI, openai: OpenAIServer
    ) -> None:
        text = f"{TEXT} In six formats."
        clips = {kind: speak(client, input=text, response_format=kind) for kind in FORMATS}
        again = {kind: speak(client, input=text, response_format=kind) for kind in FORMATS}

        for kind in FORMATS:
            assert audio.begins_as(clips[kind].content, kind)
            assert clips[kind].content == again[kind].content
            assert clips[kind].response.headers["content-type"] == audio.FORMATS[kind].media_type
        # Only a second lossy encoding is bought: the lossless ones are made from the MP3.
        assert [call.audio_format for call in openai.calls()] == ["mp3", "opus", "aac"]

    def test_a_stream_has_the_bytes_of_the_whole_clip(
        self, client: client_library.OpenAI, openai: OpenAIServer
    ) -> None:
        text = f"{TEXT} As a stream."
        how = client.audio.speech.with_streaming_response
        with how.create(model="tts-1", voice="onyx", input=text) as answer:
            streamed = b"".join(answer.iter_bytes())
            assert answer.headers["cache-status"] == "lifereview; fwd=miss; detail=generated"
        whole = speak(client, model="tts-1", voice="onyx", input=text)
        assert whole.content == streamed
        assert whole.response.headers["cache-status"].startswith("lifereview; hit")
        assert len(openai.calls()) == 1

    def test_the_asynchronous_client_gets_the_same_bytes(
        self, server: WebServer, token: str, client: client_library.OpenAI
    ) -> None:
        async def ask() -> bytes:
            async with client_library.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=token) as asks:
                answer = await asks.audio.speech.create(model="tts-1-hd", voice="nova", input=TEXT)
                return answer.content

        assert asyncio.run(ask()) == speak(client).content

    def test_events_join_to_the_clip(self, client: client_library.OpenAI) -> None:
        how = client.audio.speech.with_streaming_response
        with how.create(model="life-review", voice="nova", input=TEXT, stream_format="sse") as answer:
            lines = [line for line in answer.iter_lines() if line]
        events = [json.loads(line.removeprefix("data: ")) for line in lines]
        clip = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
        assert clip == speak(client).content
        assert events[-1]["type"] == "speech.audio.done"

    def test_every_answer_has_an_id(self, server: WebServer, token: str) -> None:
        headers = http.json_headers({"Authorization": f"Bearer {token}"})
        bodies = [
            json.dumps({"model": model, "voice": "nova", "input": TEXT}).encode()
            for model in ("tts-1", "tts-1", 7)
        ]
        address = f"{server.url}/v1/audio/speech"
        ids = {http.request("POST", address, headers, body).headers["x-request-id"] for body in bodies}
        assert len(ids) == 3

    def test_models_are_listed_and_retrieved(self, client: client_library.OpenAI) -> None:
        assert [model.id for model in client.models.list()][:2] == ["life-review", "tts-1-hd"]
        assert client.models.retrieve("tts-1-hd").object == "model"

    def test_errors_are_those_that_the_client_knows(
        self, client: client_library.OpenAI, openai: OpenAIServer
    ) -> None:
        with pytest.raises(client_library.BadRequestError) as wrong:
            speak(client, voice="nobody")
        assert (wrong.value.param, wrong.value.code) == ("voice", "invalid_value")
        assert wrong.value.request_id
        with pytest.raises(client_library.AuthenticationError):
            speak(client.with_options(api_key="nonsense"))
        openai.behave(fault=410)
        with pytest.raises(client_library.NotFoundError) as gone:
            speak(client, model="gone-model", voice="alloy")
        assert gone.value.code == "model_not_found"
        openai.behave(fault=503)
        with pytest.raises(client_library.APIStatusError) as busy:
            speak(client, input=f"{TEXT} While the service is busy.")
        assert busy.value.status_code == 503


def install_javascript_client(folder: Path, version: str) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("no node and npm on the PATH")
    install = ["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(
        [*install, f"openai@{version}"], cwd=folder, check=False, timeout=120, capture_output=True
    )
    if done.returncode:
        raise Unavailable("npm cannot install the JavaScript client")


def install_python_client(folder: Path, version: str) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    done = subprocess.run([*install, f"openai=={version}"], check=False, timeout=240, capture_output=True)
    if done.returncode:
        raise Unavailable("pip cannot install the Python client")


def run_client(command: list[str], server: WebServer, token: str, **how: Any) -> Any:
    """Run a script of the harness that prints what it got from the site."""
    answer = subprocess.run(
        [*command, f"{server.url}/v1", token, TEXT],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **how,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def assert_same_bytes_and_errors(told: Any, client: client_library.OpenAI) -> None:
    """Compare what another client got with what the one of this test run gets."""
    clip = digest(speak(client).content)
    assert told["whole"] == {"type": "audio/mpeg", "digest": clip}
    assert told["streamed"]["digest"] == clip
    assert told["events"]["digest"] == clip
    assert told["events"]["last"]["type"] == "speech.audio.done"
    assert told["formats"] == {
        kind: {
            "type": audio.FORMATS[kind].media_type,
            "digest": digest(speak(client, response_format=kind).content),
        }
        for kind in FORMATS
    }
    assert told["model"] == told["models"][0] == "life-review"
    assert told["wrongVoice"]["kind"] == "BadRequestError"
    assert (told["wrongVoice"]["param"], told["wrongVoice"]["code"]) == ("voice", "invalid_value")
    assert told["wrongVoice"]["id"]
    assert (told["wrongKey"]["kind"], told["wrongKey"]["status"]) == ("AuthenticationError", 401)


@pytest.mark.usefixtures("openai")
@pytest.mark.parametrize("version", JAVASCRIPT_CLIENTS)
def test_the_javascript_client_gets_the_same_bytes_and_errors(
    server: WebServer,
    token: str,
    client: client_library.OpenAI,
    tmp_path: Path,
    version: str,
) -> None:
    shutil.copy(PROJECT / "harness/openai_clients.mjs", tmp_path)
    with skipped_when_unavailable():
        install_javascript_client(tmp_path, version)

    told = run_client(["node", "openai_clients.mjs"], server, token, cwd=tmp_path)

    assert_same_bytes_and_errors(told, client)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("openai")
@pytest.mark.parametrize("version", PYTHON_CLIENTS)
def test_each_version_of_the_python_client_gets_the_same_bytes_and_errors(
    server: WebServer,
    token: str,
    client: client_library.OpenAI,
    tmp_path: Path,
    version: str,
) -> None:
    with skipped_when_unavailable():
        install_python_client(tmp_path, version)

    # A folder of its own and -S: no package or module of this test run is found.
    shutil.copy(PROJECT / "harness/openai_clients.py", tmp_path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    told = run_client(
        [sys.executable, "-S", "openai_clients.py"], server, token, cwd=tmp_path, env=environment
    )

    assert told["version"] == version
    assert_same_bytes_and_errors(told, client)
    clip = told["whole"]["digest"]
    assert told["asynchronous"] == {"digest": clip, "streamed": clip}
