"""The kind of an answer, as far as words that people wrote beforehand have to fit it.

English only. An answer in another language is plain: nothing is taken for glad without evidence.
"""

from __future__ import annotations

import re
from enum import Enum


class AnswerKind(Enum):
    SKIPPED = "skipped"  # the person would rather not answer
    SHORT = "short"  # so little was told that no reflection on it would fit
    GLAD = "glad"  # glad words, and none that speaks against them
    PLAIN = "plain"


_SHORT_WORDS = 4
_SHORT_QUESTION_WORDS = 10  # "What time is lunch?" tells nothing either
_SKIPPED_WORDS = 15  # a longer answer says something beside "I would rather not"
_SKIPPED = re.compile(
    r"\b(?:(?:rather|prefer|would|d) not(?: to)?\b|(?:do not|dont) (?:want|wish|care|like) to"
    r"|not going to (?:talk|say|answer|tell)|no comment|none of your|(?:skip|pass)\b|next (?:one|question)"
    r"|no thank(?: you|s))"
)
_GLAD = re.compile(
    r"\b(?:adventures?|beach|best|beautiful|cheer(?:ed|ful|s)?|cosy|danc(?:e|ed|er|es|ing)|delight(?:ed|ful)?"
    r"|enjoy(?:ed|ing|s)?|favourite|fun|funny|glad|glorious|good (?:company|days|fun|life|times?)|grand"
    r"|happ(?:ier|iest|ily|iness|y)|holidays?|jok(?:e|ed|es|ing)|joy(?:ful)?|laugh(?:ed|ing|s|ter)?|loved?"
    r"|lovely|luck(?:ily|y)|marvellous|merry|music|part(?:ies|y)|picnics?|play(?:ed|ing)|pleas(?:ed|ure)"
    r"|pride|prizes?|proud(?:est)?|sang|sing(?:ing|s)?|smil(?:e|ed|es|ing)|songs?|stars|sun(?:ny|shine)?"
    r"|treats?|warm(?:th)?|weddings?|whistl(?:e|ed|ing)|won|wonderful)\b"
)
# What may turn a glad word round ("proud of nothing"), or stands beside it in an answer that is not glad.
_AGAINST = re.compile(
    r"\b(?:no|not|none|never|nobody|nothing|without|cannot|\w+nt|hardly|afraid|alone|ashamed|awful|bad|beat\w*"
    r"|bomb\w*|bur(?:ied|y)|burden|camp|cancer|cried|cry|crying|dea(?:d|th)|die[ds]?|drank|drink(?:ing)?|drunk"
    r"|dying|fear\w*|fight\w*|fought|funeral|gone|grave\w*|griev\w*|guilt\w*|hard(?:er|est|ship)?|hat(?:e|ed)"
    r"|hit|hospital|hung(?:er|ry)|hurts?|ill(?:ness)?|kill\w*|left me|lonel\w*|los[est]\w*|miss(?:ed|ing)?"
    r"|orphan\w*|pain\w*|poor|prison|regret\w*|sad\w*|scared|shame|sick|sorry|strike|suffer\w*|tears|terribl\w+"
    r"|tired|trouble|used to|war|widow\w*|wish(?:ed)?|worr\w+|wors[et]\w*|wrong)\b"
)


def kind_of_answer(answer: str) -> AnswerKind:
    folded = re.sub(r"['’`]", "", answer.lower())  # noqa: RUF001 - the marks that are folded
    words = re.findall(r"\w+", folded)
    if len(words) <= _SKIPPED_WORDS and _SKIPPED.search(folded):
        return AnswerKind.SKIPPED
    is_question = folded.rstrip().endswith("?")
    if len(words) <= (_SHORT_QUESTION_WORDS if is_question else _SHORT_WORDS):
        return AnswerKind.SHORT
    if _GLAD.search(folded) and not _AGAINST.search(folded):
        return AnswerKind.GLAD
    return AnswerKind.PLAIN
