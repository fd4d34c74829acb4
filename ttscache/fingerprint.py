"""A short value that is equal for equal facts, such as those that somebody confirmed."""

from __future__ import annotations

import hashlib


def fingerprint_of(facts: object) -> str:
    """SHA-256 of repr(facts), in hexadecimal. The facts must be plain data in a fixed order."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()
