"""The length of a clip is compared with what a voice says of its text."""

from __future__ import annotations

import pytest

from ttscache.audio.plausibility import check_duration, longest_seconds
from ttscache.audio.said import least_letters
from ttscache.errors import BrokenAudio

pytestmark = pytest.mark.any_database

# A text, and what a voice says that leaves out what nobody says.
UNSAID = [
    ("See https://www.example.org/stories/life?id=48121&from=letter#chapter-seven today.", "See today."),
    ("<speak><emphasis level='strong'>Hello</emphasis><break time='500ms'/></speak>", "Hello"),
    ("[speaking softly and slowly, like a good friend] Hello there.", "Hello there."),
    ("Write to annemarie.longlastname@mail.example.org please.", "Write to please."),
    ("N" + "o" * 47 + "\u2026!", "No!"),
    ("the " * 300, "the"),
    ("so far and " * 60, "so far and"),
    ("Your key is 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a3928.", "Your key is 9f8e7d6c5b4a3928"),
    ("Read [my story](https://example.org/a/very/long/address/of/a/story) now.", "Read my story now."),
    ("Tea&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;time #grandmother #childhood #memories", "Tea time"),
]

ORDINARY = [
    "Yes.",
    "Hm.",
    "Who are you?",
    "What place from your childhood comes to mind?",
    "Tell me about the house you grew up in. Who lived there with you?",
    "Take all the time you need. There is no wrong answer, only your own story. " * 5,
]


def is_kept(seconds: float, text: str, speed: float = 1.0) -> bool:
    try:
        check_duration(round(seconds * 1_000), text, speed)
    except BrokenAudio:
        return False
    return True


def usual_seconds(said: str) -> float:
    return max(6, len(said)) / 15


@pytest.mark.parametrize(("text", "said"), UNSAID)
def test_a_voice_may_leave_out_what_nobody_says(text: str, said: str) -> None:
    assert is_kept(usual_seconds(said), text)


@pytest.mark.parametrize("text", [text for text, _ in UNSAID if len(text) < 1_000])
def test_a_voice_may_also_say_all_of_it(text: str) -> None:
    assert is_kept(usual_seconds(text), text)


@pytest.mark.parametrize("text", ORDINARY[3:])
def test_a_clip_of_less_than_half_of_its_text_is_refused(text: str) -> None:
    assert not is_kept(usual_seconds(text) * 0.3, text)


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0])
def test_a_clip_ten_times_too_long_for_its_text_is_refused(text: str, speed: float) -> None:
    assert is_kept(usual_seconds(text) / speed, text, speed)
    assert not is_kept(10 * usual_seconds(text) / min(1.0, speed), text, speed)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("WWW", 2.1),
        ("77%", 2.0),
        ("1,234,567", 4.4),
        ("+49 30 1234567", 5.9),
        ("https://example.org/a8f3kd92", 14),
        ("\U0001f60a\U0001f60a\U0001f60a", 6),
        ("今日は良い天気ですね。", 5),
        ("मेरा नाम राम है।", 4),
    ],
)
def test_signs_that_take_long_to_say_have_room(text: str, seconds: float) -> None:
    assert is_kept(seconds, text)


def test_a_call_is_given_up_later_than_a_clip_is_refused() -> None:
    for text in ORDINARY:
        assert not is_kept(longest_seconds(text), text)


def test_a_word_that_stands_twice_counts_twice_only_apart() -> None:
    assert least_letters("no no no") == 2
    assert least_letters("no, you said no") == 11
    assert least_letters("Well, well, well") == 4


def test_counting_a_very_long_text_takes_no_time() -> None:
    """A pattern that goes back and forth would take minutes."""
    for unit in ("<", "[", "a", "a.", "a@", "&", "#", "ab ", "](", "x://"):
        least_letters(unit * 20_000)
