"""Tidy the white space of authors' texts."""

from __future__ import annotations

import re


def tidied(text: str) -> str:
    """Strip the ends of lines, and allow single spaces and single empty lines only."""
    # PostgreSQL cannot store NUL.
    lines = [" ".join(line.split()) for line in text.replace("\r\n", "\n").replace("\x00", "").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
