"""Processes tell each other how many connections they have."""

from __future__ import annotations

import os
import time

import pytest

from lifereview.server.fair_share import FRESH_SECONDS, Counts

pytestmark = pytest.mark.any_database


def test_a_process_that_is_alone_sees_no_other() -> None:
    counts = Counts()
    counts.write(1, 7)

    assert counts.least_of_others(1) is None


def test_a_process_sees_the_lowest_count_of_the_others() -> None:
    counts = Counts()
    for process, count in enumerate([0, 5, 3]):
        counts.write(process, count)

    assert [counts.least_of_others(process) for process in range(3)] == [3, 0, 0]


def test_a_count_reaches_the_process_that_forked() -> None:
    counts = Counts()
    child = os.fork()
    if child == 0:
        counts.write(2, 4)
        os._exit(0)
    os.waitpid(child, 0)

    assert counts.least_of_others(1) == 4


def test_the_count_of_a_process_that_has_died_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts()
    counts.write(2, 4)
    later = time.monotonic() + FRESH_SECONDS + 1
    monkeypatch.setattr("lifereview.server.fair_share.time.monotonic", lambda: later)

    assert counts.least_of_others(1) is None
