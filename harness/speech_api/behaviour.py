"""Behaviour: the way in which the service answers; tests set it at run time."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from harness.speech_api.protocol import FAULT_STATUSES

# In addition to the statuses of FAULT_STATUSES, given as a number or as digits.
FAULTS = {
    "html": "a page in HTML, with status 200",
    "empty": "status 200, no byte",
    "half": "half the clip, properly ended",
    "short": "a whole, decodable clip of the first tenth of the text",
    "break_off": "half the clip, then cut in the middle of a chunk",
    "drip": "one byte a second",
    "drip_headers": "an endless header, one byte at a time",
    "endless": "sound that never ends",
    "silence": "a whole clip without a sound",
    "garbage": "bytes that are no audio",
    "wrong_format": "a whole clip in another format, under the requested media type",
    "never": "no answer at all, until released",
    "hang_up": "the connection closed without an answer",
    # only through the Realtime API
    "reword": "the text with words that are not in it",
    "contract": '"I\'m" where the text has "I am"',
    "failed": "some sound, then a response that failed",
    "content_filter": "some sound, then cut off by the content filter",
    "max_output_tokens": "some sound, then no tokens left",
    "no_transcript": "the whole clip, without a transcript",
}


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """By default, whole clips at once. `on_text` and `first_calls` limit the calls that it applies to."""

    headers_delay_seconds: float = 0
    first_byte_delay_seconds: float = 0
    chunks: int = 4
    chunk_delay_seconds: float = 0  # between two chunks
    gate_before_headers: bool = False
    gate_after_chunks: int | None = None  # sends this many chunks, then waits for the release
    fault: str | int = ""
    retry_after_seconds: float = 1  # sent with 429 and 503
    retry_after_is_a_date: bool = False
    retry_after: str | None = None  # the very value of the header instead; empty: none
    headers: dict[str, str] = field(default_factory=dict)  # sent as well, with a status that is no success
    error_code: str | None = None  # with a status: in place of its own code
    error_type: str | None = None  # with a status: in place of its own type
    body: str = ""  # base64: these bytes with status 200, in place of the clip
    media_type: str | None = None  # in place of the clip's own; empty: no Content-Type at all
    says: str = ""  # speaks this in place of the text
    on_text: str = ""  # only calls whose input contains this
    first_calls: int | None = None  # only the first calls, this many

    def __post_init__(self) -> None:
        if self.fault and self.fault not in FAULTS and self.status is None:
            raise ValueError(f"unknown fault {self.fault!r}: {', '.join(FAULTS)} or {list(FAULT_STATUSES)}")
        if self.chunks < 1:
            raise ValueError("a clip takes at least one chunk")

    @property
    def status(self) -> int | None:
        """The HTTP status, if the fault is one."""
        digits = str(self.fault)
        return int(digits) if digits.isdigit() and int(digits) in FAULT_STATUSES else None

    @property
    def is_outage(self) -> bool:
        """Whether the whole service is down, including its list of models."""
        is_general = not self.on_text and self.first_calls is None
        return is_general and (self.status in (401, 403, 500, 503) or self.fault in ("never", "hang_up"))


class Gate:
    """A gate to wait for together with a socket: its file descriptor becomes readable once it is open."""

    def __init__(self) -> None:
        self._waiting, self._opener = socket.socketpair()

    def open(self) -> None:
        self._opener.close()  # the other end then reads the end of file, for everyone and for good

    def fileno(self) -> int:
        return self._waiting.fileno()


class Rule:
    """A behaviour, the calls it still applies to, and its gate."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.gate = Gate()
        self._left = behaviour.first_calls

    def takes(self, text: str) -> bool:
        """Whether it applies to this call. If so, the call counts as one of its first."""
        if self.behaviour.on_text not in text or self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Rules:
    """The rules in order. The first one that takes a call decides; without one, the service behaves well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, settings: dict[str, Any]) -> None:
        rule = Rule(Behaviour(**settings))
        self.clear()
        self._append(rule)

    def add(self, settings: dict[str, Any]) -> None:
        self._append(Rule(Behaviour(**settings)))

    def clear(self) -> None:
        """Drop all rules and open their gates."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.gate.open()

    def release(self) -> None:
        with self._lock:
            for rule in self._rules:
                rule.gate.open()

    def for_call(self, text: str) -> Rule:
        with self._lock:
            return next((rule for rule in self._rules if rule.takes(text)), None) or Rule(Behaviour())

    def for_handshake(self) -> Rule | None:
        """The rule for a handshake, whose text is still unknown: only rules without `on_text` can apply."""
        with self._lock:
            for rule in self._rules:
                behaviour = rule.behaviour
                if behaviour.status is not None and not behaviour.on_text and rule.takes(""):
                    return rule
        return None

    def outage(self) -> Rule | None:
        with self._lock:
            return next((rule for rule in self._rules if rule.behaviour.is_outage), None)

    def _append(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)
