"""The progress bar of every command that works on clips."""

from __future__ import annotations

import sys
from typing import Never

from tqdm import tqdm

INTERRUPTED = 130  # the exit status of what Ctrl-C ended
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} clips [{elapsed}, {remaining} left, {rate_fmt}{postfix}]"


def clip_bar(total: int) -> tqdm[Never]:
    """A bar on stderr; silent where that is no terminal, so that logs get sentences and no bars."""
    return tqdm(total=total, unit="clip", disable=not sys.stderr.isatty(), bar_format=BAR)
