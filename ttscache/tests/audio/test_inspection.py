"""Damaged clips are detected; joining clips loses nothing."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
from functools import cache
from itertools import permutations

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.process import PROJECT
from ttscache import audio
from ttscache.audio import FORMATS, containers, inspection
from ttscache.errors import BrokenAudio, UnknownFormat

pytestmark = pytest.mark.any_database

RATE = 24_000
TEXT = "Take all the time you need. There is no wrong answer, only your own story."
SECONDS = 5.0

every_format = pytest.mark.parametrize("name", FORMATS)
end_is_marked = pytest.mark.parametrize("name", ["mp3", "opus", "flac", "wav"])


def murmur(seconds: float = SECONDS, rate: int = RATE, loudness: float = 0.2) -> bytes:
    """Return s16le samples that swell and ebb like syllables over a little noise."""
    times = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 150 * k * times) / k for k in (1, 2, 3, 5))
    breath = np.random.default_rng(1).normal(0, 0.05, len(times))
    swell = 0.05 + np.sin(np.pi * 2 * times) ** 2
    return bytes(((tone + breath) * swell * loudness * 16_000).astype("<i2").tobytes())


@cache
def clip(name: str, seconds: float = SECONDS, rate: int = RATE) -> bytes:
    return audio.encode(murmur(seconds, rate), rate, name)


@cache
def streamed_mp3() -> bytes:
    """Return an MP3 as a service streams it: only frames, without a Xing or Info header."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(murmur(), "<i2").reshape(1, -1), "s16", "mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def duration_ms(sound: bytes, name: str) -> int:
    return audio.examine(sound, name).duration_ms


def is_refused(sound: bytes, name: str, text: str = TEXT) -> bool:
    try:
        facts = audio.examine(sound, name)
        if text:
            audio.check_whole(facts, text)
    except BrokenAudio:
        return True
    return False


class TestExamine:
    @every_format
    def test_a_whole_clip_tells_its_length(self, name: str) -> None:
        assert duration_ms(clip(name), name) == pytest.approx(
            SECONDS * 1000, abs=86
        )  # ADTS: two frames of padding

    @every_format
    def test_a_whole_clip_tells_how_loud_it_is(self, name: str) -> None:
        sound = audio.examine(clip(name), name)
        assert -40 < sound.loudness_dbfs < sound.peak_dbfs <= 0.5
        assert len(sound.waveform) == inspection.WAVEFORM_PEAKS
        assert sound.channels == 1

    def test_the_waveform_follows_the_sound(self) -> None:
        loud_then_faint = murmur(2) + murmur(2, loudness=0.02)
        peaks = audio.examine(audio.encode(loud_then_faint, RATE, "wav"), "wav").waveform
        assert max(peaks[52:]) < min(max(peaks[:48]), 20)

    @every_format
    @pytest.mark.parametrize(
        "junk",
        [
            b"",
            b"\0",
            b"ID3",
            b"OggS",
            b"RIFF",
            b"<html><body><h1>502 Bad Gateway</h1></body></html>" * 50,
            b'{"error": {"message": "The server is overloaded"}}',
            random.Random(7).randbytes(20_000),
            bytes(20_000),
        ],
        ids=["empty", "zero", "id3", "ogg", "riff", "html", "json", "random", "zeros"],
    )
    def test_bytes_that_are_no_audio_are_broken(self, name: str, junk: bytes) -> None:
        with pytest.raises(BrokenAudio):
            audio.examine(junk, name)

    @pytest.mark.parametrize(("name", "other"), list(permutations(FORMATS, 2)))
    def test_audio_of_another_format_is_broken(self, name: str, other: str) -> None:
        with pytest.raises(BrokenAudio):
            audio.examine(clip(other), name)

    @every_format
    @pytest.mark.parametrize("level", [0, 3])
    def test_a_silent_clip_is_broken(self, name: str, level: int) -> None:
        faint = np.tile(np.repeat(np.array([0, level], "<i2"), 50), 500).tobytes()
        with pytest.raises(BrokenAudio, match="silence"):
            audio.examine(audio.encode(faint, RATE, name), name)

    @pytest.mark.parametrize("name", ["flac", "wav"])
    def test_a_clip_of_one_constant_level_is_silent(self, name: str) -> None:
        level = np.full(3 * RATE, 9_000, "<i2").tobytes()
        with pytest.raises(BrokenAudio, match="silence"):
            audio.examine(audio.encode(level, RATE, name), name)

    def test_an_unknown_audio_format_raises_its_own_error(self) -> None:
        with pytest.raises(UnknownFormat):
            audio.examine(clip("mp3"), "midi")

    def test_the_reason_of_a_broken_clip_is_short(self) -> None:
        with pytest.raises(BrokenAudio) as broken:
            audio.examine(b"<html>secret</html>" * 100, "mp3")
        assert len(broken.value.reason) < 80
        assert "secret" not in str(broken.value)


class TestCutOff:
    @end_is_marked
    @given(kept=st.floats(0, 0.999))
    @settings(max_examples=25, deadline=None)
    def test_a_cut_anywhere_is_detected_in_formats_that_mark_their_end(self, name: str, kept: float) -> None:
        assert is_refused(clip(name)[: int(len(clip(name)) * kept)], name, text="")

    @pytest.mark.parametrize("name", ["mp3", "aac"])
    @given(kept=st.floats(0, 0.9))
    @settings(max_examples=25, deadline=None)
    def test_a_cut_within_a_frame_is_detected_without_an_end_mark(self, name: str, kept: float) -> None:
        whole = streamed_mp3() if name == "mp3" else clip("aac")
        frames = containers._frames(
            whole, containers._mp3_frame_bytes if name == "mp3" else containers._adts_frame_bytes
        )
        frame_starts = {start for start, _ in frames}
        cut = int(len(whole) * kept)
        assert cut in frame_starts or is_refused(whole[:cut], name, text="")

    @pytest.mark.parametrize("name", ["mp3", "aac", "pcm"])
    @given(kept=st.floats(0, 0.4))
    @settings(max_examples=15, deadline=None)
    def test_less_than_half_of_what_a_text_takes_is_too_short(self, name: str, kept: float) -> None:
        whole = streamed_mp3() if name == "mp3" else clip(name)
        assert is_refused(whole[: int(len(whole) * kept)], name)

    def test_an_mp3_with_fewer_frames_than_its_header_counts_is_broken(self) -> None:
        whole = clip("mp3")
        at_a_frame = containers._frames(whole, containers._mp3_frame_bytes)[-8][0]
        with pytest.raises(BrokenAudio, match="promised"):
            audio.examine(whole[:at_a_frame], "mp3")

    def test_an_ogg_stream_that_ends_between_two_pages_is_broken(self) -> None:
        whole = clip("opus")
        cut = audio.examine(whole[: whole.rfind(b"OggS")], "opus")
        with pytest.raises(BrokenAudio):
            audio.check_whole(cut, f"{TEXT} Begin wherever you like, and stop whenever you like.")

    @pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav"])
    def test_a_clip_with_a_hole_in_the_middle_is_broken(self, name: str) -> None:
        whole = clip(name)
        middle = len(whole) // 2 + 1
        with pytest.raises(BrokenAudio):
            audio.examine(whole[:middle] + whole[middle + len(whole) // 8 :], name)

    def test_pcm_that_slipped_by_a_byte_is_broken(self) -> None:
        with pytest.raises(BrokenAudio, match="noise"):
            audio.examine(clip("pcm")[1:-1], "pcm")


class TestRealClips:
    """Whole clips from other encoders pass."""

    def test_an_mp3_stream_without_a_header_passes(self) -> None:
        assert b"Info" not in streamed_mp3()[:200]
        assert not is_refused(streamed_mp3(), "mp3")

    def test_an_mp3_with_tags_at_both_ends_passes(self) -> None:
        front = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 8]) + b"TIT2\0\0\0\x05\0\0\x03Life" + bytes(249)
        tagged = front + streamed_mp3() + b"TAG" + bytes(125)
        assert duration_ms(tagged, "mp3") == duration_ms(streamed_mp3(), "mp3")

    @pytest.mark.parametrize("placeholder", [0xFFFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFDB, 0])
    def test_a_streamed_wav_of_unknown_length_passes(self, placeholder: int) -> None:
        wav = bytearray(clip("wav"))
        struct.pack_into("<I", wav, 4, placeholder)
        struct.pack_into("<I", wav, wav.find(b"data") + 4, placeholder)
        assert duration_ms(bytes(wav), "wav") == SECONDS * 1000

    def test_a_streamed_wav_that_ends_within_a_sample_is_broken(self) -> None:
        wav = bytearray(clip("wav"))
        struct.pack_into("<I", wav, wav.find(b"data") + 4, 0xFFFF_FFFF)
        with pytest.raises(BrokenAudio):
            audio.examine(bytes(wav[:-1]), "wav")

    @every_format
    @pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
    def test_audio_of_any_sample_rate_can_be_encoded(self, name: str, rate: int) -> None:
        assert duration_ms(clip(name, 2.0, rate), name) == pytest.approx(2000, abs=130)

    @every_format
    def test_encoding_the_same_samples_twice_gives_equal_bytes(self, name: str) -> None:
        assert audio.encode(murmur(1), RATE, name) == audio.encode(murmur(1), RATE, name)


class TestCheckWhole:
    def lasting(self, seconds: float) -> audio.Sound:
        return audio.Sound(
            duration_ms=round(seconds * 1000),
            sample_rate=RATE,
            channels=1,
            loudness_dbfs=-20,
            peak_dbfs=-1,
            waveform=b"",
        )

    @pytest.mark.parametrize("characters_a_second", [9, 15, 26])
    @pytest.mark.parametrize("speed", [0.25, 1, 4])
    def test_a_clip_of_usual_pace_passes(self, characters_a_second: float, speed: float) -> None:
        text = TEXT * 6
        audio.check_whole(self.lasting(len(text) / characters_a_second / speed), text, speed)

    @pytest.mark.parametrize(
        ("text", "seconds"), [("Yes.", 0.2), ("Who are you?", 0.5), ("1,234,567", 5), ("77%", 3)]
    )
    def test_short_texts_may_take_longer_than_the_usual_pace(self, text: str, seconds: float) -> None:
        audio.check_whole(self.lasting(seconds), text)

    @pytest.mark.parametrize("seconds", [1, 600])
    def test_a_clip_far_from_the_usual_pace_is_broken_and_the_reason_has_no_word(
        self, seconds: float
    ) -> None:
        with pytest.raises(BrokenAudio) as broken:
            audio.check_whole(self.lasting(seconds), TEXT * 2)
        assert "story" not in str(broken.value)

    def test_a_model_that_ignores_the_speed_passes(self) -> None:
        for speed in (0.25, 4):
            audio.check_whole(self.lasting(len(TEXT) / 15), TEXT, speed)


class TestJoin:
    @every_format
    def test_a_join_lasts_as_long_as_its_parts(self, name: str) -> None:
        parts = [clip(name, seconds) for seconds in (0.7, 1.3, 2.0)]
        expected = sum(duration_ms(part, name) for part in parts)
        assert duration_ms(audio.join(parts, name), name) == pytest.approx(expected, abs=2 * 80)

    @every_format
    def test_parts_of_different_sample_rates_are_joined_at_the_highest(self, name: str) -> None:
        parts = [clip(name, 1.0, 16_000), clip(name, 1.0, 48_000)]
        joined = audio.examine(audio.join(parts, name), name)
        expected = sum(duration_ms(part, name) for part in parts)
        assert joined.duration_ms == pytest.approx(expected, abs=80)
        assert joined.sample_rate == (RATE if name == "pcm" else 48_000)

    def test_a_joined_mp3_is_counted_anew(self) -> None:
        joined = audio.join([clip("mp3", 1.0), clip("mp3", 1.0)], "mp3")
        assert joined.count(b"Info") == 1
        assert is_refused(joined[: len(joined) * 9 // 10], "mp3", text="")

    def test_streamed_parts_are_joined_without_loss(self) -> None:
        joined = audio.join([streamed_mp3()] * 3, "mp3")
        assert duration_ms(joined, "mp3") == pytest.approx(3 * duration_ms(streamed_mp3(), "mp3"), abs=25)

    def test_a_joined_clip_can_be_joined_again(self) -> None:
        twice = audio.join([clip("opus", 1.0)] * 2, "opus")
        assert duration_ms(audio.join([twice, twice], "opus"), "opus") == pytest.approx(4000, abs=3 * 80)

    def test_a_single_part_stays_as_it_is(self) -> None:
        assert audio.join([clip("mp3")], "mp3") is clip("mp3")

    @every_format
    def test_a_part_that_is_no_audio_is_broken(self, name: str) -> None:
        with pytest.raises(BrokenAudio):
            audio.join([clip(name, 1.0), b"<html>no</html>"], name)


APE_TAG = b"APETAGEX" + struct.pack("<IIII", 2_000, 32, 0, 1 << 31) + bytes(8)
LYRICS = b"LYRICSBEGINx000006LYRICS200" + b"TAG" + bytes(125)


@pytest.mark.parametrize(
    "end", [APE_TAG, LYRICS, bytes(512), b"\n"], ids=["APE", "lyrics", "zeros", "newline"]
)
def test_a_clip_may_end_in_bytes_that_are_not_audio(end: bytes) -> None:
    assert audio.examine(clip("mp3") + end, "mp3").duration_ms == pytest.approx(5_000, abs=60)
    assert audio.examine_leniently(clip("mp3") + end, "mp3").duration_ms == pytest.approx(5_000, abs=60)


def test_an_adopted_clip_may_lack_the_end_of_its_last_frame() -> None:
    assert audio.examine_leniently(clip("mp3")[:-20], "mp3").duration_ms == pytest.approx(5_000, abs=60)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"<html><body>" + b"502 Bad Gateway " * 2_000,
        random.Random(1).randbytes(40_000),
        clip("mp3")[:300],
        clip("mp3")[:600] + bytes(20_000),
        clip("wav"),
        audio.encode(bytes(RATE * 4), RATE, "mp3"),
    ],
    ids=["nothing", "page", "noise", "a frame", "mostly zeros", "wav", "silence"],
)
def test_an_adopted_clip_that_does_not_decode_is_broken(damage: bytes) -> None:
    with pytest.raises(BrokenAudio):
        audio.examine_leniently(damage, "mp3")


HOLD_A_CHECK = """
import re, sys
from pathlib import Path
from ttscache import audio

def peak():  # not that of getrusage(2), which begins with the parent's
    return 1_024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

hum = (b"\\x00\\x10" * 50 + b"\\x00\\xf0" * 50) * 240
audio.examine(audio.encode(hum, 24_000, "mp3"), "mp3")  # loads the libraries
clip = sys.stdin.buffer.read()
before = peak()
audio.examine(clip, "mp3")
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_the_check_of_a_long_clip_holds_its_samples_only_once() -> None:
    """A process checks many at once, and a clip of four minutes has 24 MB of samples."""
    seconds = 60
    clip = audio.encode(murmur(10) * (seconds // 10), RATE, "mp3")
    done = subprocess.run(
        [sys.executable, "-c", HOLD_A_CHECK],
        cwd=PROJECT,
        input=clip,
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert int(done.stdout) < 2 * 4 * seconds * RATE
