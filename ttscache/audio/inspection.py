"""Examines a clip: one full decode, compared with what its container promises."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from ttscache.audio.codecs import Decoded, decode, frames_that_decode
from ttscache.audio.containers import end_is_marked, promised_samples, sound_only
from ttscache.audio.formats import format_named
from ttscache.audio.holes import has_hole
from ttscache.audio.plausibility import check_duration
from ttscache.errors import BrokenAudio, Fault

WAVEFORM_PEAKS = 100
SILENCE_DBFS = -60.0
SILENT_PEAK_DBFS = -50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """The facts that one full decode of a clip shows.

    Levels are in dB relative to full scale (0 is the loudest); `loudness_dbfs` is the root mean square.
    `waveform` is WAVEFORM_PEAKS bytes: the peak of each equal stretch of the clip, 255 at full scale.
    `end_is_marked` is false for a container that should mark its end and does not.
    """

    duration_ms: int
    sample_rate: int
    channels: int
    loudness_dbfs: float
    peak_dbfs: float
    waveform: bytes
    end_is_marked: bool = True
    has_hole: bool = False


def examine(audio: bytes, audio_format: str) -> Sound:
    """Decode all of a clip and compare it with what its container promises.

    Raises BrokenAudio if the bytes are another format, damaged, cut off or silent. MP3 without a Xing header,
    ADTS and PCM do not state their length, and an Ogg stream may lack its end mark: cut exactly between two
    frames, they look whole here, and only `check_whole` can notice.
    """
    return _examine(audio, audio_format)


def _examine(audio: bytes, audio_format: str, *, may_be_silent: bool = False) -> Sound:
    kind = format_named(audio_format)
    if not audio:
        raise BrokenAudio("no bytes")
    promised = promised_samples(audio, kind.name)
    stream = decode(sound_only(audio, kind.name), kind)
    if len(stream.samples) < promised:
        raise BrokenAudio(f"{len(stream.samples)} samples where {promised} are promised")
    return replace(
        _measure(stream, may_be_silent=may_be_silent),
        end_is_marked=end_is_marked(audio, kind.name),
        has_hole=kind.is_lossless and has_hole(stream.samples, stream.sample_rate),
    )


def examine_leniently(audio: bytes, audio_format: str) -> Sound:
    """Examine a clip of the earlier system, which only has to decode.

    An MP3 plays even with an unknown tag or padding after its last frame, or a last frame that is cut off.
    Raises BrokenAudio if hardly anything decodes, or if it is silent.
    """
    if audio_format != "mp3":
        return examine(audio, audio_format)
    return _examine_what_decodes(audio, audio_format)


def examine_refused(audio: bytes, audio_format: str, text: str, speed: float, despite: Fault) -> Sound:
    """Examine a clip that staff accept although a check refused it.

    Only the check of that fault is left out. Raises BrokenAudio if another one refuses the clip, or if too
    little of it can be decoded.
    """
    if despite is Fault.WHOLENESS:
        facts = _examine_what_decodes(audio, audio_format)
    else:
        facts = _examine(audio, audio_format, may_be_silent=despite is Fault.SILENCE)
        if facts.has_hole:
            raise BrokenAudio("a stretch of the sound is missing")
    if despite is not Fault.PACE:
        check_duration(facts.duration_ms, text, speed)
    return facts


def _examine_what_decodes(audio: bytes, audio_format: str) -> Sound:
    try:
        return examine(audio, audio_format)
    except BrokenAudio:
        return _measure(decode(audio, format_named(audio_format), frames=frames_that_decode))


def check_whole(sound: Sound, text: str, speed: float = 1.0) -> None:
    """Raise BrokenAudio for a clip that is far too short or too long for its text, or that has a hole.

    `speed` is the requested one; 1 is the voice's own. Some models ignore it, so a slow speed does not raise
    the shortest allowed time, and a fast one does not lower the longest.
    """
    if sound.has_hole:
        raise BrokenAudio("a stretch of the sound is missing")
    check_duration(sound.duration_ms, text, speed, end_is_marked=sound.end_is_marked)


def _measure(stream: Decoded, *, may_be_silent: bool = False) -> Sound:
    import numpy as np

    samples = stream.samples
    starts = np.linspace(0, len(samples), WAVEFORM_PEAKS, endpoint=False).astype(int)
    squares = 0.0
    peaks = np.empty(WAVEFORM_PEAKS)
    # One stretch at a time: squares of the whole clip would take three times the memory of its samples.
    for number, (start, end) in enumerate(pairwise([*starts, len(samples)])):
        levels = np.abs(samples[start : max(end, start + 1)])
        peaks[number] = levels.max()
        squares += float(np.square(samples[start:end], dtype=np.float64).sum())
    power = squares / len(samples)
    rest = float(samples.mean(dtype=np.float64)) ** 2  # a constant level is no sound
    loudness = _dbfs(math.sqrt(power))
    peak = _dbfs(float(peaks.max()))
    swing = _dbfs(math.sqrt(max(power - rest, 0.0)))
    if not may_be_silent and (swing < SILENCE_DBFS or peak < SILENT_PEAK_DBFS):
        raise BrokenAudio("silence", kind=Fault.SILENCE)
    return Sound(
        duration_ms=round(len(samples) * 1000 / stream.sample_rate),
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        loudness_dbfs=round(loudness, 2),
        peak_dbfs=round(peak, 2),
        waveform=np.minimum(peaks * 255, 255).astype(np.uint8).tobytes(),
    )


def _dbfs(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 1e-9))
