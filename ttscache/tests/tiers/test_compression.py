from __future__ import annotations

import gzip
import random

import pytest

from ttscache.tiers.compression import Damaged, packed, unpacked

SILENT = bytes(10_000)
NOISE = random.Random(1).randbytes(10_000)


def half_silent(silent_share: float) -> bytes:
    silent = round(len(NOISE) * silent_share)
    return bytes(silent) + NOISE[silent:]


@pytest.mark.parametrize("mode", ["auto", "gzip", "none"])
@pytest.mark.parametrize("audio", [SILENT, NOISE, b""])
def test_what_is_packed_unpacks(audio: bytes, mode: str) -> None:
    assert unpacked(*packed(audio, mode)) == audio


@pytest.mark.parametrize(
    ("silent_share", "encoding"), [(0.05, ""), (0.09, ""), (0.12, "gzip"), (0.5, "gzip")]
)
def test_auto_packs_what_saves_a_tenth(silent_share: float, encoding: str) -> None:
    assert packed(half_silent(silent_share), "auto")[1] == encoding


def test_the_modes_that_do_not_ask() -> None:
    assert packed(NOISE, "gzip")[1] == "gzip"
    assert packed(SILENT, "none") == (SILENT, "")


def test_the_same_clip_gives_the_same_bytes() -> None:
    assert packed(SILENT, "gzip") == packed(SILENT, "gzip")


@pytest.mark.parametrize(
    "damage", [b"not gzip", gzip.compress(SILENT, mtime=0)[:-9], gzip.compress(NOISE, mtime=0)[:500]]
)
def test_what_does_not_unpack_is_damaged(damage: bytes) -> None:
    with pytest.raises(Damaged):
        unpacked(damage, "gzip")
