from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ttscache.errors import BadText, EmptyText
from ttscache.speech import OPENAI_VOICES, SpeechRequest

pytestmark = pytest.mark.any_database

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1).filter(
    str.strip
)
voices = st.sampled_from([*OPENAI_VOICES, "b_c", "c", "my_voice"])
requests = st.builds(
    SpeechRequest,
    text=texts | st.sampled_from(["a", "a_b", "a_b_c"]),
    voice=voices,
    model=st.sampled_from(["tts-1-hd", "tts-1", "embedded", "gpt-4o-mini-tts"]),
    audio_format=st.sampled_from(["mp3", "opus", "wav"]),
    speed=st.sampled_from([1, 1.0, 0.75, 1.25, 1.0000001]),
    instructions=st.sampled_from(["", "Speak warmly."]),
)


@given(requests, requests)
def test_two_different_requests_never_share_a_key(one: SpeechRequest, other: SpeechRequest) -> None:
    assert (one.content_hash == other.content_hash) == (one == other)


@given(requests)
def test_a_key_has_32_hexadecimal_digits(request: SpeechRequest) -> None:
    assert len(request.content_hash) == 32
    assert int(request.content_hash, 16) >= 0


@given(texts, st.sampled_from(OPENAI_VOICES))
def test_the_rendition_that_existing_databases_hold_keeps_its_key(text: str, voice: str) -> None:
    request = SpeechRequest(text=text, voice=voice, model="tts-1-hd")

    assert request.content_hash == hashlib.md5(f"{text}_{voice}".encode()).hexdigest()


@given(texts)
def test_a_voice_with_an_underscore_never_takes_the_first_key_form(text: str) -> None:
    one = SpeechRequest(text=f"{text}_b", voice="c", model="tts-1-hd")
    other = SpeechRequest(text=text, voice="b_c", model="tts-1-hd")

    assert one.content_hash != other.content_hash


@given(texts, st.sampled_from(OPENAI_VOICES))
def test_a_text_that_looks_like_another_requests_key_is_told_apart(text: str, voice: str) -> None:
    other = SpeechRequest(text=text, voice=voice, model="tts-1")
    imitation = '{"audio_format": "mp3", "instructions": "", "model": "tts-1", "speed": "1.0", "text": '
    assume(text != imitation)

    assert SpeechRequest(text=imitation, voice=voice, model="tts-1-hd").content_hash != other.content_hash


def test_speed_1_is_speed_1_point_0() -> None:
    one = SpeechRequest(text="Yes.", voice="nova", model="tts-1", speed=1)
    other = SpeechRequest(text="Yes.", voice="nova", model="tts-1", speed=1.0)

    assert one.content_hash == other.content_hash


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_cannot_be_spoken(text: str) -> None:
    with pytest.raises(EmptyText):
        SpeechRequest(text=text, voice="nova", model="tts-1-hd")


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_text_that_no_database_can_hold_is_refused(text: str) -> None:
    with pytest.raises(BadText):
        SpeechRequest(text=text, voice="nova", model="tts-1-hd")
