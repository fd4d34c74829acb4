"""Values that are equal for equal facts, such as those that somebody confirmed, and tell nothing of them."""

from __future__ import annotations

import hashlib


def fingerprint_of(facts: object) -> str:
    """SHA-256 of repr(facts), in hexadecimal. The facts must be plain data in a fixed order."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def digest_of_name(name: str) -> str:
    """SHA-256 of a name that somebody gave, in hexadecimal. It may hold lone surrogates."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
