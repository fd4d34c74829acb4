"""A value that is equal where the facts are: for what somebody agreed to, or what was done already."""

from __future__ import annotations

import hashlib


def fingerprint_of(facts: object) -> str:
    """SHA-256 in hexadecimal of the facts' repr(), so they must be plain data in a fixed order."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()
