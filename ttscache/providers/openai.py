"""Streams from any OpenAI-compatible speech endpoint.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ttscache import audio as sound
from ttscache.errors import (
    BrokenAudio,
    KeyRefused,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
    TextRefused,
)
from ttscache.prices import list_price_usd
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest

if TYPE_CHECKING:
    from openai import OpenAI

logger = logging.getLogger(__name__)

MAX_INPUT_CHARACTERS = 4_096
PARTS_AT_ONCE = 4
CHARACTERS_A_SECOND = 100  # of deadline: a longer text may take longer
CONNECT_SECONDS = 5.0


class OpenAIProvider:
    """`first_byte_seconds` bounds the wait for sound, `timeout_seconds` (and 1 s for each 100 characters) the
    whole call. A text that is too long for one call is spoken in parts, which do not stream."""

    name = "openai"

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "",
        first_byte_seconds: float = 10.0,
        timeout_seconds: float = 30.0,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._first_byte_seconds = min(first_byte_seconds, timeout_seconds)
        self._timeout_seconds = timeout_seconds

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(api_key=self._api_key, base_url=self._base_url or None, max_retries=0)

    def streams(self, request: SpeechRequest) -> bool:
        return len(request.text) <= MAX_INPUT_CHARACTERS

    def can_speak(self, request: SpeechRequest) -> bool:
        return request.model != EMBEDDED_MODEL

    def price_usd(self, request: SpeechRequest) -> float:
        return list_price_usd(request.model, len(request.text))

    def speak(self, request: SpeechRequest) -> Iterator[bytes]:
        if self.streams(request):
            yield from self._speak(request, request.text)
        else:
            yield self._speak_in_parts(request)

    def _speak_in_parts(self, request: SpeechRequest) -> bytes:
        parts = sound.split_text(request.text, MAX_INPUT_CHARACTERS)
        with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
            spoken = list(pool.map(lambda part: b"".join(self._speak(request, part)), parts))
        return sound.join(spoken, request.audio_format)

    def _speak(self, request: SpeechRequest, text: str) -> Iterator[bytes]:
        deadline = _Deadline(
            self._first_byte_seconds, self._timeout_seconds + len(text) / CHARACTERS_A_SECOND
        )
        with _our_errors(deadline), self._answer(request, text) as response:
            _check_is_audio(response.headers.get("content-type", ""))
            deadline.watch(response)
            for chunk in response.iter_bytes():
                if chunk:
                    deadline.sound_came()
                    yield chunk
            deadline.check()

    def _answer(self, request: SpeechRequest, text: str) -> Any:
        import httpx2

        # The wait for the headers is bounded here; once they are there the deadline takes over.
        timeout = httpx2.Timeout(
            self._timeout_seconds, connect=CONNECT_SECONDS, read=self._first_byte_seconds
        )
        extra = {"instructions": request.instructions} if request.instructions else {}
        return self._client.audio.speech.with_streaming_response.create(
            model=request.model,
            voice=request.voice,
            input=text,
            response_format=request.audio_format,  # type: ignore[arg-type]
            speed=request.speed,
            timeout=timeout,
            **extra,  # type: ignore[arg-type]
        )


class _Deadline:
    """Shuts the connection of a call that takes too long: a dripping body never runs into a read timeout."""

    def __init__(self, first_byte_seconds: float, total_seconds: float) -> None:
        now = time.monotonic()
        self._first_byte_at = now + first_byte_seconds
        self._end_at = now + total_seconds
        self._timer: threading.Timer | None = None
        self._connection: socket.socket | None = None
        self._has_sound = False
        self.is_over = False

    def watch(self, response: Any) -> None:
        http_response = response.http_response
        self._connection = http_response.extensions["network_stream"].get_extra_info("socket")
        # From here on this deadline decides, not the client's timeout for each read.
        http_response.request.extensions["timeout"]["read"] = None
        self._start(self._first_byte_at)

    def sound_came(self) -> None:
        """From the first byte on, only the end of the call is bounded."""
        if not self._has_sound:
            self._has_sound = True
            self.stop()
            self._start(self._end_at)

    def check(self) -> None:
        """Raises ProviderTimeout where the end of the body was our own doing."""
        if self.is_over:
            raise ProviderTimeout

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _start(self, at: float) -> None:
        self._timer = threading.Timer(max(0.0, at - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self.is_over = True
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


def _check_is_audio(content_type: str) -> None:
    if content_type.startswith(("text/", "application/json")):
        raise BrokenAudio("the answer is not audio")


@contextmanager
def _our_errors(deadline: _Deadline) -> Iterator[None]:
    """The library's errors as ours, without their messages: those may quote the text or the key."""
    import httpx2
    import openai

    error: SpeechError
    try:
        yield
        return
    except openai.APITimeoutError:
        error = ProviderTimeout()
    except openai.APIConnectionError:
        error = ProviderUnavailable()
    except openai.APIStatusError as answer:
        error = _error_of(answer)
    except httpx2.TimeoutException:
        error = ProviderTimeout()
    except httpx2.HTTPError:
        error = ProviderTimeout() if deadline.is_over else ProviderFailed()
    finally:
        deadline.stop()
    raise error from None


def _error_of(answer: Any) -> SpeechError:
    status, body = answer.status_code, answer.body if isinstance(answer.body, dict) else {}
    retry_after = _seconds(answer.response.headers.get("retry-after", ""))
    if status in (401, 403):
        logger.error(
            "The speech provider refuses our key (HTTP %s). Nothing new can be spoken until it is changed.",
            status,
        )
        return KeyRefused()
    if status in (400, 422) and body.get("param") in (None, "", "input"):
        return TextRefused()
    if status == 429 and body.get("code") == "insufficient_quota":
        logger.error("The speech provider says that our quota is used up.")
        return KeyRefused()
    if status in (429, 503, 529):
        return ProviderUnavailable(retry_after_seconds=retry_after)
    if status in (408, 504):
        return ProviderTimeout()
    failed = ProviderFailed(retry_after_seconds=retry_after)
    failed.is_retryable = status >= 500
    logger.warning("The speech provider answered HTTP %s.", status)
    return failed


def _seconds(retry_after: str) -> float | None:
    """Retry-After as seconds (RFC 9110 section 10.2.3); its other form, a date, is not worth waiting for."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
