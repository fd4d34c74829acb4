"""wait_until: checks a condition repeatedly until a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

REST = 3  # the pause is this many times as long as the check took
MOST_REST_SECONDS = 0.5


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = 30, every: float = 0.02) -> T:
    """Return the condition's first true answer. Raises TimeoutError, which names `what`, after `seconds`.

    A slow check is made less often, so that it leaves the processors to the awaited work.
    """
    end = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        answer = condition()
        if answer:
            return answer
        looked = time.monotonic()
        if looked > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(max(every, min(MOST_REST_SECONDS, REST * (looked - began))))
