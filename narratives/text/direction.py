"""The direction in which a language is written."""

from __future__ import annotations

from typing import Literal

# Languages whose usual script runs from right to left, by the likely subtags of Unicode's CLDR.
_RIGHT_TO_LEFT = frozenset(
    (
        "aao", "abh", "abv", "acm", "acq", "acw", "acx", "acy", "adf", "aeb", "aec", "afb", "aii",
        "ajp", "apc", "apd", "ar", "arb", "arc", "arq", "ars", "ary", "arz", "avl", "ayh", "ayl", "ayn",
        "ayp", "azb", "bal", "bej", "bgn", "bqi", "bsh", "ckb", "cld", "dcc", "dmk", "drw", "dv", "fa",
        "gbz", "gjk", "gju", "glk", "gwc", "gwt", "hac", "haz", "he", "hnd", "hno", "iw", "ji", "jpr",
        "jrb", "khw", "ks", "kvx", "kxp", "lah", "lki", "lrc", "lss", "luz", "mfa", "mki", "mvy", "myz",
        "mzn", "nqo", "oru", "ota", "pbt", "pbu", "pes", "phl", "phv", "pnb", "prd", "prs", "ps", "pst",
        "rhg", "rmt", "sam", "scl", "sd", "sdh", "shu", "skr", "smp", "sqr", "syr", "trw", "ug", "ur",
        "wbl", "wni", "wsg", "yhd", "yi", "yid", "yud", "zdj",
    )
)  # fmt: skip
_RIGHT_TO_LEFT_SCRIPTS = frozenset(
    (
        "adlm", "arab", "aran", "armi", "avst", "chrs", "cprt", "elym", "gara", "hatr", "hebr", "hung",
        "khar", "lydi", "mand", "mani", "mend", "merc", "mero", "narb", "nbat", "nkoo", "orkh", "palm",
        "phli", "phlp", "phnx", "prti", "rohg", "samr", "sarb", "sogd", "sogo", "syrc", "syre", "syrj",
        "syrn", "thaa", "yezi",
    )
)  # fmt: skip
# Languages that are written from right to left in some countries only.
_RIGHT_TO_LEFT_THERE = frozenset(
    (
        "az-iq", "az-ir", "brh-pk", "ha-cm", "ha-sd", "kk-af", "kk-cn", "kk-ir", "kk-mn", "ku-iq",
        "ku-ir", "ku-lb", "ky-cn", "ms-cc", "pa-pk", "tg-pk", "tk-af", "tk-ir", "uz-af", "uz-cn",
    )
)  # fmt: skip


def text_direction(language: str) -> Literal["ltr", "rtl"]:
    """The value of HTML's `dir` for a language tag (BCP 47), such as "he" or "az-Arab"."""
    primary, *further = language.lower().replace("_", "-").split("-")
    script = next((part for part in further if len(part) == 4 and part.isalpha()), "")
    country = next((part for part in further if len(part) == 2), "")
    is_usual = primary in _RIGHT_TO_LEFT or f"{primary}-{country}" in _RIGHT_TO_LEFT_THERE
    is_right_to_left = script in _RIGHT_TO_LEFT_SCRIPTS if script else is_usual
    return "rtl" if is_right_to_left else "ltr"
