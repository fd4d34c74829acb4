"""The speech service, started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.openai_server import OpenAIServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("any_database")


@pytest.fixture(scope="session")
def running_openai() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """It behaves and has heard nothing."""
    running_openai.reset()
    yield running_openai
    running_openai.reset()
