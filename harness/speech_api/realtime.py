"""The Realtime API over WebSocket: a session, responses that speak a text, and their faults.

Parts of OpenAI's API that no caller here needs are left out: audio input, tools, a conversation.
"""

from __future__ import annotations

import base64
import itertools
import json
import select
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from harness.speech_api import protocol, sound
from harness.speech_api.behaviour import Gate, Rule, Rules
from harness.speech_api.bill import Bill, Tokens, billed_audio_tokens, billed_text_tokens
from harness.speech_api.calls import CallLog
from harness.speech_api.protocol import Refused, Speech

MODELS = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")
VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")
SPEEDS = (0.25, 1.5)

_numbers = itertools.count(1)


class Gone(Exception):
    """The client closed its connection, or this side has to."""


class SessionError(Exception):
    """An `error` event."""

    def __init__(
        self, message: str, code: str | None, kind: str = "invalid_request_error", param: str = ""
    ) -> None:
        super().__init__(message)
        self.details = {"type": kind, "code": code, "message": message, "param": param or None}


class RealtimeSession:
    """One connection, after its handshake."""

    def __init__(
        self,
        handler: BaseHTTPRequestHandler,
        *,
        model: str,
        rules: Rules,
        calls: CallLog,
        bill: Bill,
        extra_voices: tuple[str, ...] = (),
    ) -> None:
        self._connection = handler.connection
        self._caller = handler.client_address[:2]
        self._model = model
        self._rules, self._calls, self._bill = rules, calls, bill
        self._voices = (*VOICES, *extra_voices)
        self._output: dict[str, Any] = {}
        self._instructions = ""
        self._received: deque[bytes] = deque()  # a client may send its next event before an answer
        self._protocol = ServerProtocol(max_size=2**20)
        self._take_over(handler)

    def _take_over(self, handler: BaseHTTPRequestHandler) -> None:
        """Do the handshake: pass the request that the HTTP server has read to the WebSocket protocol."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in handler.headers.items())
        self._protocol.receive_data(f"GET {handler.path} HTTP/1.1\r\n{headers}\r\n".encode())
        (request,) = self._protocol.events_received()
        assert isinstance(request, Request)
        self._protocol.send_response(self._protocol.accept(request))
        self._flush()

    def serve(self) -> None:
        """Answer events until either side closes."""
        if self._protocol.state is not OPEN:
            return
        if self._model not in MODELS:
            self._refuse_model()
            return
        self._bill.count_session()
        self._send("session.created", session={"type": "realtime", "model": self._model})
        try:
            while True:
                self._answer(self._receive())
        except (Gone, ConnectionError):
            return

    def _refuse_model(self) -> None:
        message = f"The model `{self._model}` does not exist or you do not have access to it."
        self._send("error", error=SessionError(message, "model_not_found", param="model").details)
        self._close()

    # Events of the client

    def _answer(self, event: dict[str, Any]) -> None:
        try:
            if event.get("type") == "session.update":
                self._update(event["session"])
            elif event.get("type") == "response.create":
                self._respond(event["response"])
            else:
                raise SessionError(f"Invalid value: '{event.get('type')}'.", "invalid_value", param="type")
        except SessionError as error:
            self._send("error", error=error.details | {"event_id": event.get("event_id")})

    def _update(self, session: dict[str, Any]) -> None:
        if session.get("type") != "realtime":
            raise SessionError("Missing required parameter: 'session.type'.", "missing", param="session.type")
        output = session.get("audio", {}).get("output", {})
        voice, speed = output.get("voice", "alloy"), output.get("speed", 1)
        if voice not in self._voices:
            message = f"Invalid value: '{voice}'. Supported values are: {', '.join(self._voices)}."
            raise SessionError(message, "invalid_value", param="session.audio.output.voice")
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            message = f"Invalid 'session.audio.output.speed': expected {SPEEDS[0]} to {SPEEDS[1]}."
            raise SessionError(message, "decimal_above_max_value", param="session.audio.output.speed")
        if output.get("format", {}).get("type") != "audio/pcm":
            raise SessionError("Invalid format.", "invalid_value", param="session.audio.output.format")
        if session.get("tracing") is not None:
            raise SessionError("Tracing is not wanted here.", "invalid_value", param="session.tracing")
        self._output = output
        self._instructions = session.get("instructions", "")
        self._send("session.updated", session=session)

    def _respond(self, response: dict[str, Any]) -> None:
        text = _text_of(response)
        instructions = response.get("instructions", self._instructions)
        speech = Speech(
            text=text,
            voice=self._output.get("voice", "alloy"),
            model=self._model,
            audio_format="pcm",
            speed=float(self._output.get("speed", 1)),
            instructions=instructions,
        )
        number = self._calls.begin(speech, self._caller)
        rule = self._rules.for_call(text)
        outcome = str(rule.behaviour.fault) or "completed"
        try:
            self._speak(number, speech, rule, response.get("max_output_tokens", "inf"))
        except (Gone, ConnectionError):
            self._calls.end(number, "client_gone" if outcome == "completed" else outcome)
            raise
        except SessionError:
            self._calls.end(number, outcome)
            raise

    # A response

    def _speak(self, number: int, speech: Speech, rule: Rule, most_tokens: int | str) -> None:
        behaviour, fault = rule.behaviour, str(rule.behaviour.fault)
        self._wait(time.monotonic() + behaviour.headers_delay_seconds)
        if behaviour.status is not None:
            refused = protocol.fault(behaviour.status)
            raise SessionError(
                _message_of(refused, behaviour.retry_after_seconds), refused.code, _kind(refused)
            )
        if behaviour.gate_before_headers or fault == "never":
            self._wait(gate=rule.gate)
        if fault in ("never", "hang_up"):
            raise Gone
        identity = f"resp_{next(_numbers)}"
        self._send("response.created", response=_response(identity, "in_progress"))
        said = _said(speech.text, fault)
        pcm = _pcm(said, speech, fault)
        text_in = billed_text_tokens(speech.text) + billed_text_tokens(speech.instructions)
        text_out = billed_text_tokens(said)
        is_cut = fault in ("break_off", "content_filter", "max_output_tokens", "failed")
        if isinstance(most_tokens, int) and billed_audio_tokens(len(pcm)) + text_out > most_tokens:
            is_cut, fault = True, "max_output_tokens"
        sent = 0
        try:
            for chunk in self._chunks(number, pcm, rule, is_cut=is_cut, is_endless=fault == "endless"):
                self._send_audio(identity, chunk, is_readable=fault != "garbage")
                sent += len(chunk)
            if fault == "break_off":
                raise Gone
        except (Gone, ConnectionError):
            # The spoken part is billed, although the client never learns how much it was.
            self._bill.add(Tokens(text_in=text_in, text_out=text_out, audio_out=billed_audio_tokens(sent)))
            raise
        if not is_cut:
            self._send("response.output_audio.done", response_id=identity)
            if fault != "no_transcript":
                self._send("response.output_audio_transcript.done", response_id=identity, transcript=said)
        tokens = Tokens(text_in=text_in, text_out=text_out, audio_out=billed_audio_tokens(sent))
        self._bill.add(tokens)
        self._calls.end(number, fault or "completed")
        self._send("response.done", response=_done(identity, fault, tokens, said))

    def _chunks(
        self, number: int, pcm: bytes, rule: Rule, *, is_cut: bool, is_endless: bool
    ) -> Iterator[bytes]:
        behaviour = rule.behaviour
        size = max(2, -(-len(pcm) // behaviour.chunks // 2) * 2)
        chunks = [pcm[begin : begin + size] for begin in range(0, len(pcm), size)]
        if is_cut:
            chunks = chunks[: max(1, len(chunks) // 2)]
        due = time.monotonic() + behaviour.first_byte_delay_seconds
        for count, chunk in enumerate(itertools.cycle(chunks) if is_endless else chunks):
            self._wait(due)
            if count == behaviour.gate_after_chunks:
                self._wait(gate=rule.gate)
            self._calls.first_byte(number)
            yield chunk
            due = max(due + behaviour.chunk_delay_seconds, time.monotonic())

    def _send_audio(self, identity: str, chunk: bytes, *, is_readable: bool) -> None:
        delta = base64.b64encode(chunk).decode() if is_readable else "%% this is not base64 %%"
        self._send("response.output_audio.delta", response_id=identity, delta=delta)

    # The wire

    def _send(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"event_{next(_numbers)}", **fields}
        self._protocol.send_text(json.dumps(event).encode())
        self._flush()

    def _receive(self) -> dict[str, Any]:
        """Return the client's next event. Raises Gone when the client closes."""
        while not self._received:
            self._read()
        given: dict[str, Any] = json.loads(self._received.popleft())
        return given

    def _read(self) -> None:
        data = self._connection.recv(65_536)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._received.append(bytes(event.data))
        if not data or self._protocol.state is not OPEN:
            raise Gone

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._connection.sendall(data)

    def _close(self) -> None:
        self._protocol.send_close(1000)
        self._flush()

    def _wait(self, until: float | None = None, *, gate: Gate | None = None) -> None:
        """Wait until a moment or for a gate. Raises Gone as soon as the client closes its connection."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN | select.POLLHUP)
        if gate is not None:
            poll.register(gate, select.POLLIN | select.POLLHUP)
        while until is None or time.monotonic() < until:
            left = None if until is None else max(0, until - time.monotonic()) * 1000
            ready = {descriptor for descriptor, _ in poll.poll(left)}
            if gate is not None and gate.fileno() in ready:
                return
            if ready:
                self._read()  # a ping, or the client closes


def requested_model(path: str) -> str:
    return "".join(parse_qs(urlsplit(path).query).get("model", [])[:1])


def _text_of(response: dict[str, Any]) -> str:
    """The text of the one user message. Raises SessionError for any other input."""
    if response.get("conversation") != "none":
        raise SessionError("Only out-of-band responses here.", "invalid_value", param="response.conversation")
    match response.get("input"):
        case [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": str(text)}]}]:
            return text
    raise SessionError("Expected one user message.", "invalid_value", param="response.input")


def _said(text: str, fault: str) -> str:
    """The words that the voice speaks, changed by some faults."""
    if fault == "reword":
        return f"Sure! {text}"
    if fault == "contract":
        return text.replace("I am", "I'm") if "I am" in text else f"{text} That's all."
    return text


def _pcm(said: str, speech: Speech, fault: str) -> bytes:
    if fault == "silence":
        return sound.silent(said, "pcm")
    text = said[: max(1, len(said) // 10)] if fault == "short" else said
    manner = f"{speech.model}|{speech.instructions}"
    return sound.spoken_clip(text, speech.voice, "pcm", speech.speed, manner)


def _response(identity: str, status: str, **fields: Any) -> dict[str, Any]:
    return {"id": identity, "object": "realtime.response", "status": status, "output": [], **fields}


def _done(identity: str, fault: str, tokens: Tokens, said: str) -> dict[str, Any]:
    usage = tokens.as_usage()
    if fault in ("content_filter", "max_output_tokens"):
        details: dict[str, Any] = {"type": "incomplete", "reason": fault}
        return _response(identity, "incomplete", status_details=details, usage=usage)
    if fault == "failed":
        error = {
            "type": "server_error",
            "code": None,
            "message": "The server had an error. Sorry about that!",
        }
        details = {"type": "failed", "error": error}
        return _response(identity, "failed", status_details=details, usage=usage)
    transcript = None if fault == "no_transcript" else said
    content = [{"type": "output_audio", "transcript": transcript}]
    item = {"type": "message", "role": "assistant", "status": "completed", "content": content}
    return _response(identity, "completed", usage=usage) | {"output": [item]}


def _message_of(refused: Refused, retry_after_seconds: float) -> str:
    """The message, with the wait for a 429: the Realtime API has no header for it."""
    seconds = f" Please try again in {retry_after_seconds:g}s." if refused.status == 429 else ""
    return f"{refused}{seconds}"


def _kind(refused: Refused) -> str:
    kind: str = json.loads(refused.body)["error"]["type"]
    return kind
