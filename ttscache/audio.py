"""Is it whole, what is it, how long; join clips; cues.

Everything here works on bytes in memory. PyAV (FFmpeg's libraries) decodes and encodes all six formats; what
it forgives and a listener would not, a clip that is cut off, is looked up in the containers themselves.
PyAV and numpy are imported where they are needed: together they take a quarter of a second.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, cast

from ttscache.errors import BrokenAudio, UnknownFormat

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

PCM_RATE = 24_000  # what OpenAI's `pcm` means: s16le, 24 kHz, mono, no header
WAVEFORM_PEAKS = 100
SILENCE_DBFS = -60.0
SILENT_PEAK_DBFS = -50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioFormat:
    """How clips of one kind are named, sent, read and made.

    `muxer`, `demuxer` and `codec` are FFmpeg's names; `rates` the sample rates in Hz that the encoder takes
    (none listed: any); `bit_rate` in bits per second suits one voice and is None where it follows from the
    codec. Frames of a `frames_can_move` format may be moved to another file without decoding them.
    """

    name: str
    media_type: str
    muxer: str
    demuxer: str
    codec: str
    bit_rate: int | None = None
    rates: tuple[int, ...] = ()
    frames_can_move: bool = False

    @property
    def extension(self) -> str:
        return self.name

    def nearest_rate(self, sample_rate: int) -> int:
        """The lowest rate that loses nothing of `sample_rate`, or the highest there is."""
        if not self.rates:
            return sample_rate
        return min((rate for rate in self.rates if rate >= sample_rate), default=max(self.rates))


_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

FORMATS = {
    kind.name: kind
    for kind in (
        AudioFormat(
            name="mp3", media_type="audio/mpeg", muxer="mp3", demuxer="mp3", codec="libmp3lame",
            bit_rate=64_000, rates=_MPEG_RATES, frames_can_move=True,
        ),
        AudioFormat(
            name="opus", media_type="audio/ogg", muxer="ogg", demuxer="ogg", codec="libopus",
            bit_rate=32_000, rates=(8_000, 12_000, 16_000, 24_000, 48_000), frames_can_move=True,
        ),
        AudioFormat(
            name="aac", media_type="audio/aac", muxer="adts", demuxer="aac", codec="aac",
            bit_rate=64_000, rates=_MPEG_RATES, frames_can_move=True,
        ),
        AudioFormat(name="flac", media_type="audio/flac", muxer="flac", demuxer="flac", codec="flac"),
        AudioFormat(name="wav", media_type="audio/wav", muxer="wav", demuxer="wav", codec="pcm_s16le"),
        AudioFormat(
            name="pcm", media_type="audio/pcm", muxer="s16le", demuxer="s16le", codec="pcm_s16le",
            rates=(PCM_RATE,),
        ),
    )
}  # fmt: skip


def format_named(name: str) -> AudioFormat:
    """Raises UnknownFormat."""
    if name not in FORMATS:
        raise UnknownFormat
    return FORMATS[name]


# Is it whole, what is it, how long


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What one full decode of a clip shows.

    Levels are in dB relative to full scale (0 is the loudest there is), `loudness_dbfs` as root mean square.
    `waveform` is WAVEFORM_PEAKS bytes: the peak of each equal stretch of the clip, 255 at full scale.
    """

    duration_ms: int
    sample_rate: int
    channels: int
    loudness_dbfs: float
    peak_dbfs: float
    waveform: bytes


def examine(audio: bytes, audio_format: str) -> Sound:
    """Decode all of a clip and look at what its container promises.

    Raises BrokenAudio where the bytes are not that format, are damaged or cut off, or hold silence. An MP3
    without a Xing header, ADTS and PCM say nowhere how long they are: cut exactly between two frames they
    look whole, and only `check_whole` may notice.
    """
    kind = format_named(audio_format)
    if not audio:
        raise BrokenAudio("no bytes")
    promised_samples = _CONTAINERS[kind.name](audio)
    stream = _decode(audio, kind)
    if len(stream.samples) < promised_samples:
        raise BrokenAudio(f"{len(stream.samples)} samples where {promised_samples} are promised")
    return _measure(stream)


def examine_adopted(audio: bytes, audio_format: str) -> Sound:
    """The same of a clip of the earlier system, which has to decode, no more.

    An MP3 plays in spite of what follows its last frame, a tag of another kind or padding, and of a last
    frame that is cut off. Raises BrokenAudio where hardly anything decodes, or all of it is silence.
    """
    try:
        return examine(audio, audio_format)
    except BrokenAudio:
        if audio_format != "mp3":
            raise
    return _measure(_decode(audio, format_named(audio_format), frames=_frames_that_decode))


# Letters and digits a second. Narration has 9 to 26 characters of all kinds in a second, of which four in
# five are letters; a short text has no pauses, so it gets some letters free and some seconds extra.
_FASTEST_PACE = 22.0
_FREE_LETTERS = 12
_SLOWEST_PACE = 3.0
_FREE_SECONDS = 10.0
_LETTERS_PER_SIGN = 8  # 77%: seventy-seven percent


def check_whole(sound: Sound, text: str, speed: float = 1.0) -> None:
    """Raise BrokenAudio for a clip that is far too short, or absurdly long, for its text.

    `speed` is that of the request, 1 being the voice's own. Some models ignore it, so a slow speed does not
    raise the shortest time that is allowed, nor a quick one lower the longest.
    """
    check_duration(sound.duration_ms, text, speed)


def check_duration(duration_ms: int, text: str, speed: float = 1.0) -> None:
    """The same of a clip whose length is known already."""
    letters = sum(map(str.isalnum, text))
    shortest = max(0, letters - _FREE_LETTERS) / (_FASTEST_PACE * max(1.0, speed))
    longest = longest_seconds(text, speed)
    seconds = duration_ms / 1000
    if not shortest <= seconds <= longest:
        raise BrokenAudio(f"{seconds:.2f} s, expected {shortest:.2f} to {longest:.2f} s")


def longest_seconds(text: str, speed: float = 1.0) -> float:
    """How long a clip of this text may be at most; what is longer is not whole."""
    spelled_out = sum(1 if char.isalpha() else _LETTERS_PER_SIGN for char in text if not char.isspace())
    return _FREE_SECONDS + spelled_out / (_SLOWEST_PACE * min(1.0, speed))


def _measure(stream: _Decoded) -> Sound:
    import numpy as np

    levels = np.abs(stream.samples)
    loudness = _dbfs(float(np.sqrt(np.mean(np.square(levels, dtype=np.float64)))))
    peak = _dbfs(float(levels.max()))
    if loudness < SILENCE_DBFS or peak < SILENT_PEAK_DBFS:
        raise BrokenAudio("silence")
    starts = np.linspace(0, len(levels), WAVEFORM_PEAKS, endpoint=False).astype(int)
    peaks = np.maximum.reduceat(levels, starts)
    return Sound(
        duration_ms=round(len(levels) * 1000 / stream.sample_rate),
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        loudness_dbfs=round(loudness, 2),
        peak_dbfs=round(peak, 2),
        waveform=np.minimum(peaks * 255, 255).astype(np.uint8).tobytes(),
    )


def _dbfs(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 1e-9))


# What the containers say. Each of these raises BrokenAudio for bytes that are another format or a clip that
# is cut off, and returns the number of samples the container promises: 0 where it promises nothing.


def _mp3_samples(audio: bytes) -> int:
    """MPEG-1/2 layer III: every frame is all there, and as many as a Xing or Info header counts.

    That header sits in the first frame, which holds no sound: https://gabriel.mp3-tech.org/mp3infotag.html
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
    """Where the frames of a stream begin that is nothing but whole frames and ID3 tags."""
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
    """Ogg Opus (RFC 7845): the end is where a page says so; without that mark the stream is truncated.

    The layout of a page is in RFC 3533, 6.
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
    longest_packet = 5_760  # 120 ms at 48 kHz; encoders differ by as much in what they count
    return int(position - pre_skip - longest_packet)


def _flac_samples(audio: bytes) -> int:
    """The total that STREAMINFO holds (RFC 9639, 8.2), 0 when its encoder did not know."""
    start = _id3_bytes(audio, 0)
    if not audio.startswith(b"fLaC", start):
        raise BrokenAudio("not FLAC")
    return int.from_bytes(audio[start + 18 : start + 26]) & 0xF_FFFF_FFFF


_UNKNOWN_WAV_BYTES = 0x7FFF_0000  # whoever streams a WAV writes something as large as this, or 0


def _wav_samples(audio: bytes) -> int:
    """RIFF WAVE: the data chunk is as long as it claims, or of unknown length and ends in a whole sample."""
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
    """Headerless samples: refuse what cannot be speech, since any bytes decode.

    From one sample to the next a voice moves little; text, compressed audio, and samples that are shifted
    by a byte jump like noise.
    """
    import numpy as np

    if audio.startswith((b"RIFF", b"OggS", b"fLaC", b"ID3")):
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


# Decode, encode, join


@dataclass(frozen=True, kw_only=True, slots=True)
class _Decoded:
    """All samples of a clip, mixed down to one channel; `channels` is how many it had."""

    samples: NDArray[np.float32]
    sample_rate: int
    channels: int


def _all_frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    return container.decode(container.streams.audio[0])


_FEWEST_FRAMES = 4  # a tenth of a second
_FRAMES_PER_FLAW = 8  # at most one part in so many may not decode


def _frames_that_decode(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
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


def _decode(
    audio: bytes,
    kind: AudioFormat,
    sample_rate: int | None = None,
    frames: Callable[[av.container.InputContainer], Iterator[av.AudioFrame]] = _all_frames,
) -> _Decoded:
    """Samples from -1 to 1, resampled if a rate in Hz is given. Raises BrokenAudio."""
    import av
    import numpy as np

    chunks = []
    with _opened(audio, kind) as container:
        stream = container.streams.audio[0]
        mono = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate or stream.rate)
        for frame in (*frames(container), None):  # None: flush
            chunks += [mixed.to_ndarray()[0] for mixed in mono.resample(frame)]
        rate, channels = stream.rate, stream.channels
    if not any(map(len, chunks)):
        raise BrokenAudio(f"no {kind.name} frames")
    return _Decoded(
        samples=np.concatenate(chunks).astype(np.float32, copy=False),
        sample_rate=sample_rate or rate,
        channels=channels,
    )


@contextmanager
def _opened(audio: bytes, kind: AudioFormat) -> Iterator[av.container.InputContainer]:
    """A clip to read from; whatever turns out wrong with it meanwhile is BrokenAudio."""
    import av

    raw = {"sample_rate": str(PCM_RATE), "ch_layout": "mono"} if kind.name == "pcm" else {}
    file = io.BytesIO(audio)
    try:
        with av.open(file, "r", format=kind.demuxer, options=raw, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, ValueError, IndexError) as error:  # IndexError: there is no stream in it
        raise BrokenAudio(f"it does not decode as {kind.name}: {type(error).__name__}") from error


def encode(pcm: bytes, sample_rate: int, audio_format: str) -> bytes:
    """One clip of mono s16le samples at `sample_rate` Hz; the same samples always give the same bytes."""
    import av
    import numpy as np

    kind = format_named(audio_format)
    frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = sample_rate
    file = io.BytesIO()
    with _created(file, kind) as container:
        rate = kind.nearest_rate(sample_rate)
        stream = cast("av.AudioStream", container.add_stream(kind.codec, rate=rate, layout="mono"))
        if kind.bit_rate:
            stream.bit_rate = kind.bit_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _created(file: io.BytesIO, kind: AudioFormat) -> av.container.OutputContainer:
    import av

    # Without `bitexact` Ogg gets a random serial number. MP3 gets its Info header as the file is seekable.
    return av.open(file, "w", format=kind.muxer, options={"fflags": "+bitexact"})


def join(parts: Sequence[bytes], audio_format: str) -> bytes:
    """One clip of several, each a whole file of that format. Raises BrokenAudio for one that is not.

    Frames of MP3, Opus and AAC are moved as they are where all parts are alike, which keeps the quality and
    leaves the encoder's padding, at most 80 ms of silence, between two parts. All else is decoded, brought to
    the highest sample rate among the parts, and encoded once.
    """
    kind = format_named(audio_format)
    for part in parts:
        _CONTAINERS[kind.name](part)
    if len(parts) == 1:
        return parts[0]
    if kind.frames_can_move and len({_shape(part, kind) for part in parts}) == 1:
        return _with_moved_frames(parts, kind)
    rate = max(_shape(part, kind)[0] for part in parts)
    return encode(b"".join(_pcm(part, kind, rate) for part in parts), rate, kind.name)


def _shape(audio: bytes, kind: AudioFormat) -> tuple[int, int, str]:
    """Sample rate, channels, codec."""
    with _opened(audio, kind) as container:
        codec = container.streams.audio[0].codec_context
        return codec.sample_rate, codec.channels, codec.name


def _pcm(audio: bytes, kind: AudioFormat, sample_rate: int) -> bytes:
    import numpy as np

    samples = _decode(audio, kind, sample_rate).samples
    return np.clip(np.rint(samples * 32_768), -32_768, 32_767).astype("<i2").tobytes()


def _with_moved_frames(parts: Sequence[bytes], kind: AudioFormat) -> bytes:
    file = io.BytesIO()
    with _created(file, kind) as output:
        stream, now = None, 0
        for part in parts:
            with _opened(part, kind) as container:
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
    """Append the frames from the time `now` on, in units of the stream, and return the time they end."""
    frame_time = 0
    for packet in packets:
        if not packet.size:  # the demuxer's way to say that this was all
            continue
        # The end of an Opus stream is trimmed by a short last duration; moved, its frame is played in full.
        frame_time = max(frame_time, packet.duration or 0)
        packet.pts = packet.dts = now
        packet.stream = stream
        now += frame_time
        output.mux(packet)
    return now


# Sentences: where to cut a long text, and when each is heard

# A mark that ends a sentence is followed by a space and no small letter; a line ends one without a mark.
_SENTENCE_END = re.compile(r"""[.!?\u2026]+["'\u201d\u2019)\]]*(?=\s+[^\sa-z])|[\u3002\uff01\uff1f]+|\n""")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Rev|St|Mt|Jr|Sr|vs|[A-HJ-Z])\.$")
_CLAUSE_END = re.compile(r"[,;:\u2013\u2014][\"'\u201d\u2019)\]]*(?=\s)|(?<=\s)[-\u2013\u2014](?=\s)")
_SPACE = re.compile(r"(?=\s)")


def split_text(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` characters, cut at the end of a sentence if that can be.

    Else at the end of a clause, else at a space, and within a word only if that word alone is too long. No
    character is lost but the white space at the cuts; no part is blank.
    """
    parts = []
    rest = text
    while len(rest) > limit:
        cut = _last_good_cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in (*parts, rest) if part.strip()]


def _last_good_cut(text: str, limit: int) -> int:
    window = text[: limit + 100]  # enough to see what follows a mark
    for ends in (_sentence_ends(window), _ends(_CLAUSE_END, window), _ends(_SPACE, window)):
        within = [end for end in ends if 0 < end <= limit]
        if within:
            return within[-1]
    return limit


def _ends(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.end() for match in pattern.finditer(text)]


def _sentence_ends(text: str) -> list[int]:
    return [
        end for end in _ends(_SENTENCE_END, text) if not _ABBREVIATION.search(text[max(0, end - 8) : end])
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """When a sentence is heard: `text[first_char : last_char + 1]` from `start_ms` up to `end_ms`.

    Characters are Unicode code points, as Python counts them (JavaScript's `Array.from(text)`).
    """

    start_ms: int
    end_ms: int
    first_char: int
    last_char: int


_PAUSE_CHARACTERS = dict.fromkeys(".!?", 9) | dict.fromkeys(";:", 5) | {",": 4}


def cues(text: str, duration_ms: int) -> list[Cue]:
    """The sentences of a clip that lasts `duration_ms`, one after the other without a gap.

    Voices tell no times, so a sentence gets the share of its characters, where a mark that makes a voice
    pause counts for as many as fit into the pause.
    """
    sentences = _sentences(text)
    weights = [sum(_PAUSE_CHARACTERS.get(char, 1) for char in text[a : b + 1]) for a, b in sentences]
    heard = list(accumulate(weights, initial=0))
    times = [round(duration_ms * weight / max(heard[-1], 1)) for weight in heard]
    return [
        Cue(start_ms=start, end_ms=end, first_char=first, last_char=last)
        for (start, end), (first, last) in zip(pairwise(times), sentences, strict=True)
    ]


def _sentences(text: str) -> list[tuple[int, int]]:
    """First and last character of each sentence, the white space around it left out."""
    spans = []
    for start, end in pairwise([0, *_sentence_ends(text), len(text)]):
        sentence = text[start:end]
        if sentence.strip():
            first = start + len(sentence) - len(sentence.lstrip())
            spans.append((first, first + len(sentence.strip()) - 1))
    return spans
