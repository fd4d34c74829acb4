"""Generates sounds that pass for speech: as long as the spoken text, different for each text and voice."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 24_000
CHARACTERS_PER_SECOND = 15
SHORTEST_CHARACTERS = 6

Samples = npt.NDArray[np.int16]


class Coding(NamedTuple):
    media_type: str
    container: str = ""
    codec: str = ""
    bit_rate: int | None = None


CODINGS = {
    "mp3": Coding("audio/mpeg", "mp3", "libmp3lame", 128_000),
    "opus": Coding("audio/opus", "ogg", "libopus", 32_000),
    "aac": Coding("audio/aac", "adts", "aac", 64_000),
    "flac": Coding("audio/flac", "flac", "flac"),
    "wav": Coding("audio/wav", "wav", "pcm_s16le"),
    "pcm": Coding("audio/pcm"),
}

# OpenAI's stream has neither an ID3 tag nor a Xing frame, so nothing in it states its length.
MP3_MUXER = {"write_xing": "0", "id3v2_version": "0"}

# Without a bit reservoir each MP3 frame decodes alone, so frames can be repeated.
MP3_CODEC = {"reservoir": "0"}
MP3_FRAME_SAMPLES = 576
MP3_FRAME_BYTES = 384


@lru_cache(maxsize=2000)
def spoken_clip(text: str, voice: str, audio_format: str, speed: float = 1, manner: str = "") -> bytes:
    """The text as sound. `manner` also changes it, and stands for the model and the instructions."""
    phrase = _phrase(text, _pitch_of(voice, f"{speed}|{manner}"))
    length = _length(text, speed)
    if audio_format == "mp3":
        return _repeated_mp3(phrase, length)
    return encoded(np.resize(phrase, length), audio_format)


def silent(text: str, audio_format: str) -> bytes:
    """A silent clip as long as the spoken text."""
    return encoded(np.zeros(_length(text), np.int16), audio_format)


def encoded(samples: Samples, audio_format: str) -> bytes:
    coding = CODINGS[audio_format]
    if not coding.codec:
        return samples.astype("<i2").tobytes()
    is_mp3 = audio_format == "mp3"
    file = io.BytesIO()
    with av.open(file, "w", format=coding.container, options=MP3_MUXER if is_mp3 else {}) as container:
        codec_options = MP3_CODEC if is_mp3 else {}
        stream = container.add_stream(coding.codec, rate=SAMPLE_RATE, layout="mono", options=codec_options)
        assert isinstance(stream, av.AudioStream)
        if coding.bit_rate:
            stream.bit_rate = coding.bit_rate
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _repeated_mp3(phrase: Samples, length: int) -> bytes:
    """Encode the phrase once and repeat its frames, so that load tests do not measure this encoder."""
    frames = encoded(phrase, "mp3")
    size = MP3_FRAME_BYTES * round(length / MP3_FRAME_SAMPLES)
    return (frames * (size // len(frames) + 1))[:size]


def _length(text: str, speed: float = 1) -> int:
    """The length of the spoken text in samples."""
    return round(max(len(text), SHORTEST_CHARACTERS) * SAMPLE_RATE / CHARACTERS_PER_SECOND / speed)


def _phrase(text: str, pitch: float) -> Samples:
    """A second of hums. A hash of the whole text decides how high and how loud each one is."""
    notes = np.frombuffer(_digest(text), np.uint8)[:CHARACTERS_PER_SECOND]
    length = SAMPLE_RATE // CHARACTERS_PER_SECOND  # of one hum
    phase = np.cumsum(np.repeat(pitch * 2 ** (notes / 512), length)) * (2 * np.pi / SAMPLE_RATE)
    loudness = np.outer(0.2 + notes % 8 / 32, np.sin(np.linspace(0, np.pi, length))).ravel()
    wave = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)
    heard: Samples = (wave * loudness * 30_000).astype(np.int16)
    return heard


def _pitch_of(voice: str, manner: str) -> float:
    """The pitch of one voice and manner, 90 to 290 Hz."""
    return 90 + int.from_bytes(_digest(f"{voice}|{manner}")[:4], "big") / 2**32 * 200


def _digest(words: str) -> bytes:
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()
