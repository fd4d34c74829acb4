"""Compression at rest, in the permanent tiers."""

from __future__ import annotations

import gzip
import zlib

GZIP = "gzip"
LEAST_SAVING = 0.1  # of the bytes; MP3 saves only 1-4 %, too little for the work on each read


class Damaged(Exception):
    """The bytes are not those that this module packed."""


def packed(audio: bytes, mode: str) -> tuple[bytes, str]:
    """Return the bytes to store and their encoding, '' or 'gzip'. `auto` compresses if it saves a tenth."""
    if mode == "none":
        return audio, ""
    smaller = gzip.compress(audio, compresslevel=6, mtime=0)  # mtime=0: equal clips give equal bytes
    if mode == "auto" and len(smaller) > len(audio) * (1 - LEAST_SAVING):
        return audio, ""
    return smaller, GZIP


def unpacked(kept: bytes, encoding: str) -> bytes:
    """Undo `packed`. Raises Damaged."""
    if not encoding:
        return kept
    try:
        return gzip.decompress(kept)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged from error
