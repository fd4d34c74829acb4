"""The small language that rules are written in, and an index that tries each pattern only where it can begin.

A pattern is a regular expression over folded text (see normalizing.py), with three additions:
`<who>` stands for a list of words, `_3` for a gap of at most three words that holds no turn such as "not",
and "." as a word ends a clause. Gaps are the only repetition over words, and they are bounded, so that
the time for a text grows with its length and no faster.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Generic, TypeVar

from narratives.safety.normalizing import mark_turns

Owner = TypeVar("Owner")

_LIST = re.compile(r"<(\w+)>")
_GAP = re.compile("_([1-9])")
_LITERAL = re.compile(r"(?:[a-z0-9~]|\\\.)*")
_LEADING_LOOKBEHINDS = re.compile(r"^(?:\(\?<[!=][^()]*\))+")
# Characters around the first word of a match that decide what the match means (rules.py reads no further).
_BEFORE, _AFTER = 90, 250
_SHORTEST_START = 2  # letters by which a pattern such as "kill\w*" is looked up


def expanded(pattern: str, lists: Mapping[str, str]) -> str:
    """The pattern as a plain regular expression. Lists may name lists, one level deep."""
    for _ in range(3):
        pattern = _LIST.sub(lambda found: f"(?:{lists[found[1]]})", pattern)
    return _GAP.sub(r"(?: [^ .~]+){0,\1}", mark_turns(pattern))


def any_of(patterns: Iterable[str], lists: Mapping[str, str], end: str = "(?= )") -> re.Pattern[str]:
    """One expression for short lists that are only searched in a few words around a match."""
    return re.compile(f" (?:{expanded('|'.join(patterns), lists)}){end}")


def alternatives(pattern: str) -> list[str]:
    """The parts between the bars that stand outside all brackets."""
    parts, depth = [""], 0
    for char in pattern:
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def first_words(pattern: str) -> set[str]:
    """The words that a pattern can begin with; "kill*" stands for all words that begin so."""
    pattern = _LEADING_LOOKBEHINDS.sub("", pattern)
    if pattern.startswith("(?:"):
        end = _closing_bracket(pattern)
        rest = pattern[end + 1 :]
        words = {
            word
            for part in alternatives(pattern[3:end])
            for word in first_words(part + rest.removeprefix("?"))
        }
        return words | first_words(rest[1:]) if rest.startswith("?") else words
    literal = _LITERAL.match(pattern)
    assert literal
    word, rest = literal[0], pattern[literal.end() :]
    if rest.startswith("?"):
        return first_words(word[:-1] + rest[1:]) | first_words(word + rest[1:])
    is_whole = not rest or rest.startswith((" ", "(?: ", "(?! ", "(?= "))
    return {word.replace("\\", "") + ("" if is_whole else "*")}


def _closing_bracket(pattern: str) -> int:
    depth = 0
    for at, char in enumerate(pattern):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at
    raise ValueError(f"A bracket is left open in {pattern!r}")


class LatePattern:
    """A regular expression that is compiled for the first text that it is tried on.

    Compiling all rules takes a fifth of a second, and an answer has the first words of a few.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.source)


class PatternIndex(Generic[Owner]):
    """Patterns with what they stand for, looked up by the first word of each."""

    def __init__(self) -> None:
        self._by_word: defaultdict[str, list[tuple[LatePattern, Owner]]] = defaultdict(list)
        self._by_start: defaultdict[str, list[tuple[LatePattern, Owner]]] = defaultdict(list)

    def add(self, pattern: str, owner: Owner, lists: Mapping[str, str]) -> None:
        for source in alternatives(expanded(pattern, lists)):
            entry = LatePattern(f" {source}(?= )"), owner
            for word in first_words(source):
                if not word.endswith("*"):
                    self._by_word[word].append(entry)
                elif len(word) > _SHORTEST_START:
                    self._by_start[word[:_SHORTEST_START]].append(entry)
                else:
                    raise ValueError(f"{pattern!r} can begin with any word, so it cannot be looked up")

    def matches(self, words: str) -> Iterator[tuple[re.Match[str], Owner]]:
        """All matches in folded text, in the order of their first words.

        A place whose neighbourhood stood in the text before is skipped: it can only say the same again, and a
        text of ten thousand times "I want" costs no more than one.
        """
        at = 0
        seen: set[tuple[str, str]] = set()
        for word in words.split(" ")[1:]:  # folded text begins with a space
            entries = [*self._by_word.get(word, ()), *self._by_start.get(word[:_SHORTEST_START], ())]
            if entries:
                around = words[max(0, at - _BEFORE) : at], words[at : at + _AFTER]
                if around not in seen:
                    seen.add(around)
                    for pattern, owner in entries:
                        if found := pattern.compiled.match(words, at):
                            yield found, owner
            at += len(word) + 1
