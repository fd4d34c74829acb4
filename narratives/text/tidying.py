"""White space in what authors write."""

from __future__ import annotations

import re


def tidied(text: str) -> str:
    """No blanks at the ends, single spaces, and no more than one empty line in a row."""
    lines = [" ".join(line.split()) for line in text.replace("\r\n", "\n").replace("\x00", "").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
