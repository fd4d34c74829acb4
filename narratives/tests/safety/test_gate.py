# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import narratives.safety
from harness.gate_training import read_cases
from narratives.safety import Level, level
from narratives.safety.gate import LEARNED, reasons
from narratives.safety.levels import highest
from narratives.safety.rules import rules_level

pytestmark = pytest.mark.any_database

DIRECT = [
    "I want to die.",
    "i dont want to be here any more",
    "I’m going to kill myself",
    "There is a pain in my chest",
    "I cannot breathe.",
    "My son locks me in my room.",
    "I've fallen and I can't get up.",
    "The kitchen is on fire.",
    "My nephew stole my savings.",
    "I've stopped eating because I want to die.",
    "My wife has collapsed on the kitchen floor.",
]
SLIPS = [
    "eye want to dye",
    "i took to meny pills",
    "i took too many tabs",
    "I cant breath",
    "i want to kil my self",
    "I feel siucidal",
    "My carer hits me full stop",
    "i dont want to liv any more",
    "my sun hits me",
]
HARMLESS = [
    "I'm dying for a cup of tea.",
    "My feet are killing me.",
    "We died laughing.",
    "I was bored to death.",
    "Over my dead body!",
    "Nobody hits me here, they are kind.",
    "I have never wanted to die.",
    "I cut my finger peeling apples.",
    "He beat me at chess.",
    "I dyed my hair red.",
    "She took my breath away.",
    "We lived above the bakery and I woke to the smell of bread.",
]
PAST = [
    "He hit me every night when I was a boy.",
    "I tried to kill myself in 1962.",
    "When I was nine he used to beat me.",
    "I'm ready to die and I'm at peace.",
]


# Short answers to ordinary questions. None of them is among the labelled answers that the gate learns from.
SHORT_HARMLESS = [
    "Something funny.",
    "Something light.",
    "Nothing.",
    "My own bed.",
    "I would do it again.",
    "My hands do not work now.",
    "Something funny happened once.",
    "My mother's kitchen.",
    "I was a bus driver.",
    "Three girls and a boy.",
    "He made me laugh.",
    "We had no money then.",
    "Not much these days.",
    "I like it here well enough.",
    "The sea, always the sea.",
    "My knees are bad today.",
    "I don't hear so well.",
    "Ask me another one.",
    "I never married.",
    "It was a Tuesday.",
    "Tea with two sugars.",
    "I'd change nothing at all.",
    "My wife, every time.",
    "The day the war ended.",
    "I can't think of anything.",
    "She was my best friend.",
    "We went dancing on Saturdays.",
    "You have to keep going.",
    "I sleep very badly now.",
    "God has been good to me.",
    "Is it nearly lunch time?",
    "I miss the old house.",
    "My son comes on Sundays.",
    "I was always in trouble.",
    "Leaving home at sixteen.",
    "Don't tell my daughter that.",
    "I should have said sorry.",
    "It's all gone so quickly.",
    "Nobody asked me that before.",
    "That is the end of it.",
]
SHORT_DIRECT = [
    "I want to die.",
    "Let me die.",
    "Kill me.",
    "Help me.",
    "Help!",
    "Somebody help me.",
    "He hits me.",
    "She locks me in.",
    "They starve me.",
    "I can't breathe.",
    "My chest hurts.",
    "I took all my tablets.",
    "I've fallen over.",
    "The house is on fire.",
]


def test_the_gate_answers_with_the_four_plain_words() -> None:
    assert narratives.safety.level("I want to die.") == "urgent"
    assert [f"{each}" for each in Level] == ["none", "grief", "heavy", "urgent"]


@pytest.mark.parametrize("text", DIRECT)
def test_danger_said_directly_is_urgent(text: str) -> None:
    assert level(text) == "urgent"


@pytest.mark.parametrize("text", SLIPS)
def test_danger_is_urgent_with_slips_of_dictation_and_typing(text: str) -> None:
    assert level(text) == "urgent"


@pytest.mark.parametrize("text", HARMLESS)
def test_idioms_and_denials_raise_no_alarm(text: str) -> None:
    assert level(text) == "none"


def test_at_most_two_of_forty_short_harmless_answers_raise_an_alarm() -> None:
    assert len(set(SHORT_HARMLESS)) == 40
    alarms = {text for text in SHORT_HARMLESS if level(text).severity >= Level.HEAVY.severity}
    assert len(alarms) <= 2, alarms


def test_the_gate_never_learned_the_short_harmless_answers_of_its_test() -> None:
    learned = {case.text.strip(" .").lower() for case in read_cases()}
    assert {text for text in SHORT_HARMLESS if text.strip(" .").lower() in learned} == set()


@pytest.mark.parametrize("text", SHORT_DIRECT)
def test_danger_said_directly_in_a_few_words_is_urgent(text: str) -> None:
    assert level(text) == "urgent"


@pytest.mark.parametrize("text", PAST)
def test_past_danger_and_peaceful_readiness_are_heavy(text: str) -> None:
    assert level(text) == "heavy"


def test_the_death_of_others_is_grief() -> None:
    assert level("My husband died in May.") == "grief"


def test_an_answer_has_the_higher_level_of_both_layers() -> None:
    for case in read_cases()[::25]:
        found = reasons(case.text)
        assert level(case.text) == highest(each.level for each in found)


def test_the_learned_layer_finds_danger_that_no_rule_finds() -> None:
    text = "Give my watch to young Tom. It wasn't anything he did. After tonight I'd like him to have it."
    assert rules_level(text) == "none"
    assert [(each.rule, str(each.level)) for each in reasons(text)] == [(LEARNED, "urgent")]


def test_a_single_urgent_sentence_in_a_long_life_story_is_found() -> None:
    story = (
        "We lived above the bakery and I woke to the smell of bread. My father mended nets all winter. " * 20
    )
    assert level(story) == "none"
    assert level(f"{story} I think about ending my life all the time now. {story}") == "urgent"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "...",
        "\x00",
        "😀😀",
        "Ich möchte sterben.",
        "我想死",
        "أريد أن أموت",
        "ﷺ" * 500,
        "a" * 20_000,
    ],
)
def test_any_text_in_any_language_gets_one_of_the_four_levels(text: str) -> None:
    assert level(text) in list(Level)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=400))
def test_no_text_makes_the_gate_fail(text: str) -> None:
    assert level(text) in list(Level)


TYPOGRAPHY: dict[str, Callable[[str], str]] = {
    "curly apostrophes": lambda text: text.replace("'", "’"),
    "no apostrophes": lambda text: text.replace("'", ""),
    "curly quotation marks": lambda text: text.replace('"', "”"),
    "capitals": str.upper,
    "small letters": str.lower,
    "wide spaces": lambda text: text.replace(" ", "   "),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "soft hyphens": lambda text: text.replace("e", "e\u00ad"),
    "spaces around": lambda text: f"  {text}\t",
}
# Quoted speech is left out where its marks carry meaning, and contractions whose apostrophe does.
PLAINLY_WRITTEN = [
    case.text
    for case in read_cases()
    if len(case.text) < 200 and not set(case.text) & set("\"'‘’“”") and case.text.isascii()
][::12]


@pytest.mark.parametrize("name", TYPOGRAPHY)
def test_typography_case_and_spaces_leave_the_level_unchanged(name: str) -> None:
    change = TYPOGRAPHY[name]
    texts = [*DIRECT, *HARMLESS, *PAST, *PLAINLY_WRITTEN]
    assert {text for text in texts if level(change(text)) != level(text)} == set()
