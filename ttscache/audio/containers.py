"""Checks a clip by its container: PyAV decodes a truncated clip without an error, but a listener notices."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ttscache.errors import BrokenAudio


def promised_samples(audio: bytes, audio_format: str) -> int:
    """The number of samples that the container promises; 0 if it promises nothing.

    Raises BrokenAudio for bytes of another format and for a clip that is cut off.
    """
    return _CONTAINERS[audio_format](audio)


def begins_as_file(start: bytes) -> bool:
    """Whether these first bytes begin a clip in any format except PCM, which has no header."""
    is_frame = _mp3_frame_bytes(start, 0) or _adts_frame_bytes(start, 0)
    return start.startswith(_SIGNATURES) or bool(is_frame)


_SIGNATURES = (b"RIFF", b"OggS", b"fLaC", b"ID3")


def _mp3_samples(audio: bytes) -> int:
    """MPEG-1/2 layer III: checks that every frame is whole, and their number against a Xing or Info header.

    The header is in the first frame, which holds no sound: https://gabriel.mp3-tech.org/mp3infotag.html
    """
    frames = _frames(audio, _mp3_frame_bytes)
    beginning = audio[frames[0] : frames[0] + 56]
    header = max(beginning.find(b"Xing"), beginning.find(b"Info"))
    if header < 0 or len(beginning) < header + 12:
        return 0
    _, flags, promised_frames = struct.unpack_from(">4sII", beginning, header)
    # Some encoders count the header's own frame as well.
    if flags & 1 and len(frames) < promised_frames:
        raise BrokenAudio(f"{len(frames)} MP3 frames where {promised_frames} are promised")
    return 0


_MPEG1_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_MPEG2_KBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_MPEG1_RATES = (44_100, 48_000, 32_000, 0)
_RATE_DIVISORS = {0b00: 4, 0b10: 2, 0b11: 1}  # MPEG-2.5, MPEG-2, MPEG-1
_MP3_SYNC, _LAYER_III = 0b111_1111_1111, 0b01


def _mp3_frame_bytes(audio: bytes, start: int) -> int:
    """Bytes of the layer III frame at `start`, by its header (ISO/IEC 11172-3, 2.4.2.3); 0 if none."""
    header = int.from_bytes(audio[start : start + 4].ljust(4, b"\0"))
    divisor = _RATE_DIVISORS.get(header >> 19 & 0b11)
    if header >> 21 != _MP3_SYNC or divisor is None or header >> 17 & 0b11 != _LAYER_III:
        return 0
    kbits = (_MPEG1_KBITS if divisor == 1 else _MPEG2_KBITS)[header >> 12 & 0b1111]
    rate = _MPEG1_RATES[header >> 10 & 0b11] // divisor
    if not kbits or not rate:
        return 0
    bytes_per_bit = 144 if divisor == 1 else 72  # 1152 or 576 samples, by 8
    return bytes_per_bit * kbits * 1000 // rate + (header >> 9 & 1)


def _aac_samples(audio: bytes) -> int:
    _frames(audio, _adts_frame_bytes)
    return 0


def _adts_frame_bytes(audio: bytes, start: int) -> int:
    """Bytes of the ADTS frame at `start`, by its header (ISO/IEC 13818-7, 6.2); 0 if none."""
    header = int.from_bytes(audio[start : start + _ADTS_HEADER_BYTES].ljust(_ADTS_HEADER_BYTES, b"\0"))
    length = header >> 13 & 0x1FFF
    is_adts = header >> 44 == _ADTS_SYNC and not header >> 41 & 0b11 and length > _ADTS_HEADER_BYTES
    return length if is_adts else 0


_ADTS_HEADER_BYTES, _ADTS_SYNC = 7, 0xFFF


def _frames(audio: bytes, frame_bytes: Callable[[bytes, int], int]) -> list[int]:
    """The start of each frame. Raises BrokenAudio unless the bytes are whole frames and ID3 tags only."""
    starts = []
    position = 0
    while position < len(audio):
        tag = _id3_bytes(audio, position)
        length = tag or frame_bytes(audio, position)
        if not length:
            raise BrokenAudio("no frame where one should begin")
        if not tag:
            starts.append(position)
        position += length
    if position > len(audio):
        raise BrokenAudio("the last frame is cut off")
    if not starts:
        raise BrokenAudio("not a single frame")
    return starts


def _id3_bytes(audio: bytes, start: int) -> int:
    """Length of an ID3 tag: version 2 (https://id3.org/id3v2.4.0-structure), or 1 at the end; 0 if none."""
    if audio.startswith(b"ID3", start) and len(audio) >= start + 10:
        flags, *sizes = audio[start + 5 : start + 10]
        size = sum(seven_bits << shift for seven_bits, shift in zip(sizes, (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if flags & 0x10 else 0)
    if audio.startswith(b"TAG", start) and len(audio) == start + 128:
        return 128
    return 0


_OGG_HEADER_BYTES = 27  # before the table of segment sizes


def _opus_samples(audio: bytes) -> int:
    """Ogg Opus (RFC 7845): a stream whose last page has no end mark is truncated.

    RFC 3533, section 6 describes the layout of a page.
    """
    head = audio.find(b"OpusHead", 0, 200)
    if not audio.startswith(b"OggS") or head < 0:
        raise BrokenAudio("not Ogg Opus")
    last_page = audio[audio.rfind(b"OggS") :]
    if len(last_page) < _OGG_HEADER_BYTES or not last_page[5] & 0b100:
        raise BrokenAudio("the Ogg stream has no end")
    segments = last_page[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + last_page[26]]
    if len(last_page) < _OGG_HEADER_BYTES + last_page[26] + sum(segments):
        raise BrokenAudio("the last Ogg page is cut off")
    (position,) = struct.unpack_from("<q", last_page, 6)
    (pre_skip,) = struct.unpack_from("<H", audio, head + 10)
    longest_packet = 5_760  # 120 ms at 48 kHz; the counts of encoders differ by up to one packet
    return int(position - pre_skip - longest_packet)


def _flac_samples(audio: bytes) -> int:
    """The total in STREAMINFO (RFC 9639, 8.2); 0 if the encoder did not know it."""
    start = _id3_bytes(audio, 0)
    if not audio.startswith(b"fLaC", start):
        raise BrokenAudio("not FLAC")
    return int.from_bytes(audio[start + 18 : start + 26]) & 0xF_FFFF_FFFF


_UNKNOWN_WAV_BYTES = 0x7FFF_0000  # a streamed WAV claims at least this size, or 0


def _wav_samples(audio: bytes) -> int:
    """RIFF WAVE: the data chunk must have its claimed length, or an unknown one with whole samples."""
    if audio[:4] != b"RIFF" or audio[8:12] != b"WAVE":
        raise BrokenAudio("not WAV")
    position, block_bytes = 12, 0
    while position + 8 <= len(audio):
        name, size = struct.unpack_from("<4sI", audio, position)
        position += 8
        if name == b"fmt " and position + 14 <= len(audio):
            (block_bytes,) = struct.unpack_from("<H", audio, position + 12)
        if name == b"data" and block_bytes:
            there = len(audio) - position
            promised = size if 0 < size < _UNKNOWN_WAV_BYTES else there
            if there < promised or promised % block_bytes:
                raise BrokenAudio(f"{there} bytes of WAV data where {size} are promised")
            return promised // block_bytes
        position += size + size % 2
    raise BrokenAudio("a WAV without data")


_LEAST_LIKENESS = 0.2  # correlation of neighbouring samples: speech has 0.8 and more, noise none


def _pcm_samples(audio: bytes) -> int:
    """PCM has no header and any bytes decode, so refuse what cannot be speech.

    Neighbouring samples of a voice are alike. Text, compressed audio, and samples shifted by one byte look
    like noise.
    """
    import numpy as np

    if audio.startswith(_SIGNATURES):
        raise BrokenAudio("a file instead of PCM samples")
    if len(audio) % 2:
        raise BrokenAudio("half a sample at the end")
    samples = np.frombuffer(audio, "<i2").astype(np.float64)
    samples -= samples.mean()
    power = float(samples @ samples)
    if power and float(samples[:-1] @ samples[1:]) < _LEAST_LIKENESS * power:
        raise BrokenAudio("noise instead of PCM samples")
    return len(samples)


_CONTAINERS: dict[str, Callable[[bytes], int]] = {
    "mp3": _mp3_samples,
    "opus": _opus_samples,
    "aac": _aac_samples,
    "flac": _flac_samples,
    "wav": _wav_samples,
    "pcm": _pcm_samples,
}
