"""Which reflection of the bank is said where no model writes one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from narratives.models import BankReflection
from narratives.text.occasions import AnswerKind, kind_of_answer

GENERAL = "general"  # the theme of reflections that suit every question
HARD_TIMES = "hardship"  # its reflections speak of something difficult, whatever was told

_Occasion, _AfterHeavy = BankReflection.Occasion, BankReflection.AfterHeavy


def choose_from_bank(
    reflections: Iterable[BankReflection],
    *,
    theme: str,
    level: str,
    answer: str,
    is_heard: Callable[[BankReflection], bool],
    choice: Callable[[Sequence[BankReflection]], BankReflection] = random.choice,
) -> BankReflection | None:
    """The one that fits best and that this journey has not heard; None where none is left that fits.

    Nothing is ever said twice in a journey: somebody who has told ten hard things and gets one of the earlier
    replies again would know that nobody listens. The journey's own words of thanks stand in for None.
    """
    for group in _from_best(list(reflections), theme, level, answer):
        unheard = [reflection for reflection in group if not is_heard(reflection)]
        if unheard:
            return choice(unheard)
    return None


def _from_best(
    bank: list[BankReflection], theme: str, level: str, answer: str
) -> Iterator[list[BankReflection]]:
    """Groups of equally good ones, the best first. What fits nowhere is in none of them."""
    general = (theme, GENERAL)
    of_theme = [each for each in bank if each.theme == theme and each.occasion == _Occasion.ANY]
    calm = [each for each in of_theme if not each.is_cheerful]
    gentle = [each for each in calm if each.after_heavy != _AfterHeavy.NEVER]
    always = [each for each in bank if each.after_heavy == _AfterHeavy.ALWAYS]
    others = [[each] for each in always if each not in of_theme and each.occasion != _Occasion.SAD]
    after_sad = [each for each in always if each.occasion == _Occasion.SAD]

    def said_when(occasion: str) -> list[BankReflection]:
        return [each for each in bank if each.occasion == occasion and each.theme in general]

    if level == "heavy":
        yield [each for each in of_theme if each in always]
        yield from others
        yield gentle
        yield after_sad
        return
    if level == "grief":
        yield said_when(_Occasion.SAD)
        yield from others
        yield gentle
        yield calm
        yield after_sad
        return
    kind = kind_of_answer(answer)
    if kind is AnswerKind.SKIPPED:
        yield said_when(_Occasion.SKIPPED)
        yield said_when(_Occasion.SHORT)
        return
    if kind is AnswerKind.SHORT:
        yield said_when(_Occasion.SHORT)
    if kind is AnswerKind.GLAD:
        yield of_theme
        yield said_when(_Occasion.GLAD)
    # A hard answer may have gone unnoticed, so those come first that would fit it as well.
    yield gentle
    yield from ([each] for [each] in others if each.theme != HARD_TIMES)
    yield calm
