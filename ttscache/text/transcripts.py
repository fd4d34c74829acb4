"""Compares a transcript with its text: the voice must speak every word as it is written.

Two texts have the same words if they share a way to be read aloud. Case and punctuation do not matter. `1944`
may be read "nineteen forty-four" or "one thousand nine hundred (and) forty-four", and `Dr.` "doctor". A word
that is missing, added, doubled, moved or contracted ("I'm" for "I am") is a difference. Readings are English;
in other languages digits match equal digits.

Each text becomes a graph of its possible readings. Both graphs are walked together, as finite automata are
intersected; a text of 4,096 characters takes some milliseconds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from ttscache.text import number_words
from ttscache.text.number_words import CURRENCIES, MONEY_SCALES, Reading, Step


@dataclass(frozen=True, slots=True)
class WordDifference:
    """Words of the text (`written`) for which other words, or none, were `spoken`; in small letters.

    Both may be a person's own words, so the repr hides them. Never log them.
    """

    written: str = field(repr=False)
    spoken: str = field(repr=False)


def has_same_words(text: str, transcript: str) -> bool:
    written, spoken = _fold(text), _fold(transcript)
    if all(_sound_alike(ours, theirs) for ours, theirs in _unlike_stretches(written, spoken)):
        return True
    return _sound_alike(written, spoken)  # the quick comparison may have lined the texts up wrongly


def differences(text: str, transcript: str) -> tuple[WordDifference, ...]:
    """The differences, in the order of the text; empty if and only if `has_same_words`."""
    if has_same_words(text, transcript):
        return ()
    written, spoken = _tokens(_fold(text)), _tokens(_fold(transcript))
    found: list[WordDifference] = []
    # SequenceMatcher's heuristic for frequent words (autojunk) stays on: without it a repetitive text takes
    # seconds.
    matcher = SequenceMatcher(None, written, spoken)
    for tag, begin, end, other_begin, other_end in matcher.get_opcodes():
        if tag != "equal":
            ours, theirs = _without_like_starts(written[begin:end], spoken[other_begin:other_end])
            if not _have_a_common_reading(ours, theirs):
                found.append(WordDifference(_shown(ours), _shown(theirs)))
    return tuple(found)


class Token(NamedTuple):
    """A word, a number or a sign as it is written, and every way to read it aloud."""

    written: str
    readings: tuple[Reading, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the only reading is one word."""
        return self.readings == ((self.written,),)


def _shown(tokens: Sequence[Token]) -> str:
    return " ".join(token.written for token in tokens)


# Folding: characters that look different and sound alike

_APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02b9\u00b4`\uff07"
_HYPHENS = "-\u2010\u2011\u2012\u2212\ufe63\uff0d"
_RANGE_DASH = "\u2013"
_SIGNS = (
    "'-.,:/%&@#+=\u00b0\u00d7$\u00a3\u20ac\u00a5" + _RANGE_DASH
)  # all else is a letter, a digit or a space

_FRACTIONS = (*range(0x00BC, 0x00BF), *range(0x2150, 0x215F))

# Replaced first, because NFKC would turn three and a half into 31/2, ten squared into 102, the trade mark
# sign into TM, and an acute accent that some people type for an apostrophe into a space.
_BEFORE_NFKC = (
    {code: f" {unicodedata.normalize('NFKC', chr(code))} " for code in _FRACTIONS}
    | {ord("\u00b2"): " squared ", ord("\u00b3"): " cubed "}
    | dict.fromkeys(map(ord, "\u2122\u2120\u00ae\u00a9"), " ")
    | dict.fromkeys(map(ord, _APOSTROPHES), "'")
)
_SPACE_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")

# First and last code points of scripts without spaces between words (Thai has them between phrases). Each of
# their characters counts as a word, so that spaces make no difference.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x1AAF),
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1B000, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip

# Marks that a text may omit: Hebrew and Arabic vowels, the Arabic tatweel, variation selectors.
_OPTIONAL_MARKS = (
    (0x0591, 0x05C7), (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670), (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
)  # fmt: skip


def _is_within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


class _Folded(dict[int, str]):
    """A table for `str.translate` that computes each character when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_character(chr(code))
        return folded


def _fold_character(char: str) -> str:
    code, category = ord(char), unicodedata.category(char)
    if char in _HYPHENS:
        return "-"
    if char == "\u2044":  # fraction slash
        return "/"
    if char in _SIGNS:
        return char
    if category in ("Cf", "Me") or _is_within(code, _OPTIONAL_MARKS):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] not in "LMN":
        return " "
    return f" {char} " if _is_within(code, _UNSPACED) else char


_folded = _Folded()


def _fold(text: str) -> str:
    """Reduce a text to small letters, digits, spaces and the signs that are read aloud."""
    if not text.isascii():
        text = _SPACE_BETWEEN_THOUSANDS.sub(",", text).translate(_BEFORE_NFKC)
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("i\u0307", "i").replace("\u0131", "i")  # Turkish
    return text.translate(_folded)


# Tokens

_LETTER = rf"[^\s0-9{re.escape(_SIGNS)}]"
_WORD_ENDS = rf"(?!{_LETTER})"
_INTEGER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_SHORT_MONTHS = {
    short: next(month for month in _MONTHS if month.startswith(short[:3]))
    for short in ["jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept", "sep", "oct", "nov", "dec"]
}
_MONTH = "|".join((*_MONTHS, *_SHORT_MONTHS))
_UNITS: dict[str, Reading] = {
    "km": (("kilometers", "kilometer", "kilometres", "kilometre"),),
    "km/h": (("kilometers", "kilometres"), ("per", "an"), "hour"),
    "kmh": (("kilometers", "kilometres"), ("per", "an"), "hour"),
    "mph": ("miles", ("per", "an"), "hour"),
    "m": (("meters", "meter", "metres", "metre"),),
    "cm": (("centimeters", "centimeter", "centimetres", "centimetre"),),
    "mm": (("millimeters", "millimeter", "millimetres", "millimetre"),),
    "mi": (("miles", "mile"),),
    "ft": (("feet", "foot"),),
    "kg": (("kilograms", "kilogram", "kilos", "kilo"),),
    "g": (("grams", "gram"),),
    "lb": (("pounds", "pound"),),
    "lbs": (("pounds", "pound"),),
    "oz": (("ounces", "ounce"),),
    "l": (("liters", "liter", "litres", "litre"),),
    "ml": (("milliliters", "milliliter", "millilitres", "millilitre"),),
}
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))

_TOKEN = re.compile(
    rf"""
    (?P<word>{_LETTER}+(?:['.-]{_LETTER}+)*)
    | (?P<money>[$\u00a3\u20ac\u00a5])\s?(?P<amount>{_INTEGER})(?:\.(?P<hundredths>\d+))?
        (?:\s?(?P<scale>{"|".join(sorted(MONEY_SCALES, key=len, reverse=True))}){_WORD_ENDS})?
    | (?P<hour>\d{{1,2}}):(?P<minute>[0-5]\d)(?![\d:])
    | (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?P<its_month>{_MONTH}){_WORD_ENDS}
    | (?P<mixed>\d+)\s(?P<mixed_above>\d+)/(?P<mixed_below>\d+)(?![\d/])
    | (?P<above>\d+)/(?P<below>\d+)(?![\d/])
    | (?P<ordinal>{_INTEGER})(?:st|nd|rd|th){_WORD_ENDS}
    | (?P<decade>\d+)'?s{_WORD_ENDS}
    | (?P<whole>{_INTEGER}|(?<![\w.]))\.(?P<fraction>\d+)
    | (?P<number>{_INTEGER})
    | (?P<minus>(?:(?<=\s)|(?<![\s\S]))-(?=[\d$\u00a3\u20ac\u00a5.]))
    | (?P<range>(?<=\d)\s?[-{_RANGE_DASH}]\s?(?=\d))
    | (?P<hash>\#(?=\s?\d))
    | (?P<degrees>\u00b0\s?(?P<scale_of_degrees>[cf]{_WORD_ENDS})?)
    | (?P<slash>(?<!\s)/(?=[^\s/]))
    | (?P<sign>%|[$\u00a3\u20ac\u00a5]|(?<![&@+=\u00d7])[&@+=\u00d7](?![&@+=\u00d7]))
    """,
    re.VERBOSE,
)
_MONTH_AND_DAY = re.compile(rf"({_MONTH})\.?\s(\d{{1,2}})(?:st|nd|rd|th)?(?![\d]|[.,:/]\d)")
_NUMERO = re.compile(r"no\.?\s?(?=\d)")
_UNIT_AFTER_NUMBER = re.compile(rf"\s?(?:({_UNIT})|([ap])\.?m){_WORD_ENDS}")


# Abbreviations. Each may also be read as it is written.
_ABBREVIATIONS: dict[str, tuple[Reading, ...]] = {
    "dr": (("doctor",), ("drive",)),
    "mr": (("mister",),),
    "mrs": ((("missus", "missis", "mistress"),),),
    "ms": ((("miss", "miz"),),),
    "st": ((("saint", "street"),),),
    "ste": (("sainte",),),
    "ave": (("avenue",),),
    "rd": (("road",),),
    "blvd": (("boulevard",),),
    "mt": (("mount",), ("mountain",)),
    "ft": (("fort",),),
    "jr": (("junior",),),
    "sr": (("senior",),),
    "prof": (("professor",),),
    "rev": (("reverend",),),
    "hon": (("honorable",), ("honourable",)),
    "gen": (("general",),),
    "col": (("colonel",),),
    "maj": (("major",),),
    "capt": (("captain",),),
    "lt": (("lieutenant",),),
    "sgt": (("sergeant",),),
    "gov": (("governor",),),
    "sen": (("senator",),),
    "dept": (("department",),),
    "approx": (("approximately",),),
    "vs": (("versus",),),
    "v": (("versus",),),
    "etc": (("et", "cetera"), ("etcetera",)),
    "eg": (("for", "example"), ("for", "instance")),
    "ie": (("that", "is"),),
    "ok": (("okay",), ("o", "k")),
    "okay": (("ok",), ("o", "k")),
}
_ROMAN = {
    "ii": 2, "iii": 3, "iv": 4, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "xi": 11, "xii": 12, "xiii": 13,
    "xiv": 14, "xv": 15, "xvi": 16, "xvii": 17, "xviii": 18, "xix": 19, "xx": 20, "xxi": 21,
}  # fmt: skip
_MONTH_NAMES = {*_MONTHS, *_SHORT_MONTHS}
_SIGN_READINGS: dict[str, tuple[Reading, ...]] = {
    "%": (("percent",), ("per", "cent")),
    "&": (("and",),),
    "@": (("at",),),
    "+": (("plus",), ("and",)),
    "=": (("equals",), ("is",)),
    "\u00d7": (("times",), ("by",)),
    **{sign: ((nouns,),) for sign, (nouns, _) in CURRENCIES.items()},  # written after the number
}
_DEGREES: dict[str, Step] = {"c": "celsius", "f": "fahrenheit"}


def _tokens(folded: str) -> list[Token]:
    tokens: list[Token] = []
    match = _TOKEN.search(folded)
    while match is not None:
        start, end = match.span()
        word = match["word"]
        if word is None:
            tokens.append(Token(match[0].strip(), _READERS[match.lastgroup or ""](match)))
            after = _UNIT_AFTER_NUMBER.match(folded, end) if folded[end - 1].isdigit() else None
            if after is not None:
                tokens.append(Token(after[0].strip(), _readings_after_number(after)))
                end = after.end()
        elif word in _MONTH_NAMES and (date := _MONTH_AND_DAY.match(folded, start)):
            tokens.append(Token(date[0], number_words.month_and_day(_month(date[1]), date[2])))
            end = date.end()
        elif word == "no" and _NUMERO.match(folded, start):
            tokens.append(Token(word, (("no",), ("number",))))
        else:
            tokens.append(_word(word))
        match = _TOKEN.search(folded, end)
    return tokens


@lru_cache(maxsize=4_000)
def _word(written: str) -> Token:
    """A word, an abbreviation, a Roman number, or several words joined by hyphens or dots."""
    readings: list[Reading] = [(written,), *_ABBREVIATIONS.get(written, ())]
    if written in _SHORT_MONTHS:
        readings.append((_SHORT_MONTHS[written],))
    if written in _ROMAN:
        readings += number_words.roman(_ROMAN[written])
    parts = re.split(r"([.-])", written)
    if len(parts) > 1:  # well-known, e-mail, U.S.A., example.com
        joined = "".join(parts[::2])
        readings = [(joined,), *_ABBREVIATIONS.get(joined, ())]
        dot: Step = ("dot", "point", "")
        readings.append(tuple(dot if part == "." else part for part in parts if part != "-"))
    return Token(written, tuple(readings))


def _month(name: str) -> Step:
    return (name, _SHORT_MONTHS[name]) if name in _SHORT_MONTHS else name


def _readings_after_number(match: re.Match[str]) -> tuple[Reading, ...]:
    """Readings of a unit (5 km) or of a.m. and p.m. after a number."""
    unit, half = match.groups()
    if half:
        return ((f"{half}m",), (half, "m"))
    return ((unit,), _UNITS[unit])


def _digits(written: str) -> str:
    return written.replace(",", "")


def _read_degrees(match: re.Match[str]) -> tuple[Reading, ...]:
    scale = match["scale_of_degrees"]
    return ((("degrees", "degree"), *([_DEGREES[scale]] if scale else [])),)


def _read_money(match: re.Match[str]) -> tuple[Reading, ...]:
    sign, amount, hundredths, scale = match.group("money", "amount", "hundredths", "scale")
    return number_words.money_readings(sign, _digits(amount), hundredths or "", scale or "")


# By the group of `_TOKEN` that closes last, which is the `lastgroup` of a match.
_READERS: dict[str, Callable[[re.Match[str]], tuple[Reading, ...]]] = {
    **dict.fromkeys(("amount", "hundredths", "scale"), _read_money),
    "minute": lambda match: number_words.clock(int(match["hour"]), int(match["minute"])),
    "its_month": lambda match: number_words.day_of_month(match["day"], _month(match["its_month"])),
    "mixed_below": lambda match: number_words.fraction(
        match["mixed_above"], match["mixed_below"], match["mixed"]
    ),
    "below": lambda match: number_words.fraction(match["above"], match["below"]),
    "ordinal": lambda match: number_words.ordinal(_digits(match["ordinal"])),
    "decade": lambda match: number_words.decade(match["decade"]),
    "fraction": lambda match: number_words.decimal(_digits(match["whole"]), match["fraction"]),
    "number": lambda match: number_words.number_readings(_digits(match["number"])),
    "minus": lambda match: ((("minus", "negative"),),),
    "range": lambda match: ((("to", "through", ""),),),
    "hash": lambda match: ((("number", "hashtag"),),),
    "degrees": _read_degrees,
    "slash": lambda match: ((("slash", "or", ""),),),
    "sign": lambda match: _SIGN_READINGS[match[0]],
}


# Comparing


def _sound_alike(written: str, spoken: str) -> bool:
    return _have_a_common_reading(_tokens(written), _tokens(spoken))


def _unlike_stretches(written: str, spoken: str) -> Iterator[tuple[str, str]]:
    """Yield the stretches where the words differ; usually there are none.

    If all of them sound alike, so do the texts. This only makes the comparison faster.
    """
    ours, theirs = written.split(), spoken.split()
    while ours or theirs:
        count = _common_words(ours, theirs)
        ours, theirs = ours[count:], theirs[count:]
        if ours or theirs:
            length, other_length = _up_to_a_common_word(ours, theirs)
            yield " ".join(ours[:length]), " ".join(theirs[:other_length])
            ours, theirs = ours[length:], theirs[other_length:]


def _common_words(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The number of common words at the beginning, without a last one that belongs to a longer token."""
    count = 0
    for place, (word, other) in enumerate(zip(ours, theirs, strict=False), start=1):
        if word != other and word.strip(_EDGES) != other.strip(_EDGES):
            break
        if _is_a_token(word):
            count = place
        elif word != other:
            break
    return count


def _up_to_a_common_word(ours: Sequence[str], theirs: Sequence[str]) -> tuple[int, int]:
    """The number of words on each side up to and including the next common word."""
    words = [word.strip(_EDGES) for word in ours[:_LONGEST_READING]]
    others = [word.strip(_EDGES) for word in theirs[:_LONGEST_READING]]
    for distance in range(len(words) + len(others) - 1):
        for place in range(max(0, distance - len(others) + 1), min(distance + 1, len(words))):
            other = distance - place
            is_common = words[place : place + 2] == others[other : other + 2]
            if is_common and _is_a_token(words[place]):
                return place + 1, other + 1
    return len(ours), len(theirs)


_EDGES = "'-.,:" + _RANGE_DASH
_LONGEST_READING = 16  # in words; a longer reading is still compared, only slower


def _is_a_token(word: str) -> bool:
    """Whether a word is a token by itself, whatever follows; a number or month may not be."""
    letters = word.strip(_EDGES)
    return letters.replace("'", "").isalpha() and letters not in _READ_WITH_A_NUMBER


_READ_WITH_A_NUMBER = {"no", *_MONTHS, *_SHORT_MONTHS}


def _have_a_common_reading(written: Sequence[Token], spoken: Sequence[Token]) -> bool:
    if written == spoken:
        return True
    ours, theirs = _Graph(written), _Graph(spoken)
    reached = [(0, 0)]
    seen = set(reached)  # the way to a pair of places does not matter, so each pair is visited once
    while reached:
        node, other = reached.pop()
        if node in ours.ends and other in theirs.ends:
            return True
        steps, other_steps = ours.steps[node], theirs.steps[other]
        for word in steps.keys() & other_steps.keys():
            for pair in product(steps[word], other_steps[word]):
                if pair not in seen:
                    seen.add(pair)
                    reached.append(pair)
    return False


def _without_like_starts(ours: list[Token], theirs: list[Token]) -> tuple[list[Token], list[Token]]:
    """Remove tokens at the beginning that sound alike, such as "1944" before words that do differ."""
    start = other = 0
    window = _LONGEST_READING
    while lengths := _like_starts(ours[start : start + window], theirs[other : other + window]):
        start, other = start + lengths[0], other + lengths[1]
    return ours[start:], theirs[other:]


def _like_starts(ours: list[Token], theirs: list[Token]) -> tuple[int, int] | None:
    """The number of tokens on each side that sound alike at the beginning; leaves at least one of each."""
    for length in range(1, _LONGEST_READING):
        for mine, yours in ((1, length), (length, 1)):
            is_short_enough = len(ours) > mine and len(theirs) > yours
            if is_short_enough and _have_a_common_reading(ours[:mine], theirs[:yours]):
                return mine, yours
    return None


class _Graph:
    """All readings of a text: `steps[place][word]` are the places that the word leads to."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.steps: list[dict[str, list[int]]] = [{}]
        places = [0]
        for token in tokens:
            if token.is_plain:  # most tokens are, so this quick way saves most of the time
                places = self._step(token.written, places, self._new_place())
            else:
                places = self._append(token, places)
        self.ends = frozenset(places)

    def _append(self, token: Token, places: list[int]) -> list[int]:
        end = self._new_place()
        ends = {end}
        for reading in token.readings:
            here = places
            for step in reading[:-1]:
                here = self._step(step, here, self._new_place())
            ends.update(self._step(reading[-1], here, end))
        return sorted(ends)

    def _step(self, step: Step, places: list[int], following: int) -> list[int]:
        """Add the step at these places; returns the places after it, with the old ones if it is optional."""
        if isinstance(step, str):
            for place in places:
                self.steps[place].setdefault(step, []).append(following)
            return [following]
        for place in places:
            for word in step:
                if word:
                    self.steps[place].setdefault(word, []).append(following)
        return [*places, following] if "" in step else [following]

    def _new_place(self) -> int:
        self.steps.append({})
        return len(self.steps) - 1
