"""Bring authors' texts into their one form when they enter: clean, and with tidy white space."""

from __future__ import annotations

import re

from ttscache.text.plain_text import clean_text

_LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")


def tidied(text: str) -> str:
    """The clean text without spaces at the ends of lines, and with single spaces and empty lines only."""
    # PostgreSQL cannot store NUL, which `clean_text` removes with the other control characters.
    lines = [" ".join(line.split()) for line in _LINE_END.sub("\n", clean_text(text)).split("\n")]
    # White space that is gone may have separated a letter from its accent.
    return clean_text(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def tidied_line(text: str) -> str:
    """The tidy text in one line, for titles and words."""
    return " ".join(tidied(text).split())
