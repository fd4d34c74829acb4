"""Recording: one clip being spoken, which any number of requests can read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from ttscache.errors import SpeechError
from ttscache.tiers import Entry

logger = logging.getLogger(__name__)

Make = Callable[["Recording"], Entry]


class Recording:
    """A clip being made, which listeners may join at any time.

    Let `run` run in a thread of its own. It calls `make`, which calls `append` for each chunk and returns the
    clip once it is checked and stored. It continues when all listeners leave. Its error reaches every
    listener. The methods that end a recording have the names of `concurrent.futures.Future`.
    """

    def __init__(self, make: Make, *, on_end: Callable[[], None] = lambda: None) -> None:
        self._make = make
        self._on_end = on_end
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        # A condition of its own, because `_changed` wakes every listener, and there may be hundreds.
        self._synthesized_or_done = threading.Condition(lock)
        self._chunks: list[bytes] = []
        self._entry: Entry | None = None
        self._error: SpeechError | None = None
        self._has_listeners = False  # some listener gets each byte as it comes
        self._is_synthesized = False
        self.is_made_here = False  # `make` sets it when this process calls the provider

    def append(self, chunk: bytes) -> None:
        """Add the next bytes of the clip for every listener."""
        with self._changed:
            self._chunks.append(chunk)
            self._changed.notify_all()

    def mark_synthesized(self) -> None:
        """Note that the voice is finished and only storing is left."""
        with self._synthesized_or_done:
            self._is_synthesized = True
            self._synthesized_or_done.notify_all()

    def wait_until_synthesized(self) -> None:
        """Wait until the voice is finished, with or without success."""
        with self._synthesized_or_done:
            self._synthesized_or_done.wait_for(lambda: self._is_synthesized or self.done)

    def discard(self) -> bool:
        """Drop the bytes for a retry; False if a listener may already have received some of them."""
        with self._changed:
            if self._chunks and self._has_listeners:
                return False
            self._chunks.clear()
            return True

    def set_exception(self, error: SpeechError) -> None:
        """End the recording with this error for every listener, and ignore later results of `make`."""
        self._end(None, error)

    def wait_for_sound(self) -> None:
        """Wait for the first bytes or the end. Raises the error if it came before the first byte."""
        with self._changed:
            self._has_listeners = True
            self._changed.wait_for(lambda: self._chunks or self.done)
            if self._error is not None and not self._chunks:
                raise self._error

    def ends_within(self, seconds: float) -> bool:
        """Wait so long at the most; False where it is still being made."""
        with self._changed:
            return self._changed.wait_for(lambda: self.done, seconds)

    def result(self) -> Entry:
        """Wait for the whole clip, checked and stored. Raises SpeechError."""
        with self._changed:
            self._changed.wait_for(lambda: self.done)
            return self._result()

    @property
    def entry(self) -> Entry | None:
        """The whole clip, or None if it is not finished. Does not wait."""
        return self._entry

    @property
    def error(self) -> SpeechError | None:
        return self._error

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes from the first one. Ends normally only once the clip is whole and stored."""
        sent = 0
        while fresh := self._chunks_from(sent):
            sent += len(fresh)
            yield from fresh
        entry = self._result()
        if not sent:  # made elsewhere, or by a voice that does not stream
            yield entry.audio

    def _chunks_from(self, start: int) -> list[bytes]:
        """Wait for chunks after `start`; returns none at the end of the recording."""
        with self._changed:
            self._has_listeners = True
            self._changed.wait_for(lambda: len(self._chunks) > start or self.done)
            return self._chunks[start:]

    @property
    def done(self) -> bool:
        return self._entry is not None or self._error is not None

    def _result(self) -> Entry:
        if self._error is not None:
            raise self._error
        assert self._entry is not None
        return self._entry

    def run(self) -> None:
        entry: Entry | None = None
        error: SpeechError | None = None
        try:
            entry = self._make(self)
        except SpeechError as expected:
            error = expected
        except BaseException as unexpected:
            # Log the type and the traceback only: a library's message may quote the text.
            kind = type(unexpected).__name__
            wordless = RuntimeError(kind).with_traceback(unexpected.__traceback__)
            logger.error("A recording failed: %s.", kind, exc_info=wordless)
            error = SpeechError()
        # Before it is done, so that no later request joins a recording that has ended.
        self._on_end()
        self._end(entry, error)

    def _end(self, entry: Entry | None, error: SpeechError | None) -> None:
        with self._changed:
            if not self.done:
                self._entry, self._error = entry, error
            self._changed.notify_all()
            self._synthesized_or_done.notify_all()
