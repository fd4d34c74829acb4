"""Streams from any OpenAI-compatible speech endpoint.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from ttscache import audio as sound
from ttscache.errors import (
    BrokenAudio,
    ConnectionClosed,
    KeyRefused,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaUsedUp,
    SpeechError,
    TextRefused,
)
from ttscache.providers.connection import Connection, Connections, Deadline
from ttscache.providers.refusals import refusal
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.resources.audio import Speech

logger = logging.getLogger(__name__)

REHEARSED = SpeechRequest(text="Is everybody there?", voice="nova", model="tts-1")

_POLICY = re.compile(r"policy|moderation|safety|content_filter", re.IGNORECASE)
_OTHER_FIELD = re.compile(r"voice|model|speed|format|instructions|parameter|body|key|stream", re.IGNORECASE)

MAX_INPUT_CHARACTERS = 4_096
CHARACTERS_A_SECOND = 100  # of deadline: a longer text may take longer
MOST_BYTES_A_CHARACTER = 16_000  # three characters a second, uncompressed
CONNECT_SECONDS = 5.0


class OpenAIProvider:
    """`first_byte_seconds` bounds the wait for sound, `timeout_seconds` (and 1 s for each 100 characters) the
    whole call, from the connection to the last byte."""

    name = "openai"
    is_streaming = True

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
        self._connections = Connections(self._client_with)

    def _client_with(self, **how: Any) -> OpenAI:
        from openai import DefaultHttpx2Client, OpenAI

        return OpenAI(
            api_key=self._api_key,
            base_url=self._base_url or None,
            max_retries=0,
            http_client=DefaultHttpx2Client(verify=_certificates(), **how),
        )

    def rehearse(self) -> None:
        """Go through a call without a network: what the library puts off until its first one is done then."""
        import httpcore2  # noqa: F401 - the network, which the rehearsal does without
        import httpx2

        nobody = httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"."))
        with self._request(self._client_with(transport=nobody).audio.speech, REHEARSED) as response:
            response.read()

    def can_speak(self, request: SpeechRequest) -> bool:
        return request.model != EMBEDDED_MODEL

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]:
        return [replace(request, text=part) for part in sound.split_text(request.text, MAX_INPUT_CHARACTERS)]

    def is_well(self) -> bool:
        """Whether it lists its models, or at least answers."""
        import openai

        try:
            with (
                self._connections.borrowed() as connection,
                Deadline(connection, CONNECT_SECONDS, CONNECT_SECONDS),
            ):
                _list_models(connection)
        except openai.APIStatusError as answer:
            # Not every server has a list, and a key may be good for speech alone.
            return answer.status_code < 500 and answer.status_code != 429
        except Exception:
            logger.info("The speech provider does not answer.")
            return False
        return True

    def speak(self, request: SpeechRequest) -> Iterator[bytes]:
        total_seconds = self._timeout_seconds + len(request.text) / CHARACTERS_A_SECOND
        with self._connections.borrowed() as connection:
            voice = connection.client.audio.speech  # loaded before its time begins to run
            with (
                Deadline(connection, self._first_byte_seconds, total_seconds) as deadline,
                _our_errors(deadline, connection, request.model),
                self._request(voice, request) as response,
            ):
                yield from self._chunks(response, request, deadline)

    def _chunks(self, response: Any, request: SpeechRequest, deadline: Deadline) -> Iterator[bytes]:
        _check_is_audio(response.headers.get("content-type", ""))
        received, limit = 0, _most_bytes(request)
        for chunk in response.iter_bytes():
            if chunk:
                deadline.sound_came()
                received += len(chunk)
                if received > limit:
                    raise BrokenAudio("more bytes than any voice needs")
                yield chunk
        deadline.check()

    def _request(self, voice: Speech, request: SpeechRequest) -> Any:
        import httpx2

        # Reading is bounded by the deadline; this catches what hangs before there is a connection.
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS, write=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        extra = {"instructions": request.instructions} if request.instructions else {}
        return voice.with_streaming_response.create(
            model=request.model,
            voice=request.voice,
            input=request.text,
            response_format=request.audio_format,  # type: ignore[arg-type]
            speed=request.speed,
            timeout=timeout,
            **extra,  # type: ignore[arg-type]
        )


def _list_models(connection: Connection) -> None:
    """It costs nothing, so it may be asked twice."""
    import openai

    try:
        connection.client.models.list(timeout=CONNECT_SECONDS)
    except openai.APIConnectionError as failed:
        if not connection.was_closed(failed):
            raise
        connection.client.models.list(timeout=CONNECT_SECONDS)


def _most_bytes(request: SpeechRequest) -> int:
    return round(MOST_BYTES_A_CHARACTER * len(request.text) / request.speed) + 1024**2


def _check_is_audio(content_type: str) -> None:
    if content_type.startswith(("text/", "application/json")):
        raise BrokenAudio("the answer is not audio", is_about_text=False)


@cache
def _certificates() -> ssl.SSLContext:
    """Those that this machine trusts; reading them takes as long as some calls' first byte."""
    import httpx2

    return httpx2.create_ssl_context()


@contextmanager
def _our_errors(deadline: Deadline, connection: Connection, model: str) -> Iterator[None]:
    """The library's errors as ours, without their messages: those may quote the text or the key."""
    import httpx2
    import openai

    error: SpeechError
    try:
        yield
        return
    except openai.APITimeoutError as late:
        is_connected = not isinstance(late.__cause__, httpx2.ConnectTimeout)
        error = ProviderTimeout() if is_connected else ProviderUnavailable()
    except openai.APIConnectionError as failed:
        if deadline.is_over:
            error = ProviderTimeout()
        else:
            # Not called again here: whoever decides about a further call books this one first.
            error = ConnectionClosed() if connection.was_closed(failed) else ProviderUnavailable()
    except openai.APIStatusError as answer:
        error = _error_of(answer, model)
    except httpx2.TimeoutException:
        error = ProviderTimeout()
    except httpx2.HTTPError:
        error = ProviderTimeout() if deadline.is_over else ProviderFailed()
    raise error from None


def _error_of(answer: Any, model: str) -> SpeechError:
    status, body = answer.status_code, answer.body if isinstance(answer.body, dict) else {}
    if status in (404, 410) or "model_not_found" in (body.get("code"), body.get("type")):
        return refusal(body, model=model, status=status)
    retry_after = _seconds(answer.response.headers.get("retry-after", ""))
    if status in (401, 403):
        logger.error(
            "The speech provider refuses our key (HTTP %s). Nothing new can be spoken until it is changed.",
            status,
        )
        return KeyRefused()
    code = str(body.get("code") or "")
    if code.startswith(("billing", "insufficient_quota")):
        logger.error("The speech provider says that our quota is used up (%s).", code)
        return QuotaUsedUp()
    if status in (400, 422) and _is_about_the_text(body):
        return TextRefused()
    if status in (429, 503, 529):
        busy = ProviderUnavailable(retry_after_seconds=retry_after)
        busy.cause = "provider_busy"
        return busy
    if status in (408, 504):
        return ProviderTimeout()
    failed = ProviderFailed(retry_after_seconds=retry_after)
    failed.is_retryable = status >= 500
    logger.warning("The speech provider answered HTTP %s.", status)
    return failed


def _is_about_the_text(body: dict[str, Any]) -> bool:
    """Whether the words were refused: `param` says so, or the code, or nothing speaks of anything else.

    Servers with the same protocol refuse an unknown voice or model with the same status.
    """
    message, code = str(body.get("message") or ""), str(body.get("code") or "")
    if body.get("param") == "input" or _POLICY.search(code) or "'loc': ('body', 'input'" in message:
        return True
    is_plain = body.get("type") == "invalid_request_error" and not code and not body.get("param")
    return is_plain and not _OTHER_FIELD.search(message)


def _seconds(retry_after: str) -> float | None:
    """Retry-After, a number of seconds or a date, as seconds from now (RFC 9110 section 10.2.3)."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
