"""Calls a site through the official Python client, of any version, and prints what it got as JSON.

It runs with nothing but that client and its dependencies on its path:
    python -S openai_clients.py BASE_URL TOKEN TEXT
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from typing import Any

import openai
from openai import APIStatusError, AsyncOpenAI, OpenAI

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")

base_url, api_key, text = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
call: dict[str, Any] = {"model": "tts-1-hd", "voice": "nova", "input": text}


def digest(clip: bytes) -> str:
    return hashlib.sha256(clip).hexdigest()


def whole(**fields: Any) -> dict[str, str]:
    answer = client.audio.speech.create(**(call | fields))
    return {"type": answer.response.headers["content-type"], "digest": digest(answer.content)}


def streamed() -> dict[str, str]:
    with client.audio.speech.with_streaming_response.create(**call) as answer:
        return {"digest": digest(b"".join(answer.iter_bytes()))}


def events() -> dict[str, Any]:
    how = client.audio.speech.with_streaming_response
    # Versions before 1.100 do not know this field.
    with how.create(**(call | {"model": "life-review"}), extra_body={"stream_format": "sse"}) as answer:
        told = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line]
    clip = b"".join(base64.b64decode(each["audio"]) for each in told if each["type"] == "speech.audio.delta")
    return {"digest": digest(clip), "last": told[-1]}


async def asynchronous() -> dict[str, str]:
    async with AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0) as asks:
        clip = await asks.audio.speech.create(**call)
        async with asks.audio.speech.with_streaming_response.create(**call) as answer:
            pieces = [piece async for piece in answer.iter_bytes()]
        return {"digest": digest(clip.content), "streamed": digest(b"".join(pieces))}


def refused(key: str = api_key, **fields: Any) -> dict[str, Any]:
    try:
        client.with_options(api_key=key).audio.speech.create(**(call | fields))
    except APIStatusError as error:
        told = {"kind": type(error).__name__, "status": error.status_code, "id": error.request_id}
        return told | {"code": error.code, "param": error.param}
    raise SystemExit("The call is not refused.")


print(
    json.dumps(
        {
            "version": openai.__version__,
            "whole": whole(),
            "streamed": streamed(),
            "asynchronous": asyncio.run(asynchronous()),
            "events": events(),
            "formats": {each: whole(response_format=each) for each in FORMATS},
            "models": [model.id for model in client.models.list()],
            "model": client.models.retrieve("life-review").id,
            "wrongVoice": refused(voice="nobody"),
            "wrongKey": refused(key="nonsense"),
        }
    )
)
