from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest

from narratives.safety import rules
from narratives.safety.levels import Level
from narratives.safety.normalizing import folded, plain
from narratives.safety.patterns import LatePattern, PatternIndex, alternatives, expanded, first_words
from narratives.safety.rules import RULES, rule_findings, rules_level

pytestmark = pytest.mark.any_database

# One case for each rule that no other rule finds.
ONLY_FOUND_BY = {
    "wish to die": "I hope I die soon.",
    "no reason to live": "I am tired of living.",
    "suicide": "I will slit my wrists.",
    "plan or means": "I have been hoarding my tablets.",
    "self-harm": "I keep cutting my arms.",
    "hurt by someone": "She slaps me.",
    "neglected": "Nobody feeds me.",
    "tied, locked in, drugged": "I am locked in my room.",
    "robbed or pressed for money": "He takes my pension.",
    "medical emergency": "I cannot breathe.",
    "stroke": "My speech is slurred.",
    "overdose": "I drank the bleach.",
    "fall": "I cannot get up off the floor.",
    "danger to others": "I want to strangle him.",
    "somebody near in danger": "My husband is not breathing.",
    "cruelty, war, killing": "We saw the massacre.",
    "shouted at": "My daughter shouts at me.",
    "suicide told of": "My brother hanged himself.",
    "facing death": "I have made my peace.",
    "despair": "I feel useless.",
    "loss of a child": "Our son was stillborn.",
    "loss": "The funeral was on a Friday.",
}


def test_every_rule_has_a_case_of_its_own() -> None:
    assert set(ONLY_FOUND_BY) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_finds_a_case_that_no_other_rule_finds(rule: rules.SafetyRule) -> None:
    found = rule_findings(ONLY_FOUND_BY[rule.name])
    assert [(each.rule, each.level) for each in found] == [(rule.name, rule.level)]


def test_each_rule_states_its_reason() -> None:
    assert all(len(rule.why) > 20 for rule in RULES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He slapped me this morning.", Level.URGENT),
        ("He slapped me when I was a boy.", Level.HEAVY),
        ("I had a stroke this morning.", Level.URGENT),
        ("I had a stroke in 1998.", Level.NONE),
        ("My friend Joan said she wanted to kill herself.", Level.HEAVY),
        ("I have no thoughts of harming myself.", Level.NONE),
        ("I never wanted to die.", Level.NONE),
        ("No, I want to die.", Level.URGENT),
    ],
)
def test_words_around_a_match_decide_how_much_it_counts(text: str, expected: Level) -> None:
    assert rules_level(text) == expected


def test_a_quoted_threat_of_somebody_else_does_not_count_as_the_speakers_own_wish() -> None:
    assert rules_level('Mother always said "I want to die" when the bill came.') == Level.HEAVY
    assert rules_level("I want to die.") == Level.URGENT


class CountingMatches:
    """Counts how often a pattern is tried, instead of the time that it takes."""

    def __init__(self, pattern: LatePattern, tried: Counter[str]) -> None:
        self._pattern, self._tried = pattern, tried

    @property
    def compiled(self) -> CountingMatches:
        return self

    def match(self, words: str, at: int) -> re.Match[str] | None:
        self._tried["patterns"] += 1
        return self._pattern.compiled.match(words, at)


def tries_for(text: str) -> int:
    """How many patterns are tried on a text, over all indexes of urgent and quieter rules."""
    tried: Counter[str] = Counter()
    for index in (rules._URGENT, rules._QUIETER):
        counting: PatternIndex[object] = PatternIndex()
        for source, target in (
            (index._by_word, counting._by_word),
            (index._by_start, counting._by_start),
        ):
            for word, entries in source.items():
                target[word] = [(CountingMatches(each, tried), owner) for each, owner in entries]  # type: ignore[misc]
        list(counting.matches(folded(plain(text))))
    return tried["patterns"]


def test_twice_the_text_needs_twice_the_tries() -> None:
    words = [f"i want to go to the {a}{b} river and my son" for a in "bcdfghklmn" for b in "aeiou"]
    once, twice = tries_for(". ".join(words[:25])), tries_for(". ".join(words))
    assert 1.8 <= twice / once <= 2.2


def test_a_repeated_passage_costs_no_further_tries() -> None:
    assert tries_for("i want it and " * 1_000) < 2 * tries_for("i want it and " * 50)


def test_no_pattern_repeats_without_bound_over_words() -> None:
    data = rules._data("rules.toml")["rule"]
    patterns = [pattern for rule in data for tense in rules.TENSES for pattern in rule.get(tense, ())]
    assert len(patterns) > 400
    for pattern in patterns:
        inside_words_taken_out = re.sub(
            r"\\w[*+]|\[a-z\]\+|\[\^ \.~\]\+", "", expanded(pattern, rules._LISTS)
        )
        assert not set("*+") & set(inside_words_taken_out), pattern


def test_every_pattern_compiles() -> None:
    compiled = {
        pattern.source: pattern.compiled
        for index in (rules._URGENT, rules._QUIETER, rules._IDIOMS)
        for entries in (*index._by_word.values(), *index._by_start.values())
        for pattern, _ in entries
    }
    assert len(compiled) > 600


def test_a_pattern_is_looked_up_by_each_word_it_can_begin_with() -> None:
    assert first_words("(?:kill|hang)ing? me") == {"kill*", "hang*"} or first_words("kill\\w* me") == {
        "kill*"
    }
    assert first_words("(?:my )?son hits") == {"my", "son"}
    assert alternatives("a|(?:b|c)|d") == ["a", "(?:b|c)", "d"]


def test_a_pattern_that_could_begin_with_any_word_is_refused() -> None:
    index: PatternIndex[None] = PatternIndex()
    with pytest.raises(ValueError, match="any word"):
        index.add(r"\w+ dies", None, {})


def test_data_files_of_the_rules_are_part_of_the_package() -> None:
    for name in ("rules.toml", "phrases.toml", "model.npz"):
        assert files("narratives.safety").joinpath(name).is_file()
