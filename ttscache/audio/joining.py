"""Joins several clips into one, and converts a clip to another format."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ttscache.audio.codecs import created, decode, encode, opened
from ttscache.audio.containers import promised_samples, sound_only
from ttscache.audio.formats import PCM_RATE, AudioFormat, format_named
from ttscache.errors import BrokenAudio

if TYPE_CHECKING:
    import av


def join(parts: Sequence[bytes], audio_format: str) -> bytes:
    """Join clips, each a whole file of this format. Raises BrokenAudio for a part that is not.

    If all parts are alike, frames of MP3, Opus and AAC are copied. That keeps the quality and leaves the
    encoder's padding, at most 80 ms of silence, between parts. Otherwise everything is decoded, brought to
    the highest sample rate among the parts, and encoded once.
    """
    kind = format_named(audio_format)
    for part in parts:
        promised_samples(part, kind.name)
    if len(parts) == 1:
        return parts[0]
    parts = [sound_only(part, kind.name) for part in parts]
    if kind.frames_can_move and len({_shape(part, kind) for part in parts}) == 1:
        return _with_moved_frames(parts, kind)
    rate = max(_shape(part, kind)[0] for part in parts)
    return encode(b"".join(_pcm(part, kind, rate) for part in parts), rate, kind.name)


def convert(clip: bytes, audio_format: str, wanted: str, *, pcm_rate: int = PCM_RATE) -> bytes:
    """Convert a clip to another format. `pcm_rate` in Hz tells the rate of a PCM clip. Raises BrokenAudio."""
    if audio_format == "pcm":
        if not clip:
            raise BrokenAudio("no sample")
        promised_samples(clip, "pcm")  # checked first: noise, a file or half a sample would encode, too
        clip, audio_format = encode(clip, pcm_rate, "wav"), "wav"
    kind = format_named(audio_format)
    promised_samples(clip, kind.name)
    clip = sound_only(clip, kind.name)
    rate = PCM_RATE if wanted == "pcm" else _shape(clip, kind)[0]
    return encode(_pcm(clip, kind, rate), rate, wanted)


def _shape(audio: bytes, kind: AudioFormat) -> tuple[int, int, str]:
    """Sample rate, channels, codec."""
    with opened(audio, kind) as container:
        codec = container.streams.audio[0].codec_context
        return codec.sample_rate, codec.channels, codec.name


def _pcm(audio: bytes, kind: AudioFormat, sample_rate: int) -> bytes:
    import numpy as np

    samples = decode(audio, kind, sample_rate).samples
    return np.clip(np.rint(samples * 32_768), -32_768, 32_767).astype("<i2").tobytes()


def _with_moved_frames(parts: Sequence[bytes], kind: AudioFormat) -> bytes:
    file = io.BytesIO()
    with created(file, kind) as output:
        stream, now = None, 0
        for part in parts:
            with opened(part, kind) as container:
                source = container.streams.audio[0]
                stream = stream or output.add_stream_from_template(source)
                now = _move_frames(container.demux(source), stream, output, now)
    return file.getvalue()


def _move_frames(
    packets: Iterator[av.Packet[av.AudioStream]],
    stream: av.AudioStream,
    output: av.container.OutputContainer,
    now: int,
) -> int:
    """Append the frames at the time `now`, in units of the stream; returns the time they end."""
    frame_time = 0
    for packet in packets:
        if not packet.size:  # the demuxer marks the end with an empty packet
            continue
        # A short last duration trims the end of an Opus stream; a moved frame is played in full.
        frame_time = max(frame_time, packet.duration or 0)
        packet.pts = packet.dts = now
        packet.stream = stream
        now += frame_time
        output.mux(packet)
    return now
