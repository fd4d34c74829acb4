"""Clips are refused for lost sound, never for what stands around the sound."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest

from harness.clips import hum
from harness.field_clips import CUT_MP3, SENTENCE, UNMARKED_OPUS, WHOLE_MP3S, field_answer
from ttscache import audio
from ttscache.errors import BrokenAudio, Fault

pytestmark = pytest.mark.any_database

RATE = 24_000
LONGER = "Take all the time you need. There is no wrong answer, only your own story, as you remember it."


def voice_like(seconds: float = 4.0) -> bytes:
    """s16le that rises and falls like syllables."""
    times = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 150 * each * times) / each for each in (1, 2, 3, 5))
    swell = 0.1 + np.sin(np.pi * 2 * times) ** 2
    return bytes((tone * swell * 4_000).astype("<i2").tobytes())


def check(clip: bytes, audio_format: str, text: str = SENTENCE) -> audio.Sound:
    sound = audio.examine(clip, audio_format)
    audio.check_whole(sound, text)
    return sound


@pytest.mark.parametrize("name", WHOLE_MP3S)
def test_an_mp3_with_tags_or_padding_around_its_frames_is_kept(name: str) -> None:
    sound = check(field_answer(name), "mp3")
    assert sound.duration_ms == pytest.approx(5_522 if "joined" in name else 2_784, abs=60)


def test_an_mp3_whose_last_frame_is_cut_off_is_refused() -> None:
    with pytest.raises(BrokenAudio, match="cut off") as refused:
        check(field_answer(CUT_MP3), "mp3")
    assert refused.value.kind is Fault.WHOLENESS


@pytest.mark.parametrize("name", WHOLE_MP3S)
def test_a_clip_with_tags_or_padding_can_be_joined_and_converted(name: str) -> None:
    clip = field_answer(name)
    alone = audio.examine(clip, "mp3").duration_ms
    joined = audio.examine(audio.join([clip, clip], "mp3"), "mp3")
    assert joined.duration_ms == pytest.approx(2 * alone, abs=120)
    assert audio.examine(audio.convert(clip, "mp3", "wav"), "wav").duration_ms == pytest.approx(alone, abs=60)


def test_a_joined_mp3_whose_first_part_lost_frames_is_refused() -> None:
    part = audio.encode(voice_like(), RATE, "mp3")
    frames = audio.containers._frames(part, audio.containers._mp3_frame_bytes)
    shortened = part[: frames[-8][0]]
    check(part + part, "mp3", LONGER)
    with pytest.raises(BrokenAudio, match="promised"):
        check(shortened + part, "mp3", LONGER)


def test_zeros_between_two_frames_of_an_mp3_are_a_hole() -> None:
    part = audio.encode(voice_like(), RATE, "mp3")
    middle = audio.containers._frames(part, audio.containers._mp3_frame_bytes)[60][0]
    with pytest.raises(BrokenAudio):
        check(part[:middle] + bytes(1_000) + part[middle:], "mp3", LONGER)


@pytest.mark.parametrize("name", ["aac", "flac"])
def test_other_formats_may_have_a_tag_at_the_end(name: str) -> None:
    clip = audio.encode(voice_like(), RATE, name) + b"TAG" + bytes(125)
    assert check(clip, name, LONGER).duration_ms == pytest.approx(4_000, abs=90)


@pytest.mark.parametrize("end", [b"\n", bytes(128)], ids=["newline", "zeros"])
def test_an_ogg_stream_may_be_padded_at_its_end(end: bytes) -> None:
    check(audio.encode(voice_like(), RATE, "opus") + end, "opus", LONGER)


def test_two_joined_ogg_streams_are_kept() -> None:
    part = audio.encode(voice_like(), RATE, "opus")
    assert check(part + part, "opus", LONGER).duration_ms == pytest.approx(8_000, abs=200)


class TestOggWithoutEnd:
    """Such a clip may be whole, or cut off between two pages: only its length can tell."""

    def test_an_ogg_clip_without_an_end_is_kept_when_its_length_suits_its_text(self) -> None:
        assert not check(field_answer(UNMARKED_OPUS), "opus").end_is_marked

    def test_an_ogg_clip_without_an_end_is_refused_when_a_page_is_missing(self) -> None:
        clip = field_answer(UNMARKED_OPUS)
        with pytest.raises(BrokenAudio) as refused:
            check(clip[: clip.rfind(b"OggS")], "opus")
        assert refused.value.kind is Fault.PACE

    def test_an_ogg_clip_without_an_end_is_refused_when_its_text_takes_longer(self) -> None:
        with pytest.raises(BrokenAudio):
            check(field_answer(UNMARKED_OPUS), "opus", f"{SENTENCE} Who was there?")

    def test_an_ogg_clip_without_an_end_is_refused_when_its_last_page_is_cut(self) -> None:
        with pytest.raises(BrokenAudio, match="cut off"):
            check(field_answer(UNMARKED_OPUS)[:-10], "opus")


def test_a_wav_of_unknown_length_is_kept() -> None:
    wav = bytearray(audio.encode(voice_like(), RATE, "wav"))
    struct.pack_into("<I", wav, 4, 0xFFFF_FFFF)
    struct.pack_into("<I", wav, wav.find(b"data") + 4, 0xFFFF_FFFF)
    assert check(bytes(wav), "wav", LONGER).duration_ms == 4_000


@pytest.mark.parametrize("name", audio.FORMATS)
@pytest.mark.parametrize("part", [1 / 20, 1 / 8, 1 / 3])
def test_a_clip_with_zeroed_bytes_in_its_middle_is_refused(name: str, part: float) -> None:
    whole = audio.encode(voice_like(), RATE, name)
    check(whole, name, LONGER)
    size = round(len(whole) * part / 2) * 2
    middle = len(whole) // 4 * 2
    with pytest.raises(BrokenAudio) as refused:
        check(whole[:middle] + bytes(size) + whole[middle + size :], name, LONGER)
    assert refused.value.kind is Fault.WHOLENESS


def test_a_pause_of_pure_zeros_is_no_hole() -> None:
    samples = np.frombuffer(voice_like(2.0), "<i2").astype(np.float64)
    fade = np.linspace(1, 0, 480)
    samples[-480:] *= fade
    samples[:480] *= fade[::-1]
    spoken = samples.astype("<i2").tobytes()
    check(spoken + bytes(RATE * 2) + spoken, "pcm", LONGER)


def test_a_square_wave_has_no_hole() -> None:
    assert not audio.examine(hum(2), "pcm").has_hole


def test_an_apev2_tag_without_a_header_is_skipped() -> None:
    items = struct.pack("<II", 4, 0) + b"Title\0Life"
    footer = b"APETAGEX" + struct.pack("<IIII", 2_000, len(items) + 32, 1, 0) + bytes(8)
    check(audio.encode(voice_like(), RATE, "mp3") + items + footer, "mp3", LONGER)


def test_a_player_hears_all_of_a_clip_with_tags() -> None:
    """FFmpeg stands for other players: it plays the kept bytes as they are."""
    clip = field_answer("mp3_ape_id3v1.mp3")
    with av.open(io.BytesIO(clip), "r", format="mp3") as container:
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert len(packets) * 24 == pytest.approx(audio.examine(clip, "mp3").duration_ms, abs=60)
