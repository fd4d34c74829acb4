"""Sentences in which a person declines to answer. They say nothing about danger.

The learned layer hears "I do not want to" in them, as in so many grave answers, so it does not get them. The
rules hear the whole answer all the same.
"""

from __future__ import annotations

import re

_POLITE = r"(?:(?:well|no|oh|sorry|please|thank you|thanks|honestly|really|i am sorry|i'm sorry)[, ]+)*"
_DECLINES = (
    r"i(?: really| just| still)?(?:"
    r" (?:do not|don't|dont|would not|wouldn't)(?: really)? (?:want|wish|like|care) to"
    r"|(?: would|'d|d)? (?:rather|prefer) not(?: to)?"
    r"|(?: will not|'ll not| won't| wont| am not going to|'m not going to)"
    r"|(?: do not|'d not| don't| dont)(?: really)? feel like"
    r")"
)
_ANSWERING = (
    r"(?:answer(?:ing)?|talk(?:ing)?|discuss(?:ing)?|say(?:ing)?|tell(?:ing)?(?: you)?|shar(?:e|ing)"
    r"|speak(?:ing)?|go(?:ing)? (?:there|into)|think(?:ing)?)"
)
_ABOUT = (
    r"(?: (?:about|of|on)? ?(?:it|this|that|them|these|those|anything|something|one|more|much|further|now"
    r"|today|here|please|any more|anymore|just now|just yet|yet|(?:this|that|the|your|these|those|such|my)"
    r" (?:one|question|questions|subject|part|thing|things|past|memory|memories|time|war|years?)))*"
)
_BECAUSE = (
    r"(?:,? (?:because|as|since|for)? ?(?:it|this|that)(?: is|'s)(?: too| very| all)?"
    r" (?:private|personal|painful|long ago))?"
)
_OTHERS = (
    r"(?:i have|i've|i've got|there is|there's)? ?nothing(?: much| more| special| really)?"
    r" (?:to (?:say|tell|add|report)|comes to mind)"
    r"|(?:that|this|it)(?: is|'s) (?:too |very |all )?(?:private|personal)"
    r"|(?:skip|pass)(?: (?:this|that|it|on this|on that))?(?: one| question)?"
    r"|(?:the )?next(?: one| question)?|no comment|ask me (?:another|something else)"
)
_THANKS = r"(?:,? (?:please|thank you|thanks|sorry))?"
_REFUSAL = re.compile(
    rf"{_POLITE}(?:{_DECLINES}(?: {_ANSWERING})?{_ABOUT}{_BECAUSE}|{_OTHERS}){_THANKS}",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;\n]*")
_LONGEST = 160  # characters; a longer sentence says more than a refusal


def without_refusals(text: str) -> str:
    """The text without its sentences that only decline to answer."""
    return "".join(
        sentence
        for sentence in _SENTENCE.findall(text.replace("\u2019", "'"))
        if len(sentence) > _LONGEST or not _REFUSAL.fullmatch(sentence.strip(" .!?;\n\t"))
    )
