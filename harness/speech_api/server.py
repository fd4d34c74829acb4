"""The service over HTTP: speech, the list of models, and the control addresses for tests."""

from __future__ import annotations

import base64
import json
import select
import sys
import time
from dataclasses import asdict, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any, NamedTuple

from harness.speech_api import protocol, realtime, sound
from harness.speech_api.behaviour import Behaviour, Gate, Rule, Rules
from harness.speech_api.bill import Bill
from harness.speech_api.calls import CallLog
from harness.speech_api.chat import CHAT_MODELS, ChatBehaviour, ChatLog, completion
from harness.speech_api.protocol import Refused, Speech
from harness.speech_api.vendors import VENDORS

DRIP_SECONDS = 1


class ClientGone(Exception):
    """The client closed its connection."""


class HangUp(Exception):
    """Close the connection without another byte."""


class Reply(NamedTuple):
    """A body. If `is_cut`, the connection breaks before its end."""

    media_type: str
    body: bytes
    is_cut: bool = False


class SpeechServer(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], extra_voices: tuple[str, ...] = (), profile: str = "openai"
    ) -> None:
        self.profile = VENDORS[profile]
        self.rules = Rules()
        self.calls = CallLog()
        self.bill = Bill()
        self.chat = ChatLog()
        self.shutdown_dates: dict[str, str | None] = {}  # by model, shown in the list of models
        self.extra_voices = extra_voices
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """Serves one connection, in its own thread."""

    server: SpeechServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/v1/models" or self.path.startswith("/v1/models/"):
            self._tell_models(self.path.removeprefix("/v1/models").lstrip("/"))
        elif self.path.startswith("/v1/realtime?"):
            self._converse()
        elif self.path == "/_bill":
            self._send_json(200, self.server.bill.as_json())
        elif self.path == "/_chats":
            self._send_json(200, {"requests": self.server.chat.requests})
        elif self.path == "/_calls":
            self._send_json(200, {"calls": [asdict(call) for call in self.server.calls.all()]})
        else:
            self._send_refusal(Refused(404, f"Invalid URL (GET {self.path})"))

    def do_PUT(self) -> None:
        """PUT /_control {settings}: replace the behaviour."""
        self._control(
            {
                "/_control": self.server.rules.replace,
                "/_chat": self.server.chat.behave,
                "/_shutdown_dates": self._set_shutdown_dates,
            }
        )

    def do_POST(self) -> None:
        if self.path == "/v1/audio/speech":
            self._answer_speech(self._body())
        elif self.path == "/v1/chat/completions":
            self._answer_chat(self._body())
        else:
            self._control({"/_control": self.server.rules.add, "/_release": self._release})

    def do_DELETE(self) -> None:
        """DELETE /_control: behave well, and forget the calls."""
        self._control({"/_control": self._reset})

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the call log has the calls."""

    # The control

    def _control(self, actions: dict[str, Any]) -> None:
        body = self._body()
        if self.path not in actions:
            self._send_refusal(Refused(404, f"Invalid URL ({self.command} {self.path})"))
            return
        try:
            actions[self.path](json.loads(body or b"{}"))
        except (TypeError, ValueError) as error:
            self._send_refusal(Refused(400, str(error)))
        else:
            self._send_json(200, {"ok": True})

    def _release(self, _: object) -> None:
        self.server.rules.release()

    def _reset(self, _: object) -> None:
        self.server.rules.clear()
        self.server.calls.clear()
        self.server.bill.clear()
        self.server.chat.clear()
        self.server.shutdown_dates = {}

    def _set_shutdown_dates(self, dates: dict[str, str | None]) -> None:
        """PUT /_shutdown_dates {model: "2027-01-06"}; other models get null."""
        self.server.shutdown_dates = dates

    # The protocol

    def _tell_models(self, name: str) -> None:
        """Send the list of models, or one model."""
        known = (*self.server.profile.models, *CHAT_MODELS)
        try:
            protocol.require_key(self.headers["Authorization"])
            self._suffer_outage()
            if name and name not in known:
                raise Refused(404, f"The model '{name}' does not exist", code="model_not_found")
        except Refused as refused:
            self._send_refusal(refused)
        except (ClientGone, HangUp):
            self.close_connection = True
        else:
            models = [self._model(each) for each in known]
            whole = {"object": "list", "data": models}
            self._send_json(200, next((model for model in models if model["id"] == name), whole))

    def _model(self, name: str) -> dict[str, object]:
        date = self.server.shutdown_dates.get(name)
        identity = {"id": name, "object": "model", "created": 1_699_000_000, "owned_by": "openai-internal"}
        if self.server.profile.is_without_shutdown_dates:
            return {**identity}
        return {**identity, "shutdown_date": date}

    def _converse(self) -> None:
        """Serve the Realtime API. The connection is no longer HTTP after the handshake."""
        model = realtime.requested_model(self.path)
        self.close_connection = True
        try:
            protocol.require_key(self.headers["Authorization"])
        except Refused as refused:
            self._send_refusal(refused)
            return
        rule = self.server.rules.for_handshake()
        if rule is not None and rule.behaviour.status is not None:
            self._log_refused_handshake(model, rule)
            self._send_refusal(protocol.fault(rule.behaviour.status), _retry_after(rule.behaviour))
            return
        realtime.RealtimeSession(
            self,
            model=model,
            rules=self.server.rules,
            calls=self.server.calls,
            bill=self.server.bill,
            extra_voices=self.server.extra_voices,
        ).serve()

    def _log_refused_handshake(self, model: str, rule: Rule) -> None:
        speech = Speech(text="", voice="", model=model, audio_format="pcm", speed=1.0, instructions="")
        number = self.server.calls.begin(speech, self.client_address[:2])
        self.server.calls.end(number, str(rule.behaviour.status))

    def _suffer_outage(self) -> None:
        outage = self.server.rules.outage()
        if outage is None:
            return
        if outage.behaviour.status is not None:
            raise protocol.fault(outage.behaviour.status)
        if outage.behaviour.fault == "never":
            self._wait(gate=outage.gate)
        raise HangUp

    def _answer_chat(self, body: bytes) -> None:
        behaviour = ChatBehaviour()
        try:
            protocol.require_key(self.headers["Authorization"])
            given = protocol.json_body(body)
            behaviour = self.server.chat.begin(given)
            self._wait(time.monotonic() + behaviour.delay_seconds)
            if behaviour.fault == "hang_up":
                raise HangUp
            if behaviour.fault == "html":
                self._send(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"})
            elif behaviour.fault == "garbage":
                self._send(200, b'{"choices": [{"mess', {})
            elif behaviour.fault == "no_choices":
                self._send_json(200, {"object": "chat.completion", "choices": []})
            else:
                self._send_json(200, completion(given, behaviour))
        except Refused as refused:
            self._send_refusal(refused, f"{behaviour.retry_after_seconds:g}")
        except (ClientGone, HangUp, ConnectionError):
            self.close_connection = True

    def _answer_speech(self, body: bytes) -> None:
        try:
            protocol.require_key(self.headers["Authorization"])
            speech = self.server.profile.parse(body, self.server.extra_voices)
        except Refused as refused:
            self._send_refusal(refused)
            return
        number = self.server.calls.begin(speech, self.client_address[:2])
        rule = self.server.rules.for_call(speech.text)
        try:
            self._perform(number, speech, rule)
        except (ClientGone, ConnectionError):
            self.server.calls.end(number, "client_gone")
            self.close_connection = True
        except HangUp:
            self.server.calls.end(number, str(rule.behaviour.fault))
            self.close_connection = True

    def _perform(self, number: int, speech: Speech, rule: Rule) -> None:
        behaviour = rule.behaviour
        due = time.monotonic() + behaviour.headers_delay_seconds
        reply = _told(behaviour, speech)  # takes some of the delay
        self._wait(due)
        if behaviour.gate_before_headers or behaviour.fault == "never":
            self._wait(gate=rule.gate)
        if behaviour.fault in ("never", "hang_up"):
            raise HangUp
        if behaviour.fault == "drip_headers":
            self._drip_headers()
        if behaviour.status is None:
            self._stream(number, reply, rule)
        else:
            self.server.calls.end(number, str(behaviour.status))
            refused = protocol.fault(behaviour.status)
            refused.code = refused.code if behaviour.error_code is None else behaviour.error_code
            refused.kind = behaviour.error_type
            self._send_refusal(refused, _retry_after(behaviour), behaviour.headers)

    def _drip_headers(self) -> None:
        """Send an endless header until the client gives up."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nX-Endless: ")
        while True:
            self._wait(time.monotonic() + DRIP_SECONDS / 4)
            self.wfile.write(b"a")

    def _stream(self, number: int, reply: Reply, rule: Rule) -> None:
        behaviour = rule.behaviour
        self.send_response(200)
        media_type = self.server.profile.media_type or reply.media_type
        if behaviour.media_type is not None:
            media_type = behaviour.media_type
        if media_type:
            self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        due = time.monotonic() + behaviour.first_byte_delay_seconds
        step = DRIP_SECONDS if behaviour.fault == "drip" else behaviour.chunk_delay_seconds
        chunks = _chunks(reply.body, behaviour)
        for count, chunk in enumerate(cycle(chunks) if behaviour.fault == "endless" else chunks):
            self._wait(due)
            if count == behaviour.gate_after_chunks:
                self._wait(gate=rule.gate)
            self.server.calls.first_byte(number)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            due = max(due + step, time.monotonic())
        if behaviour.gate_after_chunks is not None and behaviour.gate_after_chunks >= len(chunks):
            self._wait(gate=rule.gate)
        self._end(number, reply, str(behaviour.fault) or "completed")

    def _end(self, number: int, reply: Reply, outcome: str) -> None:
        """Log the end, then send it: a test that looks at the log after its answer must find it there."""
        self.server.calls.end(number, outcome)
        if reply.is_cut:
            self.wfile.write(b"1000\r\nan announced chunk that is never finished")
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    # The wire

    def _wait(self, until: float | None = None, *, gate: Gate | None = None) -> None:
        """Wait until a moment or for a gate. Raises ClientGone when the client closes the connection."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN | select.POLLHUP)
        if gate is not None:
            poll.register(gate, select.POLLIN | select.POLLHUP)
        while until is None or time.monotonic() < until:
            left = None if until is None else max(0, until - time.monotonic()) * 1000
            ready = {descriptor for descriptor, _ in poll.poll(left)}
            if gate is not None and gate.fileno() in ready:
                return
            if ready:  # a client that waits for an answer sends nothing, so it has closed
                raise ClientGone

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _send_refusal(
        self, refused: Refused, retry_after: str = "1", more: dict[str, str] | None = None
    ) -> None:
        headers = {"Retry-After": retry_after} if retry_after and refused.status in (429, 503) else {}
        self._send(refused.status, refused.body, headers | (more or {}))

    def _send_json(self, status: int, content: object) -> None:
        self._send(status, json.dumps(content).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _retry_after(behaviour: Behaviour) -> str:
    """The value of Retry-After: seconds or a date (RFC 9110, section 10.2.3). Empty: it is left out."""
    if behaviour.retry_after is not None:
        return behaviour.retry_after
    seconds = behaviour.retry_after_seconds
    return (
        formatdate(time.time() + seconds, usegmt=True) if behaviour.retry_after_is_a_date else f"{seconds:g}"
    )


def _told(behaviour: Behaviour, speech: Speech) -> Reply:
    """The reply of this behaviour."""
    if behaviour.body:
        return Reply(sound.CODINGS[speech.audio_format].media_type, base64.b64decode(behaviour.body))
    if behaviour.says:
        speech = replace(speech, text=behaviour.says)
    return _reply(speech, str(behaviour.fault))


def _reply(speech: Speech, fault: str) -> Reply:
    """The reply, changed by the fault."""
    media_type = sound.CODINGS[speech.audio_format].media_type
    if fault == "html":
        return Reply("text/html", b"<!doctype html><title>Sign in</title><p>Welcome to this network.</p>")
    if fault == "empty":
        return Reply(media_type, b"")
    if fault == "silence":
        return Reply(media_type, sound.silent(speech.text, speech.audio_format))
    if fault == "wrong_format":
        other = "mp3" if speech.audio_format == "wav" else "wav"
        return Reply(media_type, _spoken(speech, audio_format=other))
    if fault == "short":
        return Reply(media_type, _spoken(speech, text=speech.text[: max(1, len(speech.text) // 10)]))
    clip = _spoken(speech)
    if fault == "garbage":
        return Reply(media_type, bytes(byte ^ 0x5A for byte in clip))
    if fault in ("half", "break_off"):
        return Reply(media_type, clip[: len(clip) // 2], is_cut=fault == "break_off")
    return Reply(media_type, clip)


def _spoken(speech: Speech, *, text: str = "", audio_format: str = "") -> bytes:
    return sound.spoken_clip(
        text or speech.text,
        speech.voice,
        audio_format or speech.audio_format,
        speech.speed,
        f"{speech.model}|{speech.instructions}",
    )


def _chunks(body: bytes, behaviour: Behaviour) -> list[bytes]:
    size = 1 if behaviour.fault == "drip" else max(1, -(-len(body) // behaviour.chunks))
    return [body[begin : begin + size] for begin in range(0, len(body), size)]
