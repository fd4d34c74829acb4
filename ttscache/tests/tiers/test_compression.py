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
def test_compressed_bytes_decompress(audio: bytes, mode: str) -> None:
    assert unpacked(*packed(audio, mode)) == audio


@pytest.mark.parametrize(
    ("silent_share", "encoding"), [(0.05, ""), (0.09, ""), (0.12, "gzip"), (0.5, "gzip")]
)
def test_auto_compresses_bytes_when_it_saves_a_tenth(silent_share: float, encoding: str) -> None:
    assert packed(half_silent(silent_share), "auto")[1] == encoding


def test_gzip_and_none_decide_without_measuring() -> None:
    assert packed(NOISE, "gzip")[1] == "gzip"
    assert packed(SILENT, "none") == (SILENT, "")


def test_compressing_a_clip_twice_gives_equal_bytes() -> None:
    assert packed(SILENT, "gzip") == packed(SILENT, "gzip")


@pytest.mark.parametrize(
    "damage", [b"not gzip", gzip.compress(SILENT, mtime=0)[:-9], gzip.compress(NOISE, mtime=0)[:500]]
)
def test_bytes_that_do_not_decompress_are_damaged(damage: bytes) -> None:
    with pytest.raises(Damaged):
        unpacked(damage, "gzip")
