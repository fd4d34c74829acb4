"""A clip as server-sent events, as OpenAI's `stream_format: sse` sends it.

https://platform.openai.com/docs/api-reference/audio/speech-audio-delta-event
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from ttscache.speech import SpeechRequest
from ttscache.token_usage import audio_tokens, text_tokens

PIECE_BYTES = 24_576  # of a clip that is whole; divisible by three, so no piece is padded
_ABOUT_BYTES = ("Accept-Ranges", "Content-Length", "ETag")
_CHARACTERS_A_SECOND = 15  # of speech, about; a stream's length is unknown until its end


def as_events(response: HttpResponseBase, speech: SpeechRequest) -> HttpResponseBase:
    """Send the body of this response as events. An error, or a stream that is cut, stays one."""
    if response.status_code != 200:
        return response
    streams = isinstance(response, StreamingHttpResponse)
    pieces = cast(StreamingHttpResponse, response).streaming_content if streams else _pieces(response)
    answer = StreamingHttpResponse(_Events(cast(Iterator[bytes], pieces), speech, response))
    for name, value in response.items():
        if name not in _ABOUT_BYTES:
            answer[name] = value
    answer["Content-Type"] = "text/event-stream; charset=utf-8"
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"  # nginx must not collect the events
    return answer


class _Events:
    """The body. It closes the response that it reads, which frees that one's place in the waiting room."""

    def __init__(self, pieces: Iterator[bytes], speech: SpeechRequest, source: HttpResponseBase) -> None:
        self._events = self._all(pieces, speech)
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        self._source.close()

    def _all(self, pieces: Iterator[bytes], speech: SpeechRequest) -> Iterator[bytes]:
        for piece in pieces:
            if piece:
                yield _event("speech.audio.delta", audio=base64.b64encode(piece).decode())
        heard = text_tokens(f"{speech.text} {speech.instructions}".strip())
        said = audio_tokens(len(speech.text) / _CHARACTERS_A_SECOND / speech.speed)
        usage = {"input_tokens": heard, "output_tokens": said, "total_tokens": heard + said}
        yield _event("speech.audio.done", usage=usage)


def _pieces(response: HttpResponseBase) -> Iterator[bytes]:
    clip = cast(HttpResponse, response).content
    for start in range(0, len(clip), PIECE_BYTES):
        yield clip[start : start + PIECE_BYTES]


def _event(kind: str, **fields: Any) -> bytes:
    return f"data: {json.dumps({'type': kind, **fields})}\n\n".encode()
