"""Calls that are tried again without the wait of the product."""

from __future__ import annotations

import threading

import pytest


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each pause before another try a hundredth of a second long."""
    monkeypatch.setattr("ttscache.generation.synthesizer.time.sleep", lambda _: threading.Event().wait(0.01))
