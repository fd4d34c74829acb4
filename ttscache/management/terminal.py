"""The progress bar of the commands that work on clips."""

from __future__ import annotations

import sys
from typing import Never

from tqdm import tqdm

INTERRUPTED = 130  # the exit status after Ctrl-C: 128 + SIGINT
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} clips [{elapsed}, {remaining} left, {rate_fmt}{postfix}]"


def clip_bar(total: int) -> tqdm[Never]:
    """A bar on stderr. If stderr is not a terminal, it prints nothing, to keep logs readable."""
    return tqdm(total=total, unit="clip", disable=not sys.stderr.isatty(), bar_format=BAR)
