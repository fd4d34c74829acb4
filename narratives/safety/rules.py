"""What is said directly, found by patterns."""

from __future__ import annotations

import re

_PERSON = r"(?:him|her|them|my (?:son|daughter|carer|caregiver|husband|wife|partner))"
_URGENT = [
    r"\b(kill|hang|hurt|harm|shoot)(ing)? myself\b",
    r"\b(end|ending|take|taking) my (own )?life\b",
    r"\bend it all\b",
    r"\bi(?:'m| am| feel| have been|'ve been)? (?:so |very |really )?suicidal\b",
    r"\bi (?:just |really |only )?(?:want|wanted|wish|would like|'d like) "
    r"(?:to die|to be dead|i was dead|i were dead|i could die)\b",
    r"\b(?:better off|easier) (?:without me|if i (?:was|were) (?:dead|gone))\b",
    r"\bno (?:reason|point) (?:to|in) (?:live|living|go on|going on)\b",
    r"\b(?:he|she|they|someone|somebody|staff|my (?:son|daughter|carer|caregiver|husband|wife|partner)) "
    r"(?:is |are |keeps? )?(?:hits?|hitting|hurts?|hurting|beats?|beating|starv\w+|locks?|locking"
    r"|threaten\w*) (?:me|on me)\b(?! at (?:cards|chess|tennis|golf|bingo))"
    r"(?!.*\b(?:when i was|as a child|back then|years ago|in those days)\b)",
    rf"\bi am (?:afraid|scared|frightened) of {_PERSON}\b",
    r"\bi(?:'m| am) not safe\b",
    r"\b(?:chest pains?|can(?:'t|not| not) breathe|having a stroke|overdose[ds]?"
    r"|took too many (?:pills|tablets))\b",
]
_HEAVY = [
    r"\bsuicid\w*\b",
    r"\babus(?:e|ed|ive)\b",
    r"\braped?\b",
    r"\bassault\w*\b",
    r"\bmolest\w*\b",
    r"\bmiscarr\w*\b",
    r"\bstillborn\b",
    r"\bready to die\b",
    r"\bdon't want to (?:be here|go on|live)\b",
    r"\b(?:genocide|holocaust|tortured?)\b",
    r"\b(?:hit|hits|beat|beats) me\b(?! at )",
    r"\b(?:took|taken) (?:his|her|their) own li(?:fe|ves)\b",
]
_GRIEF = [
    r"\b(?:died|dying|passed away|lost my|funeral|buried|grief|grieving|widow\w*|miss (?:him|her|them))\b",
    r"\b(?:war|ready to go)\b",
]
_LEVELS = {
    name: re.compile("|".join(patterns))
    for name, patterns in (("urgent", _URGENT), ("heavy", _HEAVY), ("grief", _GRIEF))
}


def rules_level(text: str) -> str:
    """The highest level that any part of the text reaches."""
    folded = text.lower().replace("’", "'")  # noqa: RUF001 - the mark that is folded
    return next((name for name, pattern in _LEVELS.items() if pattern.search(folded)), "none")
