from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from harness.clips import entry
from ttscache.connections import start_thread
from ttscache.errors import ProviderFailed, ProviderTimeout, SpeechError
from ttscache.generation.recording import Recording
from ttscache.tiers import Entry

pytestmark = pytest.mark.any_database


class Studio:
    """A maker of recordings that waits before the last chunk until the test lets it continue."""

    def __init__(self, *chunks: bytes, fails: Exception | None = None) -> None:
        self.go_on = threading.Event()
        self._chunks, self._fails = chunks, fails

    def __call__(self, recording: Recording) -> Entry:
        for chunk in self._chunks[:-1]:
            recording.append(chunk)
        assert self.go_on.wait(60)
        if self._fails:
            raise self._fails
        for chunk in self._chunks[-1:]:
            recording.append(chunk)
        return entry(sound=b"".join(self._chunks) or b"made elsewhere")


def started(recording: Recording) -> Recording:
    start_thread(recording.run, name="recording")
    return recording


def in_thread(listen: Callable[[], object]) -> Callable[[], object]:
    heard: list[object] = []
    thread = threading.Thread(target=lambda: heard.append(listen()))
    thread.start()

    def result() -> object:
        thread.join(10)
        return heard[0]

    return result


def test_early_and_late_listeners_hear_the_whole_recording() -> None:
    studio = Studio(b"one ", b"two ", b"three")
    recording = started(Recording(studio))
    early = in_thread(lambda: b"".join(recording.chunks()))
    recording.wait_for_sound()
    studio.go_on.set()

    assert early() == b"one two three"
    assert b"".join(recording.chunks()) == b"one two three"


def test_a_recording_streams_its_first_chunk_before_the_last_exists() -> None:
    studio = Studio(b"one ", b"two")
    chunks = started(Recording(studio)).chunks()

    assert next(chunks) == b"one "
    studio.go_on.set()
    assert list(chunks) == [b"two"]


def test_an_error_of_a_recording_reaches_every_listener() -> None:
    studio = Studio(b"one ", b"two", fails=ProviderFailed())
    recording = started(Recording(studio))
    chunks = recording.chunks()
    next(chunks)
    studio.go_on.set()

    with pytest.raises(ProviderFailed):
        list(chunks)
    with pytest.raises(ProviderFailed):
        recording.result()


def test_an_error_before_the_first_byte_is_raised_to_waiting_listeners() -> None:
    studio = Studio(fails=ProviderTimeout())
    studio.go_on.set()

    with pytest.raises(ProviderTimeout):
        started(Recording(studio)).wait_for_sound()


def test_a_clip_made_elsewhere_comes_in_one_piece() -> None:
    studio = Studio()
    studio.go_on.set()

    assert list(started(Recording(studio)).chunks()) == [b"made elsewhere"]


def test_a_recording_continues_when_its_listener_leaves() -> None:
    studio = Studio(b"one ", b"two")
    recording = started(Recording(studio))
    chunks = recording.chunks()
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    studio.go_on.set()

    assert recording.result().audio == b"one two"


def test_an_unexpected_error_of_a_recording_hides_its_message(caplog: pytest.LogCaptureFixture) -> None:
    studio = Studio(fails=ValueError("the words of a person"))
    studio.go_on.set()

    with pytest.raises(SpeechError):
        started(Recording(studio)).result()
    assert "ValueError" in caplog.text
    assert "the words of a person" not in caplog.text


def test_a_recording_announces_its_end_before_listeners_hear_of_it() -> None:
    told: list[str] = []
    studio = Studio()
    studio.go_on.set()
    recording = started(Recording(studio, on_end=lambda: told.append("ended")))
    recording.result()

    assert told == ["ended"]


def test_waiting_for_synthesis_lasts_until_the_last_byte() -> None:
    may_keep = threading.Event()

    def make(recording: Recording) -> Entry:
        recording.mark_synthesized()
        may_keep.wait(5)
        return entry()

    recording = started(Recording(make))
    recording.wait_until_synthesized()
    assert not recording.done
    may_keep.set()
    assert recording.result() == entry()


def test_waiting_for_synthesis_ends_when_it_fails() -> None:
    def make(recording: Recording) -> Entry:
        raise ProviderFailed

    recording = started(Recording(make))
    recording.wait_until_synthesized()
    assert isinstance(recording.error, ProviderFailed)
