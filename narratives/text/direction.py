"""The direction in which a language is written."""

from __future__ import annotations

from typing import Literal

_RIGHT_TO_LEFT = frozenset(("ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"))
_RIGHT_TO_LEFT_SCRIPTS = frozenset(("arab", "hebr", "syrc", "thaa", "nkoo"))


def text_direction(language: str) -> Literal["ltr", "rtl"]:
    """The value of HTML's `dir` for a language tag (BCP 47), such as "he" or "az-Arab"."""
    primary, *further = language.lower().replace("_", "-").split("-")
    script = next((part for part in further if len(part) == 4 and part.isalpha()), "")
    is_right_to_left = script in _RIGHT_TO_LEFT_SCRIPTS if script else primary in _RIGHT_TO_LEFT
    return "rtl" if is_right_to_left else "ltr"
