"""Speaks through any OpenAI-compatible service.

Models of the Realtime API speak through RealtimeVoice; all others stream from /v1/audio/speech.
https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from ttscache import audio as sound
from ttscache.errors import (
    BrokenAudio,
    ConnectionClosed,
    FormatRefused,
    ProviderError,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
)
from ttscache.providers.connection import Connection, Connections, openai_client
from ttscache.providers.deadline import Deadline
from ttscache.providers.realtime import RealtimeVoice
from ttscache.providers.refusals import refusal
from ttscache.providers.vendors import Vendor
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest, is_realtime
from ttscache.token_usage import TokenUsage

if TYPE_CHECKING:
    from openai.resources.audio import Speech

logger = logging.getLogger(__name__)

PRELOAD_REQUEST = SpeechRequest(text="Is everybody there?", voice="nova", model="tts-1")

CHARACTERS_A_SECOND = 100  # each 100 characters of text add a second to the deadline
MOST_BYTES_A_CHARACTER = 16_000  # three characters a second, uncompressed: slower than any voice
CONNECT_SECONDS = 5.0


class OpenAIProvider:
    """A service at `base_url`, or OpenAI if it is empty.

    `first_byte_seconds` limits the wait for sound, `timeout_seconds` (plus 1 s for each 100 characters) the
    whole call, from the connection to the last byte. `preloads` is the model that `preload` prepares for.
    """

    name = "openai"

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "",
        first_byte_seconds: float = 10.0,
        timeout_seconds: float = 30.0,
        preloads: str = "",
    ) -> None:
        self._first_byte_seconds = min(first_byte_seconds, timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._preloads = preloads
        self._client_with = partial(openai_client, api_key, base_url)
        self._connections = Connections(self._client_with)
        self._vendor = Vendor()
        self._realtime = RealtimeVoice(
            api_key=api_key,
            base_url=base_url,
            first_byte_seconds=first_byte_seconds,
            timeout_seconds=timeout_seconds,
        )

    def preload(self) -> None:
        """Make a call without a network, so that the library does its lazy loading now."""
        if is_realtime(self._preloads):
            self._realtime.preload()
        import httpcore2  # noqa: F401 - the call below does not load the network
        import httpx2

        nobody = httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"."))
        with self._request(
            self._client_with(transport=nobody).audio.speech, PRELOAD_REQUEST, "mp3"
        ) as response:
            response.read()

    def can_speak(self, request: SpeechRequest) -> bool:
        return request.model != EMBEDDED_MODEL

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]:
        if is_realtime(request.model):
            return self._realtime.parts(request)
        most = self._vendor.most_characters(request.model)
        return [replace(request, text=part) for part in sound.split_text(request.text, most)]

    def streams(self, request: SpeechRequest) -> bool:
        """Whether chunks may be sent on early. A Realtime clip may not: its words are compared at the end."""
        return not is_realtime(request.model) and not self._vendor.converts(request)

    def is_well(self) -> bool:
        """Whether the service lists its models, or at least answers."""
        import openai

        try:
            with (
                self._connections.borrowed() as connection,
                connection.call(CONNECT_SECONDS, CONNECT_SECONDS),
            ):
                _list_models(connection)
        except openai.APIStatusError as answer:
            # Not every server has a list, and a key may be valid for speech only.
            return answer.status_code < 500 and answer.status_code != 429
        except Exception:
            logger.info("The speech provider does not answer.")
            return False
        return True

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, TokenUsage | None]:
        if is_realtime(request.model):
            clip, usage = self._realtime.speak_encoded(request)
            yield clip
            return usage
        try:
            yield from self._stream(request)
        except FormatRefused as refused:
            if not refused.is_to_be_retried:
                raise
            yield from self.speak(request)  # the refusal sent no byte and cost nothing: still one call
        return None

    def _stream(self, request: SpeechRequest) -> Iterator[bytes]:
        total_seconds = self._timeout_seconds + len(request.text) / CHARACTERS_A_SECOND
        requested_format = self._vendor.format_for(request)
        refused = partial(self._vendor.refusal, request=request, requested_format=requested_format)
        with self._connections.borrowed() as connection:
            voice = connection.client.audio.speech  # loaded before the deadline starts
            with (
                connection.call(self._first_byte_seconds, total_seconds) as deadline,
                _our_errors(deadline, connection, request.model, refused),
                self._request(voice, request, requested_format) as response,
            ):
                chunks = self._chunks(response, request, deadline)
                start = _start_of(chunks)
                if start and not sound.is_text(start):
                    deadline.sound_came()
                # The first bytes decide. Some services send an error with status 200, labelled as audio.
                sent = self._vendor.sent(response.headers.get("content-type", ""), start, requested_format)
                chunks = chain([start] if start else [], chunks)
                if sent.is_as_wanted(request):
                    yield from chunks
                else:
                    yield sent.converted(b"".join(chunks), request)

    def _chunks(self, response: Any, request: SpeechRequest, deadline: Deadline) -> Iterator[bytes]:
        received = 0
        # Against a stream that never ends.
        limit = round(MOST_BYTES_A_CHARACTER * len(request.text) / request.speed) + 1024**2
        for chunk in response.iter_bytes():
            if chunk:
                received += len(chunk)
                if received > limit:
                    raise BrokenAudio("more bytes than any voice needs")
                yield chunk
        deadline.check()

    def _request(self, voice: Speech, request: SpeechRequest, requested_format: str) -> Any:
        import httpx2

        # The deadline limits reading; these timeouts catch a hang before there is a connection.
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS, write=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        extra: dict[str, Any] = {"instructions": request.instructions} if request.instructions else {}
        if request.speed != 1:  # some services refuse the field, whatever its value
            extra["speed"] = request.speed
        return voice.with_streaming_response.create(
            model=request.model,
            voice=request.voice,
            input=request.text,
            response_format=requested_format,  # type: ignore[arg-type]
            timeout=timeout,
            **extra,
        )


def _start_of(chunks: Iterator[bytes]) -> bytes:
    """Take chunks until they decide whether they are audio, or until the end."""
    start = b""
    for chunk in chunks:
        start += chunk
        if sound.is_enough_to_tell(start):
            break
    return start


def _list_models(connection: Connection) -> None:
    """List the models, again on a new connection if ours was closed; the list is free."""
    import openai

    try:
        connection.client.models.list(timeout=CONNECT_SECONDS)
    except openai.APIConnectionError as failed:
        if not connection.was_closed(failed):
            raise
        connection.client.models.list(timeout=CONNECT_SECONDS)


@contextmanager
def _our_errors(
    deadline: Deadline,
    connection: Connection,
    model: str,
    refused: Callable[[Mapping[str, object], int], SpeechError | None],
) -> Iterator[None]:
    """Turn the library's errors into ours, without their messages, which may quote the text or the key.

    `refused` knows this service's own refusals and is asked first.
    """
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
            # No retry here: the synthesizer must record this call before it makes another one.
            error = ConnectionClosed() if connection.was_closed(failed) else ProviderUnavailable()
    except openai.APIStatusError as answer:
        body = answer.body if isinstance(answer.body, dict) else {"message": answer.body}
        error = refused(body, answer.status_code) or refusal(
            body,
            model=model,
            status=answer.status_code,
            headers=answer.response.headers,
        )
    except httpx2.TimeoutException:
        error = ProviderTimeout()
    except httpx2.HTTPError:
        error = ProviderTimeout() if deadline.is_over else ProviderFailed()
    except ProviderError as ours:
        error = ours
    if isinstance(error, ProviderError) and deadline.has_sound:
        error.may_cost = True  # even if the clip was to be converted here, so that no chunk was yielded
    raise error from None
