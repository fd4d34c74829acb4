"""Checks a clip by its container: PyAV decodes a truncated clip without an error, but a listener notices."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

from ttscache.errors import BrokenAudio


def promised_samples(audio: bytes, audio_format: str) -> int:
    """The number of samples that the container promises; 0 if it promises nothing.

    Raises BrokenAudio for bytes of another format and for a clip that is cut off.
    """
    return _CONTAINERS[audio_format](audio)


FIRST_BYTES = 64  # so many, after padding, decide what a clip is
MOST_PADDING = 16_384  # of zeros or white space before the first frame of an MP3


def begins_as_file(start: bytes) -> bool:
    """Whether these first bytes begin a clip in any format except PCM, which has no header."""
    is_frame = _mp3_frame_bytes(start, 0) or _adts_frame_bytes(start, 0)
    return start.startswith(_SIGNATURES) or bool(is_frame)


def begins_as(start: bytes, audio_format: str) -> bool:
    """Whether a clip of this format may begin with these bytes.

    PCM has no header, so any bytes will do that are neither text nor a file in another format.
    """
    if audio_format in ("mp3", "aac"):
        frame_bytes = _mp3_frame_bytes if audio_format == "mp3" else _adts_frame_bytes
        frames = start.lstrip(_PADDING)
        return frames.startswith((b"ID3", _APE)) or frame_bytes(frames, 0) > 0
    if audio_format == "flac":
        return start.startswith((b"fLaC", b"ID3"))
    if audio_format == "wav":
        return start[:4] == b"RIFF" and start[8:12] == b"WAVE"
    if audio_format == "opus":
        return start.startswith(b"OggS")
    return not start.startswith(_SIGNATURES) and not is_text(start)


def is_enough_to_tell(start: bytes) -> bool:
    """Whether so many first bytes decide what a clip is."""
    return len(start.lstrip(_PADDING)) >= FIRST_BYTES or len(start) >= MOST_PADDING


def is_text(start: bytes) -> bool:
    """Whether a body that begins like this is a page or an error in words: nearly all of it is printable.

    Samples of a voice begin near silence, so no PCM begins like this.
    """
    head = start[:FIRST_BYTES]
    printable = sum(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in head)
    return bool(head) and printable >= 0.9 * len(head)


_PADDING = b"\0\t\r\n "
_SIGNATURES = (b"RIFF", b"OggS", b"fLaC", b"ID3")


def _mp3_samples(audio: bytes) -> int:
    """MPEG-1/2 layer III: checks that each frame is whole, and counts them against every Xing or Info header.

    Such a header fills the first frame, which holds no sound; joined files have several.
    https://gabriel.mp3-tech.org/mp3infotag.html
    """
    frames = [start for start, _ in _frames(audio, _mp3_frame_bytes)]
    headers = [place for place, start in enumerate(frames) if _is_xing(audio, start)]
    for place, next_place in pairwise([*headers, len(frames)]):
        beginning = _frame_beginning(audio, frames[place])
        _, flags, promised = struct.unpack_from(">4sII", beginning, _xing_place(beginning))
        # Some encoders count the header's own frame as well.
        if flags & 1 and next_place - place < promised:
            raise BrokenAudio(f"{next_place - place} MP3 frames where {promised} are promised")
    return 0


def _is_xing(audio: bytes, start: int) -> bool:
    beginning = _frame_beginning(audio, start)
    place = _xing_place(beginning)
    return place >= 0 and len(beginning) >= place + 12


def _xing_place(beginning: bytes) -> int:
    return max(beginning.find(b"Xing"), beginning.find(b"Info"))


def _frame_beginning(audio: bytes, start: int) -> bytes:
    return audio[start : start + 56]


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


def sound_only(audio: bytes, audio_format: str) -> bytes:
    """The clip without tags and padding between its frames, where a decoder may stumble over them.

    MP3 and ADTS only; other clips come back as they are.
    """
    if audio_format not in ("mp3", "aac"):
        return audio
    frames = _frames(audio, _mp3_frame_bytes if audio_format == "mp3" else _adts_frame_bytes)
    later = (
        frames[1:] if audio_format == "aac" else [each for each in frames[1:] if not _is_xing(audio, each[0])]
    )
    return b"".join(audio[start : start + length] for start, length in (frames[0], *later))


def _frames(audio: bytes, frame_bytes: Callable[[bytes, int], int]) -> list[tuple[int, int]]:
    """Start and length of each frame.

    Raises BrokenAudio unless the bytes are whole frames, with tags and padding around them. Zeros between two
    frames are a hole.
    """
    frames: list[tuple[int, int]] = []
    position = 0
    while position < len(audio):
        length = frame_bytes(audio, position)
        if length:
            frames.append((position, length))
        else:
            length = _tag_bytes(audio, position) or _padding_bytes(audio, position, is_before=not frames)
        if not length:
            raise BrokenAudio("no frame where one should begin")
        position += length
    if position > len(audio):
        raise BrokenAudio("the last frame is cut off")
    if not frames:
        raise BrokenAudio("not a single frame")
    return frames


def _tag_bytes(audio: bytes, start: int) -> int:
    """Length of a tag that begins here; 0 if none.

    ID3 version 2 (https://id3.org/id3v2.4.0-structure) and 1, APE (https://wiki.hydrogenaud.io, "APEv2
    specification") and Lyrics3 (https://id3.org/Lyrics3v2).
    """
    if audio.startswith(b"ID3", start) and len(audio) >= start + 10:
        flags, *sizes = audio[start + 5 : start + 10]
        size = sum(seven_bits << shift for seven_bits, shift in zip(sizes, (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if flags & 0x10 else 0)
    if audio.startswith(b"TAG", start) and len(audio) >= start + 128:
        return 128
    if audio.startswith(b"LYRICSBEGIN", start):
        ends = (audio.find(mark, start) for mark in (b"LYRICS200", b"LYRICSEND"))
        return min((end + 9 - start for end in ends if end >= 0), default=0)
    if audio.startswith(_APE, start) and len(audio) >= start + _APE_BYTES:
        size, _, flags = struct.unpack_from("<III", audio, start + 12)
        return _APE_BYTES + (int(size) if flags & _IS_APE_HEADER else 0)
    return _ape_bytes_before_footer(audio, start)


_APE, _APE_BYTES, _IS_APE_HEADER = b"APETAGEX", 32, 1 << 29


def _ape_bytes_before_footer(audio: bytes, start: int) -> int:
    """Length of an APE tag that has only a footer; it tells the size of the items before it."""
    footer = audio.find(_APE, start)
    if footer < 0 or len(audio) < footer + _APE_BYTES:
        return 0
    (size,) = struct.unpack_from("<I", audio, footer + 12)
    length = footer + _APE_BYTES - start
    return length if size == length else 0


def _padding_bytes(audio: bytes, start: int, *, is_before: bool) -> int:
    """Length of zeros or white space before the first frame, after the last one, or before a tag; else 0."""
    length = len(audio) - start - len(audio[start:].lstrip(_PADDING))
    end = start + length
    is_after = end == len(audio) or audio.startswith((b"ID3", b"TAG", _APE, b"LYRICSBEGIN"), end)
    return length if is_before or is_after else 0


_OGG_HEADER_BYTES = 27  # before the table of segment sizes
_IS_FIRST, _IS_LAST = 0b010, 0b100


def _opus_samples(audio: bytes) -> int:
    """Ogg Opus (RFC 7845), also of several streams one after the other.

    RFC 3533, section 6 describes the layout of a page. The demuxer checks the checksum of each and leaves out
    those that are damaged, so their samples are missing.
    """
    samples = position = pre_skip = 0
    for flags, granule, page in _ogg_pages(audio):
        if flags & _IS_FIRST:
            head = page.find(b"OpusHead")
            if head < 0 or len(page) < head + 12:
                raise BrokenAudio("not Ogg Opus")
            samples += position - pre_skip
            (pre_skip,) = struct.unpack_from("<H", page, head + 10)
        if granule >= 0:  # -1: no packet ends on this page
            position = granule
    longest_packet = 5_760  # 120 ms at 48 kHz; the counts of encoders differ by up to one packet
    return samples + position - pre_skip - longest_packet


def end_is_marked(audio: bytes, audio_format: str) -> bool:
    """False for an Ogg stream whose last page has no end mark: it may be cut off between two pages."""
    if audio_format != "opus":
        return True
    return bool([flags for flags, _, _ in _ogg_pages(audio)][-1] & _IS_LAST)


def _ogg_pages(audio: bytes) -> list[tuple[int, int, bytes]]:
    """Flags, granule position and bytes of each page. Raises BrokenAudio unless they are whole pages."""
    pages: list[tuple[int, int, bytes]] = []
    segments, position = b"", 0
    while position < len(audio):
        if not audio.startswith(b"OggS", position):
            if pages and not audio[position:].strip(_PADDING):
                break
            raise BrokenAudio("no Ogg page where one should begin")
        flags, granule, segments = _ogg_header(audio, position)
        length = _OGG_HEADER_BYTES + len(segments) + sum(segments)
        if position + length > len(audio):
            raise BrokenAudio("the last Ogg page is cut off")
        pages.append((flags, granule, audio[position : position + length]))
        position += length
    if not pages or not pages[0][0] & _IS_FIRST:
        raise BrokenAudio("not Ogg Opus")
    if segments[-1:] == b"\xff":
        raise BrokenAudio("the last Ogg packet is cut off")
    return pages


def _ogg_header(audio: bytes, position: int) -> tuple[int, int, bytes]:
    if len(audio) < position + _OGG_HEADER_BYTES:
        raise BrokenAudio("the last Ogg page is cut off")
    flags, granule = struct.unpack_from("<Bq", audio, position + 5)
    table = position + _OGG_HEADER_BYTES
    return flags, granule, audio[table : table + audio[table - 1]]


def _flac_samples(audio: bytes) -> int:
    """The total in STREAMINFO (RFC 9639, 8.2); 0 if the encoder did not know it."""
    start = _tag_bytes(audio, 0)
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


LEAST_LIKENESS = 0.2  # correlation of neighbouring samples: speech has 0.8 and more, noise none


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
    if power and float(samples[:-1] @ samples[1:]) < LEAST_LIKENESS * power:
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
