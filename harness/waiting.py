"""wait_until: look at a condition again and again, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

REST = 3  # times as long as the look took
MOST_REST_SECONDS = 0.5


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = 30, every: float = 0.02) -> T:
    """The condition's first true answer; TimeoutError, naming `what`, when there is none in time.

    A look that takes long is taken more rarely: what is waited for needs the processors, too.
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
