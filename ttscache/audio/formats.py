"""The six audio formats: names, media types, and FFmpeg's names for them."""

from __future__ import annotations

from dataclasses import dataclass

from ttscache.errors import UnknownFormat

PCM_RATE = 24_000  # Hz; OpenAI's `pcm` is s16le, mono, without a header


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioFormat:
    """One audio format.

    `muxer`, `demuxer` and `codec` are FFmpeg's names. `rates` are the sample rates in Hz that the encoder
    takes (empty: any). `bit_rate`, in bits per second, suits one voice; None: the codec decides. Frames of a
    `frames_can_move` format can be copied to another file without decoding.
    """

    name: str
    media_type: str
    muxer: str
    demuxer: str
    codec: str
    bit_rate: int | None = None
    rates: tuple[int, ...] = ()
    frames_can_move: bool = False
    is_lossless: bool = False

    def nearest_rate(self, sample_rate: int) -> int:
        """The lowest rate in Hz that loses nothing of `sample_rate`, or the highest there is."""
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
        AudioFormat(
            name="flac", media_type="audio/flac", muxer="flac", demuxer="flac", codec="flac",
            is_lossless=True,
        ),
        AudioFormat(
            name="wav", media_type="audio/wav", muxer="wav", demuxer="wav", codec="pcm_s16le",
            is_lossless=True,
        ),
        AudioFormat(
            name="pcm", media_type="audio/pcm", muxer="s16le", demuxer="s16le", codec="pcm_s16le",
            rates=(PCM_RATE,), is_lossless=True,
        ),
    )
}  # fmt: skip


def format_named(name: str) -> AudioFormat:
    """Return the format of this name. Raises UnknownFormat."""
    if name not in FORMATS:
        raise UnknownFormat
    return FORMATS[name]
