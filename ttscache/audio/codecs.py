"""Decodes and encodes all six formats with PyAV (FFmpeg's libraries), as bytes in memory.

PyAV and numpy are imported inside functions: together they take a quarter of a second to load.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, cast

from ttscache.audio.formats import PCM_RATE, AudioFormat, format_named
from ttscache.errors import BrokenAudio

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """All samples of a clip, mixed down to one channel; `channels` is how many it had."""

    samples: NDArray[np.float32]
    sample_rate: int
    channels: int


def _all_frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    return container.decode(container.streams.audio[0])


_FEWEST_FRAMES = 4  # a tenth of a second
_FRAMES_PER_FLAW = 8  # at most one part in so many may not decode


def frames_that_decode(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    import av

    good = flaws = 0
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            flaws += 1
        else:
            good += len(frames)
            yield from frames
    if good < max(_FEWEST_FRAMES, flaws * _FRAMES_PER_FLAW):
        raise BrokenAudio(f"only {good} frames decode")


def decode(
    audio: bytes,
    kind: AudioFormat,
    sample_rate: int | None = None,
    frames: Callable[[av.container.InputContainer], Iterator[av.AudioFrame]] = _all_frames,
) -> Decoded:
    """Samples from -1 to 1, resampled if a rate in Hz is given. Raises BrokenAudio."""
    import av
    import numpy as np

    samples = bytearray()  # it grows in place: a list of arrays would be in memory twice when it is joined
    with opened(audio, kind) as container:
        stream = container.streams.audio[0]
        mono = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate or stream.rate)
        for frame in chain(frames(container), [None]):  # None: flush
            for mixed in mono.resample(frame):
                samples += mixed.to_ndarray()[0].tobytes()
        rate, channels = stream.rate, stream.channels
    if not samples:
        raise BrokenAudio(f"no {kind.name} frames")
    return Decoded(
        samples=np.frombuffer(samples, np.float32),
        sample_rate=sample_rate or rate,
        channels=channels,
    )


@contextmanager
def opened(audio: bytes, kind: AudioFormat) -> Iterator[av.container.InputContainer]:
    """Open a clip for reading. Errors of PyAV inside the block become BrokenAudio."""
    import av

    raw = {"sample_rate": str(PCM_RATE), "ch_layout": "mono"} if kind.name == "pcm" else {}
    file = io.BytesIO(audio)
    try:
        with av.open(file, "r", format=kind.demuxer, options=raw, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, ValueError, IndexError) as error:  # IndexError: the file has no stream
        raise BrokenAudio(f"it does not decode as {kind.name}: {type(error).__name__}") from error


def encode(pcm: bytes, sample_rate: int, audio_format: str) -> bytes:
    """Encode mono s16le samples at `sample_rate` Hz; equal samples always give equal bytes."""
    import av
    import numpy as np

    kind = format_named(audio_format)
    frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = sample_rate
    file = io.BytesIO()
    with created(file, kind) as container:
        rate = kind.nearest_rate(sample_rate)
        stream = cast("av.AudioStream", container.add_stream(kind.codec, rate=rate, layout="mono"))
        if kind.bit_rate:
            stream.bit_rate = kind.bit_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def created(file: io.BytesIO, kind: AudioFormat) -> av.container.OutputContainer:
    import av

    # Without `bitexact` Ogg gets a random serial number. MP3 gets its Info header as the file is seekable.
    return av.open(file, "w", format=kind.muxer, options={"fflags": "+bitexact"})
