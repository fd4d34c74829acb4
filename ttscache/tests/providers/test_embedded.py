"""The embedded voice: thirteen voices, every audio format, and difficult texts."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from ttscache import audio
from ttscache.accounting.prices import list_price_usd
from ttscache.errors import TextRefused, UnknownVoice
from ttscache.providers.embedded import TIMBRES, EmbeddedProvider
from ttscache.speech import EMBEDDED_MODEL, OPENAI_VOICES, SpeechRequest

pytestmark = pytest.mark.any_database

RATE = 24_000
TEXT = "Tell me about a time when your life took a new direction. What was different for you from then on?"


def request(
    text: str = TEXT, voice: str = "nova", audio_format: str = "pcm", speed: float = 1.0
) -> SpeechRequest:
    return SpeechRequest(text=text, voice=voice, model=EMBEDDED_MODEL, audio_format=audio_format, speed=speed)


@cache
def spoken(text: str = TEXT, voice: str = "nova", audio_format: str = "pcm", speed: float = 1.0) -> bytes:
    (clip,) = EmbeddedProvider().speak(request(text, voice, audio_format, speed))
    return clip


def seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


def pitch_hz(pcm: bytes) -> float:
    """Return the median fundamental of the voiced stretches, by autocorrelation between 70 and 400 Hz."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    width, pitches = RATE * 60 // 1000, []
    for start in range(0, len(samples) - width, width // 2):
        frame = samples[start : start + width]
        likeness = np.fft.irfft(np.abs(np.fft.rfft(frame - frame.mean(), 4096)) ** 2)
        lag = RATE // 400 + int(likeness[RATE // 400 : RATE // 70].argmax())
        if frame.std() > 800 and likeness[lag] > likeness[0] / 2:
            pitches.append(RATE / lag)
    return float(np.median(pitches))


class TestVoices:
    def test_every_openai_voice_has_its_own_timbre(self) -> None:
        assert set(TIMBRES) == set(OPENAI_VOICES)
        assert len(set(TIMBRES.values())) == len(TIMBRES)

    @pytest.mark.parametrize("voice", OPENAI_VOICES)
    def test_every_voice_speaks_at_an_unhurried_pace_and_a_human_pitch(self, voice: str) -> None:
        sound = audio.examine(spoken(voice=voice), "pcm")
        audio.check_whole(sound, TEXT)
        assert 9 < len(TEXT) / (sound.duration_ms / 1000) < 26
        assert 95 < pitch_hz(spoken(voice=voice)) < 260

    @pytest.mark.parametrize("voice", OPENAI_VOICES)
    def test_every_voice_is_as_loud_as_the_others(self, voice: str) -> None:
        sound = audio.examine(spoken(voice=voice), "pcm")
        assert sound.loudness_dbfs == pytest.approx(-20, abs=0.5)
        assert sound.peak_dbfs < -0.4

    def test_nova_and_onyx_cannot_be_confused(self) -> None:
        assert pitch_hz(spoken(voice="nova")) / pitch_hz(spoken(voice="onyx")) >= 1.4

    def test_embedded_voices_all_sound_different(self) -> None:
        assert all(spoken(voice=one) != spoken(voice=two) for one, two in combinations(OPENAI_VOICES, 2))

    def test_a_voice_without_a_timbre_is_unknown(self) -> None:
        with pytest.raises(UnknownVoice):
            spoken(voice="grandmother")


class TestSpeaking:
    def test_the_embedded_voice_speaks_its_own_model_at_no_cost(self) -> None:
        other = SpeechRequest(text=TEXT, voice="nova", model="tts-1-hd")
        assert EmbeddedProvider().can_speak(request())
        assert not EmbeddedProvider().can_speak(other)
        assert (list_price_usd("embedded", 100), EmbeddedProvider().is_well()) == (0, True)

    @pytest.mark.parametrize("name", audio.FORMATS)
    def test_an_embedded_clip_is_whole_in_every_format(self, name: str) -> None:
        sound = audio.examine(spoken(audio_format=name), name)
        audio.check_whole(sound, TEXT)
        assert sound.duration_ms == pytest.approx(seconds(spoken()) * 1000, abs=86)

    @pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
    def test_the_embedded_voice_keeps_the_speed(self, speed: float) -> None:
        assert seconds(spoken(speed=speed)) * speed == pytest.approx(seconds(spoken()), rel=0.08)

    def test_the_embedded_voice_gives_equal_bytes_for_equal_text(self) -> None:
        (again,) = EmbeddedProvider().speak(request())
        assert again == spoken()

    def test_embedded_voices_in_several_threads_do_not_disturb_each_other(self) -> None:
        voices = ["nova", "onyx", "fable"] * 4
        with ThreadPoolExecutor(6) as threads:
            clips = list(
                threads.map(lambda voice: b"".join(EmbeddedProvider().speak(request(voice=voice))), voices)
            )
        assert list(map(len, clips)) == [len(spoken(voice=voice)) for voice in voices]

    def test_the_embedded_voice_pauses_between_sentences(self) -> None:
        samples = np.frombuffer(spoken("It was late. We went home."), "<i2").astype(np.float64)
        blocks = samples[: len(samples) // 240 * 240].reshape(-1, 240)  # 10 ms each
        is_quiet = np.sqrt((blocks**2).mean(axis=1)) < 200
        longest_inside = max(
            map(len, "".join("q" if quiet else " " for quiet in is_quiet).strip("q").split(" "))
        )
        assert 20 <= longest_inside <= 150


class TestDifficultText:
    @pytest.mark.parametrize(
        "text",
        [
            "4" * 40,
            "1," * 60,
            "3.1" * 40,
            "Call 0123456789 0123456789 now.",
            "a-b" * 60,
            "x" * 120,
            "[hi](/zzz/)",
        ],
    )
    def test_the_embedded_voice_speaks_long_runs_of_letters(self, text: str) -> None:
        audio.check_whole(audio.examine(spoken(text), "pcm"), text)

    @pytest.mark.parametrize(
        "text",
        [
            "?!",
            "...",
            "\U0001f642",
            "\u4f60\u597d\u4e16\u754c",
            "\u041f\u0440\u0438\u0432\u0435\u0442",
            "$$",
            "\u200b",
        ],
    )
    def test_text_without_english_is_refused(self, text: str) -> None:
        with pytest.raises(TextRefused, match="nothing to say in English"):
            spoken(text)

    @pytest.mark.parametrize("word", ["José", "Café", "O’Brien"])  # noqa: RUF001 - a typographic apostrophe
    def test_a_word_in_another_form_is_said_as_the_plain_word(self, word: str) -> None:
        in_pieces = "\u200b".join(unicodedata.normalize("NFD", word))
        assert spoken(in_pieces) == spoken(word)

    def test_foreign_letters_in_an_english_text_do_no_harm(self) -> None:
        assert seconds(spoken("He liked na\u00efve caf\u00e9 songs, and once said \u4f60\u597d to me.")) > 2

    def test_the_work_for_a_long_text_without_a_stop_grows_with_its_length_only(self) -> None:
        from ttscache.providers import embedded

        endless = "and then we walked along the river to the old house " * 60
        phrases = list(embedded._phrases(embedded._engine(), endless))
        assert max(map(len, phrases)) <= 300
        assert sum(map(len, phrases)) > len(endless) / 2

    def test_a_long_text_without_a_stop_is_spoken_to_its_end(self) -> None:
        endless = "and then we walked along the river to the old house " * 12
        audio.check_whole(audio.examine(spoken(endless), "pcm"), endless)
