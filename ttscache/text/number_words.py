"""Turns digits into every usual English reading of a number.

A reading is a sequence of steps. A step is one word or a choice of words; "" means that it may be left out.
`105` has the reading ("one" or "a", "hundred", "and" or nothing, "five").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

Step = str | tuple[str, ...]
Reading = tuple[Step, ...]

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = (
    (10**12, "trillion"),
    (10**9, "billion"),
    (10**6, "million"),
    (1_000, "thousand"),
    (100, "hundred"),
)
_MOST_DIGITS = 15  # a longer number is read digit by digit

_AND: Step = ("and", "")
_NOUGHT: Step = ("zero", "oh", "o", "nought")
_ONE: Step = ("one", "a")

_IRREGULAR_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

# Nouns for the unit and for its hundredth part. The singular occurs in "a twenty dollar bill".
CURRENCIES: dict[str, tuple[Step, Step]] = {
    "$": (("dollars", "dollar"), ("cents", "cent")),
    "£": (("pounds", "pound"), ("pence", "p", "penny")),
    "€": (("euros", "euro"), ("cents", "cent")),
    "¥": (("yen",), ("sen",)),
}
MONEY_SCALES = {
    "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
    "k": "thousand", "m": "million", "bn": "billion",
}  # fmt: skip


@lru_cache(maxsize=1_000)
def number_readings(digits: str) -> tuple[Reading, ...]:
    """A whole number as a quantity, a year, a house number, or digit by digit."""
    readings = [_digit_by_digit(digits), _quantity(digits)]
    if len(digits) == 4:
        readings += _as_year(int(digits))
    if len(digits) == 3 and digits[0] != "0" and digits[1:] != "00":
        readings.append((_SMALL[int(digits[0])], *_last_two(int(digits[1:]))))  # flight 305
    return tuple(dict.fromkeys(readings))


@lru_cache(maxsize=1_000)
def decimal(whole: str, fraction: str) -> tuple[Reading, ...]:
    """3.5; with two digits after the point also read as a price or a time: 7.30."""
    point: Step = ("point", "dot")
    starts = number_readings(whole) if whole.strip("0") else (((*_NOUGHT, ""),),)
    readings = [(*start, point, *end) for start in starts for end in number_readings(fraction)]
    if len(fraction) == 2 and whole and fraction != "00":
        readings += [(*start, *_last_two(int(fraction))) for start in starts]
    if fraction == "5" and whole.strip("0"):
        readings.append((*_quantity(whole), "and", "a", "half"))
    return tuple(readings)


@lru_cache(maxsize=1_000)
def ordinal(digits: str) -> tuple[Reading, ...]:
    first, *others = _with_last_word(_quantity(digits), _ordinal_of)
    return (((*_ONE, "") if first == _ONE else first, *others),)  # my hundredth letter


@lru_cache(maxsize=1_000)
def decade(digits: str) -> tuple[Reading, ...]:
    """The 1990s, the 60s."""
    readings = [_quantity(digits)]
    if len(digits) == 4:
        readings += _as_year(int(digits))
    return tuple(_with_last_word(reading, _plural_of) for reading in readings)


@lru_cache(maxsize=1_000)
def fraction(numerator: str, denominator: str, whole: str = "") -> tuple[Reading, ...]:
    """1/2 or 3 1/2. It may also be read as a pair of numbers (24/7)."""
    above, below = _quantity(numerator), _quantity(denominator)
    readings: list[Reading] = [(*above, part) for part in _parts(denominator)]
    if numerator == "1":
        readings += [(_ONE, part) for part in _parts(denominator)]
        readings += [(part,) for part in _parts(denominator) if not whole]
    if whole:
        return tuple((*_quantity(whole), "and", *reading) for reading in readings)
    return (*readings, (*above, ("over", "slash", "of", ""), *below))


@lru_cache(maxsize=1_000)
def money_readings(sign: str, whole: str, hundredths: str, scale: str) -> tuple[Reading, ...]:
    """$20, $3.50, $1.5 million."""
    nouns, parts = CURRENCIES[sign]
    if scale:
        amounts = decimal(whole, hundredths) if hundredths else number_readings(whole)
        return tuple((*amount, MONEY_SCALES[scale], nouns) for amount in amounts)
    if not hundredths.strip("0"):
        single: list[Reading] = [("a",)] if whole == "1" else []  # "a dollar"
        return tuple((*amount, nouns) for amount in (*number_readings(whole), *single))
    if len(hundredths) != 2:
        return tuple((*amount, nouns) for amount in decimal(whole, hundredths))
    rest = _cardinal(int(hundredths))
    amount = _quantity(whole)
    return (
        (*amount, nouns, _AND, *rest, parts),
        (*amount, nouns, _AND, *rest),
        (*amount, *_last_two(int(hundredths))),
        (*amount, ("point", "dot"), *_digit_by_digit(hundredths), nouns),
        *([(*rest, parts)] if not whole.strip("0") else []),
    )


@lru_cache(maxsize=1_000)
def clock(hour: int, minute: int) -> tuple[Reading, ...]:
    """7:30, also as half past seven."""
    now, then = _cardinal(hour), _cardinal(hour % 12 + 1)
    if minute == 0:
        return (now, (*now, "o'clock"), (*now, "hundred"))
    readings: list[Reading] = [(*now, *_last_two(minute))]
    past: Step = ("past", "after")
    to: Step = ("to", "till", "of")
    if minute == 30:
        return (*readings, ("half", "past", *now))
    if minute in (15, 45):
        start, side, named = ((("a", ""), "quarter"), *((past, now) if minute == 15 else (to, then)))
        readings.append((*start, side, *named))
    count, side, named = (minute, past, now) if minute < 30 else (60 - minute, to, then)
    readings.append((*_cardinal(count), ("minutes", "minute", ""), side, *named))
    return tuple(readings)


@lru_cache(maxsize=1_000)
def day_of_month(day: str, month: Step) -> tuple[Reading, ...]:
    """6 January: six January, (the) sixth (of) January."""
    named = _ordinal_of_value(int(day))
    return ((("the", ""), *named, ("of", ""), month), (*_cardinal(int(day)), month))


@lru_cache(maxsize=1_000)
def month_and_day(month: Step, day: str) -> tuple[Reading, ...]:
    """January 6: January six, January (the) sixth."""
    return ((month, ("the", ""), *_ordinal_of_value(int(day))), (month, *_cardinal(int(day))))


@lru_cache(maxsize=100)
def roman(value: int) -> tuple[Reading, ...]:
    """World War II: two, or the second."""
    return (_cardinal(value), ("the", *_ordinal_of_value(value)))


def _quantity(digits: str) -> Reading:
    return _cardinal(int(digits)) if len(digits) <= _MOST_DIGITS else _digit_by_digit(digits)


def _cardinal(value: int, *, is_first: bool = True) -> Reading:
    if value == 0:
        return (_NOUGHT,)
    if value < 20:
        return (_SMALL[value],)
    if value < 100:
        tens, ones = divmod(value, 10)
        return (_TENS[tens], _SMALL[ones]) if ones else (_TENS[tens],)
    size, name = next(scale for scale in _SCALES if value >= scale[0])
    head, rest = divmod(value, size)
    count = (_ONE,) if head == 1 and is_first else _cardinal(head, is_first=is_first)
    if not rest:
        return (*count, name)
    link = (_AND,) if rest < 100 else ()  # one thousand and five, one hundred and five
    return (*count, name, *link, *_cardinal(rest, is_first=False))


def _as_year(value: int) -> list[Reading]:
    """Nineteen forty-four, nineteen hundred and forty-four, twenty oh five."""
    century, rest = divmod(value, 100)
    if century < 10:
        return []
    if rest == 0:
        return [(*_cardinal(century), "hundred")] if century % 10 else [_cardinal(value)]
    return [
        (*_cardinal(century), *_last_two(rest)),
        (*_cardinal(century), "hundred", _AND, *_cardinal(rest)),
    ]


def _last_two(value: int) -> Reading:
    """The second half of a year, a price or a time: forty-four, oh five."""
    return (("oh", "o", "zero"), _SMALL[value]) if value < 10 else _cardinal(value)


def _digit_by_digit(digits: str) -> Reading:
    return tuple(_NOUGHT if digit == "0" else _SMALL[int(digit)] for digit in digits)


def _ordinal_of_value(value: int) -> Reading:
    return _with_last_word(_cardinal(value), _ordinal_of)


def _with_last_word(reading: Reading, change: Callable[[str], str]) -> Reading:
    *others, last = reading
    return (*others, change(last) if isinstance(last, str) else tuple(map(change, last)))


def _ordinal_of(word: str) -> str:
    if word in _IRREGULAR_ORDINALS:
        return _IRREGULAR_ORDINALS[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"


def _plural_of(word: str) -> str:
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("x") else f"{word}s"


def _parts(denominator: str) -> list[Step]:
    """Halves, quarters, thirds."""
    if denominator == "2":
        return [("half", "halves")]
    if len(denominator) > 3:
        return []
    *others, last = _ordinal_of_value(int(denominator))
    if others or not isinstance(last, str):
        return []
    return [(last, f"{last}s"), *([("quarter", "quarters")] if denominator == "4" else [])]
