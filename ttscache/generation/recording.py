"""Recording: one voice speaking, any number of listeners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from ttscache.errors import SpeechError
from ttscache.tiers import Entry

logger = logging.getLogger(__name__)

Make = Callable[["Recording"], Entry]


class Recording:
    """A clip in the making, which listeners may join early or late.

    `make` runs in a thread of its own, hands chunks over with `append` as they come, and returns the whole
    clip once it has been checked and kept. It goes on when listeners leave. What it raises reaches all of
    them. The methods that end a recording are named as those of `concurrent.futures.Future`.
    """

    def __init__(self, make: Make, *, on_end: Callable[[], None] = lambda: None) -> None:
        self._make = make
        self._on_end = on_end
        self._changed = threading.Condition()
        self._chunks: list[bytes] = []
        self._entry: Entry | None = None
        self._error: SpeechError | None = None
        self._has_listeners = False  # who hear each byte as it comes
        self._is_synthesized = False
        self.is_made_here = False  # set by `make` when this process, and no other, does the speaking

    def start(self) -> Recording:
        threading.Thread(target=self._run, name="recording", daemon=True).start()
        return self

    def append(self, chunk: bytes) -> None:
        """The next bytes of the clip, for everyone who listens."""
        with self._changed:
            self._chunks.append(chunk)
            self._changed.notify_all()

    def mark_synthesized(self) -> None:
        """The voice has done its part; what is left is to keep the clip."""
        with self._changed:
            self._is_synthesized = True
            self._changed.notify_all()

    def wait_until_synthesized(self) -> None:
        """Return once no voice is needed for it any more, however it ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_synthesized or self.done)

    def discard(self) -> bool:
        """Forget the bytes that have come; False when somebody listens who has been sent them."""
        with self._changed:
            if self._chunks and self._has_listeners:
                return False
            self._chunks.clear()
            return True

    def set_exception(self, error: SpeechError) -> None:
        """End it for everyone who listens; what `make` still brings goes nowhere."""
        with self._changed:
            if not self.done:
                self._error = error
                self._changed.notify_all()

    def wait_for_sound(self) -> None:
        """Return when there is something to send; raise what went wrong before there was."""
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
        """The clip, once it has been checked and kept. Raises SpeechError where that fails."""
        with self._changed:
            self._changed.wait_for(lambda: self.done)
            return self._result()

    @property
    def entry(self) -> Entry | None:
        """The whole clip, if it is there already."""
        return self._entry

    @property
    def error(self) -> SpeechError | None:
        return self._error

    def chunks(self) -> Iterator[bytes]:
        """Everything from the first byte on. Ends only when the clip is whole and kept; raises otherwise."""
        sent = 0
        while fresh := self._chunks_from(sent):
            sent += len(fresh)
            yield from fresh
        entry = self._result()
        if not sent:  # made elsewhere, or by a voice that does not stream
            yield entry.audio

    def _chunks_from(self, start: int) -> list[bytes]:
        """What came since; waits for it, and is empty once there is no more to come."""
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

    def _run(self) -> None:
        entry: Entry | None = None
        error: SpeechError | None = None
        try:
            entry = self._make(self)
        except SpeechError as expected:
            error = expected
        except BaseException as unexpected:
            # The kind only: a message may quote the words.
            logger.error(
                "A recording failed: %s.", type(unexpected).__name__, exc_info=_without_message(unexpected)
            )
            error = SpeechError()
        self._on_end()
        with self._changed:
            if not self.done:
                self._entry, self._error = entry, error
            self._changed.notify_all()


def _without_message(error: BaseException) -> BaseException:
    """Keep the place in the code, and leave out words that a library may have put into the message."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
