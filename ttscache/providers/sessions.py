"""Keeps sessions of the Realtime API open for some seconds, so that the next call can use them.

Opening one takes four round trips: TCP, TLS, WebSocket, and the session's voice, which cannot change later.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import RealtimeConnection

IDLE_SECONDS = 20.0
OLDEST_SECONDS = 600.0  # the service ends a session after an hour
MOST_IDLE = 8

Manner = tuple[str, str, float]  # model, voice, speed: a session cannot change them


@dataclass(slots=True, eq=False)
class OpenSession:
    """An open session. `Deadline` shuts its `socket` when time is up."""

    manner: Manner
    connection: RealtimeConnection
    socket: socket.socket
    opened_at: float = field(default_factory=time.monotonic)
    idle_since: float = 0.0

    def close(self) -> None:
        with suppress(Exception):  # the session is dropped either way
            self.connection.close()

    def is_fresh(self, now: float) -> bool:
        return now - self.idle_since < IDLE_SECONDS and now - self.opened_at < OLDEST_SECONDS


class IdleSessions:
    """Open sessions that no call is using. Thread-safe: each caller acquires a different one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: list[OpenSession] = []

    def acquire(self, manner: Manner) -> OpenSession | None:
        """Return the session that was used last: the service is least likely to have closed it."""
        with self._lock:
            stale = self._remove(lambda session: not session.is_fresh(time.monotonic()))
            found = next((each for each in reversed(self._sessions) if each.manner == manner), None)
            if found is not None:
                self._sessions.remove(found)
        for session in stale:
            session.close()
        return found

    def release(self, session: OpenSession) -> None:
        session.idle_since = time.monotonic()
        with self._lock:
            self._sessions.append(session)
            surplus, self._sessions = self._sessions[:-MOST_IDLE], self._sessions[-MOST_IDLE:]
        for each in surplus:
            each.close()

    def close(self) -> None:
        with self._lock:
            sessions = self._remove(lambda _: True)
        for session in sessions:
            session.close()

    def _remove(self, is_meant: Callable[[OpenSession], bool]) -> list[OpenSession]:
        removed = [session for session in self._sessions if is_meant(session)]
        self._sessions = [session for session in self._sessions if session not in removed]
        return removed
