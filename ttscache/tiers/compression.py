"""Compression at rest, in the permanent tiers."""

from __future__ import annotations

import gzip
import zlib

GZIP = "gzip"
LEAST_SAVING = 0.1  # of a clip's bytes; MP3 saves 1-4 %, which is not worth the work on each read


class Damaged(Exception):
    """The bytes are not what this module packed."""


def packed(audio: bytes, mode: str) -> tuple[bytes, str]:
    """The bytes to keep and their encoding, '' or 'gzip'. `auto`: only where it saves a tenth or more."""
    if mode == "none":
        return audio, ""
    smaller = gzip.compress(audio, compresslevel=6, mtime=0)  # the same clip always gives the same bytes
    if mode == "auto" and len(smaller) > len(audio) * (1 - LEAST_SAVING):
        return audio, ""
    return smaller, GZIP


def unpacked(kept: bytes, encoding: str) -> bytes:
    """The clip. Raises Damaged."""
    if not encoding:
        return kept
    try:
        return gzip.decompress(kept)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged from error
