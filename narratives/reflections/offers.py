"""The offer: reflections that the model may choose before it writes a new one. It holds no answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from django.db.models import Q

from narratives.models import BankReflection, OfferedReflection
from narratives.reflections.bank import GENERAL
from narratives.reflections.question import Question
from narratives.text.reflection_rules import problems

MOST_OFFERED = 20
_SAYS_LITTLE = (BankReflection.Occasion.SHORT, BankReflection.Occasion.SKIPPED)


def offers_for(question: Question, level: str, bank: Iterable[BankReflection]) -> list[str]:
    """Up to 20 reflections of the question's theme, the most heard ones first, then those of the bank.

    None that this journey has heard. After a heavy answer only those that are marked as fit for that; where
    the bank has the same words, its mark counts as well.
    """
    known = OfferedReflection.objects.of_theme(question.theme, question.language)
    unfit = BankReflection.objects.filter(_unfit(level, question.theme)).values("text")
    offered = known.filter(is_offered=True).exclude(text__in=unfit)
    if level == "heavy":
        offered = offered.filter(fits_heavy=True)
    most = MOST_OFFERED + len(question.heard)
    found = _sayable(offered.texts()[:most], question)
    if len(found) < MOST_OFFERED:
        others = [each.text for each in bank if _fits(each, question.theme, level)]
        taken_out = set(known.filter(is_offered=False, text__in=others).texts())
        found += _sayable((text for text in others if text not in {*taken_out, *found}), question)
    return found[:MOST_OFFERED]


def _sayable(texts: Iterable[str], question: Question) -> list[str]:
    """The first of these that may be said to this journey, as many as can be offered."""
    fit = (text for text in texts if _keeps_the_rules(text) and not question.has_heard(text))
    return list(islice(fit, MOST_OFFERED))


@lru_cache(maxsize=4096)
def _keeps_the_rules(text: str) -> bool:
    """Whether it keeps the present rules. Only shareable words are remembered here."""
    return not problems(text)


def _unfit(level: str, theme: str) -> Q:
    """Which reflections of the bank the model may not choose, although listeners have heard them."""
    unfit = Q(is_active=False)
    marks = BankReflection.AfterHeavy
    if level == "heavy":
        # Staff who take the mark off in the bank mean these words wherever they stand.
        unfit |= Q(after_heavy=marks.NEVER) | Q(after_heavy=marks.THEME) & ~Q(theme=theme)
    else:
        unfit |= Q(occasion__in=_SAYS_LITTLE)
    if level in ("grief", "heavy"):
        unfit |= Q(is_cheerful=True)
    return unfit


def _fits(reflection: BankReflection, theme: str, level: str) -> bool:
    if level == "heavy":
        return reflection.is_fit_after_heavy(theme)
    if reflection.occasion in _SAYS_LITTLE or (level == "grief" and reflection.is_cheerful):
        return False
    return reflection.theme in (theme, GENERAL)
