# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import pytest

from narratives.safety.normalizing import folded, plain, without_apostrophes

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("I don’t want it", "i don't want it"),
        ("I cant", "i can't"),
        ("I wanna go", "i want to go"),
        ("he’s here", "he is here"),
        ("I sooooo want it", "i soo want it"),
        ("I want to to go", "i want to go"),
        ("eye am here", "i am here"),
        ("my self", "myself"),
        ("sue a side", "suicide"),
        ("my mom", "my mum"),
        ("um I er want it", "i want it"),
        ("siucidal", "suicidal"),
    ],
)
def test_different_spellings_fold_to_the_same_words(written: str, meant: str) -> None:
    assert folded(plain(written)) == folded(plain(meant))


def test_a_denial_is_marked_so_that_no_gap_crosses_it() -> None:
    assert folded("i do not want it") == " . i do ~not want it . "


def test_words_that_exist_are_never_taken_for_a_slip() -> None:
    assert "stoke" in folded("we lived in stoke")
    assert "sacred" in folded("it was sacred")


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert plain("cafe\u0301") == plain("caf\u00e9")


def test_compatibility_characters_cannot_make_a_text_long() -> None:
    assert len(plain("\ufdfa" * 1_000)) == 3_000


def test_the_learned_layer_reads_words_without_apostrophes() -> None:
    assert without_apostrophes(plain("I don’t, it’s")) == "i dont, its"
