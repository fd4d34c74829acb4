from __future__ import annotations

import pytest

from narratives.text.direction import text_direction


@pytest.mark.parametrize(
    "language",
    [
        "ar",
        "he",
        "fa-IR",
        "UR",
        "az-Arab",
        "pa_Arab_PK",
        "pa-PK",
        "ks",
        "syr",
        "nqo",
        "ff-Adlm",
        "ur-Aran",
        "arz",
    ],
)
def test_languages_written_from_right_to_left(language: str) -> None:
    assert text_direction(language) == "rtl"


@pytest.mark.parametrize("language", ["en", "de-AT", "", "az", "pa-IN", "ku-Latn", "ar-Latn", "zh-Hant"])
def test_languages_written_from_left_to_right(language: str) -> None:
    assert text_direction(language) == "ltr"
