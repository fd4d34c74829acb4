"""The chat model in this process, with the stand-in behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.openai_server import OpenAIServer
from narratives.reflections.model import ReflectionModel, forget_reflection_models
from narratives.reflections.prompt import messages_for
from ttscache import wiring


@pytest.fixture
def within_budget(settings: Any) -> Callable[..., None]:
    """Builds the cache anew with a budget of so many US dollars a day, and further settings."""

    def build(usd: float | None, **more: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "daily_budget_usd": usd, **more}
        wiring.forget()

    return build


@pytest.fixture
def new_model(openai: OpenAIServer, settings: Any) -> Iterator[Callable[[str], ReflectionModel]]:
    """Makes a model that talks to the stand-in and has learned nothing of it yet."""
    own = {"openai_api_key": "sk-test", "openai_base_url": openai.base_url, "provider": "openai"}
    settings.TTSCACHE = {**settings.TTSCACHE, **own}
    wiring.forget()

    def make(name: str = "gpt-6-luna") -> ReflectionModel:
        return ReflectionModel(api_key="sk-test", base_url=openai.base_url, model=name)

    yield make
    forget_reflection_models()


@pytest.fixture
def complete() -> Callable[..., str]:
    def call(model: ReflectionModel, answer: str = "At the sea.", seconds: float = 5.0) -> str:
        return model.complete(messages_for("Where did it begin?", answer), time.monotonic() + seconds)

    return call
