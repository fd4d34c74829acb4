"""Danger that is said directly: rules of rules.toml, each with its reason, judged by what surrounds a match.

A match counts less when its clause denies it, when it is a figure of speech, when it is told of the past
or when somebody else says it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from narratives.safety.levels import Level, highest, lowest
from narratives.safety.normalizing import NEGATORS, folded, plain
from narratives.safety.patterns import PatternIndex, any_of

# When a match is history: if its own clause says so; if its clause or the rest of the sentence says so;
# unless the sentence says that it is recent.
Tense = Literal["unless_past", "unless_long_ago", "if_recent"]
TENSES: tuple[Tense, ...] = ("unless_past", "unless_long_ago", "if_recent")

_MOST_QUOTES = 50
_WORDS_BEFORE = 90  # characters of a sentence that are read before a match, and after it
_WORDS_AFTER = 70


@dataclass(frozen=True, kw_only=True, slots=True)
class SafetyRule:
    name: str
    why: str
    level: Level
    in_the_past: Level
    said_by_another: Level


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """One rule that spoke, and the level it reached."""

    level: Level
    rule: str


def rules_level(text: str) -> Level:
    """The highest level that a rule reaches. Urgent rules are tried first, so that the answer comes early."""
    parts = list(_parts(plain(text)))
    best = Level.NONE
    for index, enough in ((_URGENT, Level.URGENT), (_QUIETER, Level.HEAVY)):
        for found in _findings(parts, index):
            best = highest((best, found.level))
            if best is enough:
                return best
        if best is Level.HEAVY:
            return best  # no quieter rule can say more
    return best


def rule_findings(text: str) -> list[RuleFinding]:
    """All rules that spoke, for tests, staff who ask and people who improve the rules."""
    parts = list(_parts(plain(text)))
    return list(dict.fromkeys([*_findings(parts, _URGENT), *_findings(parts, _QUIETER)]))


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads(files("narratives.safety").joinpath(name).read_text(encoding="utf-8"))


_PHRASES = _data("phrases.toml")
_LISTS: dict[str, str] = _PHRASES["words"]
_PAST = any_of(_PHRASES["past"], _LISTS)
_RECENT = any_of(_PHRASES["recent"], _LISTS)
_RECENT_OR_NOW = any_of([*_PHRASES["recent"], "(?<! not )now"], _LISTS)

_SAYS = (
    "(?:he|she|they|we|gran|nan|teacher|sergeant|priest|<kin>|<staff>)(?: (?!i )[^ .]+){0,4} "
    "(?:said|say|says|told|tell|shout|shouted|cried|asked|words|swore|threatened)"
)
_REPORTED = any_of([f"{_SAYS}(?: [^ .]+){{0,2}}"], _LISTS, end="$")
_NOT_MINE = any_of(
    [
        _SAYS,
        "(?:line|song|sign|film|poem|hymn|scene|play)s?",
        "(?:said|says|told|shouted|cried) (?:he|she|they|my|the|mother|father|mum|dad)",
    ],
    _LISTS,
)
_WAS_MEANT = any_of(
    [
        "(?:tried|attempted|wanted|(?<! have )thought|did (?:think|want|try|feel)"
        "|(?:was|were) (?:going|about|planning|thinking|ready)|used)(?: [^ .]+){0,3}",
        "i did",
    ],
    _LISTS,
    end="$",
)
# "not suicidal" and "no thoughts of dying", but "I do not, I want to die" and "why not" deny nothing.
_DENIED = re.compile(
    f" (?<! why )~(?:{'|'.join(NEGATORS)}) "
    "(?:(?:thoughts?|thinking|thought|plans?|intention|wish|talk|question) (?:of|about|to) )?"
    "(?!(?:i|he|she|they|we|it|my|the|there|somebody|someone|[.]) )[^ ]+ "
)
_SINGLE_QUOTES = re.compile(r"(?<!\w)'(?=\w)((?:[^'\"\n]|(?<=\w)'(?=\w)){2,200})'(?!\w)")
_QUOTE = re.compile(r'"([^"]{2,400})"')


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the speaker's quotations of others, marked as such, then their own words; all folded."""
    text = _SINGLE_QUOTES.sub(r'"\1"', text)
    own: list[str] = []
    at = 0
    for quote, _ in zip(_QUOTE.finditer(text), range(_MOST_QUOTES), strict=False):
        before, after = text[max(0, quote.start() - 50) : quote.start()], text[quote.end() : quote.end() + 40]
        if _NOT_MINE.search(folded(before) + folded(after)):
            own += [text[at : quote.start()], " . "]
            at = quote.end()
            yield folded(quote[1]), True
    yield folded("".join(own) + text[at:]), False


def _findings(
    parts: list[tuple[str, bool]], index: PatternIndex[tuple[SafetyRule, Tense]]
) -> Iterator[RuleFinding]:
    for words, is_quoted in parts:
        for match, (rule, tense) in index.matches(words):
            if _is_denied(words, match) or _is_idiom(words, match):
                continue
            yield RuleFinding(_level_of(rule, tense, words, match, is_quoted), rule.name)


def _level_of(rule: SafetyRule, tense: Tense, words: str, match: re.Match[str], is_quoted: bool) -> Level:
    if rule.level is not Level.URGENT:
        return rule.level
    reached: list[Level] = [rule.level]
    if _is_history(words, match, tense):
        reached.append(rule.in_the_past)
    if is_quoted or _REPORTED.search(words[max(0, match.start() - 60) : match.start()]):
        reached.append(rule.said_by_another)
    return lowest(reached)


def _is_denied(words: str, match: re.Match[str]) -> bool:
    """Whether a denial stands right before the match, or up to two words before it."""
    start = match.start()
    for _ in range(3):
        start = words.rfind(" ", 0, start)
        if start < 0:
            return False
        denied = _DENIED.match(words, start)
        if denied and denied.end() > match.start() + 1:
            return True
    return False


def _is_idiom(words: str, match: re.Match[str]) -> bool:
    """Whether a figure of speech overlaps the match."""
    start = max(0, words.rfind(" ", 0, max(0, match.start() - 50) + 1))
    around = words[start : match.end() + 40]
    return any(
        idiom.start() + start < match.end() and idiom.end() + start > match.start()
        for idiom, _ in _IDIOMS.matches(around)
    )


def _is_history(words: str, match: re.Match[str], tense: Tense) -> bool:
    left = max(words.rfind(" . ", 0, match.start() + 1), match.start() - _WORDS_BEFORE, 0)
    right = min(words.find(" . ", match.end() - 2), match.end() + _WORDS_AFTER)
    if tense == "if_recent":
        return not _RECENT.search(words[left : right + 1])
    joints = (" and ", " because ", " then ")
    left = max(left, *(words.rfind(joint, left, match.start() + 1) for joint in joints))
    if tense == "unless_past":
        ends = (words.find(joint, match.end(), right) for joint in joints[:2])
        right = min([right, *(end for end in ends if end >= 0)])
        was_meant = _WAS_MEANT.search(words[left : match.start()])
    else:
        was_meant = None
    clause = words[left : right + 1]
    return bool(was_meant or _PAST.search(clause)) and not _RECENT_OR_NOW.search(clause)


def _read_rules() -> tuple[
    list[SafetyRule], PatternIndex[tuple[SafetyRule, Tense]], PatternIndex[tuple[SafetyRule, Tense]]
]:
    rules: list[SafetyRule] = []
    urgent: PatternIndex[tuple[SafetyRule, Tense]] = PatternIndex()
    quieter: PatternIndex[tuple[SafetyRule, Tense]] = PatternIndex()
    for entry in _data("rules.toml")["rule"]:
        level = Level(entry["level"])
        rule = SafetyRule(
            name=entry["name"],
            why=entry["why"],
            level=level,
            in_the_past=Level(entry.get("in_the_past", level)),
            said_by_another=Level(entry.get("said_by_another", level)),
        )
        rules.append(rule)
        for tense in TENSES:
            for pattern in entry.get(tense, ()):
                (urgent if level is Level.URGENT else quieter).add(pattern, (rule, tense), _LISTS)
    return rules, urgent, quieter


def _read_idioms() -> PatternIndex[None]:
    index: PatternIndex[None] = PatternIndex()
    for pattern in _PHRASES["idioms"]:
        index.add(pattern, None, _LISTS)
    return index


RULES, _URGENT, _QUIETER = _read_rules()
_IDIOMS = _read_idioms()
