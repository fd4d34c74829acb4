"""Until when a model is offered, from three sources."""

from __future__ import annotations

from datetime import date

import openai as official
import pytest

from harness.openai_server import OpenAIServer
from ttscache.providers.models_list import listed_models, shutdown_date

pytestmark = pytest.mark.any_database

OTHERS = "https://speech.example.com/v1"
DAY, ANOTHER_DAY = date(2027, 3, 1), date(2028, 1, 1)


def test_the_list_of_the_provider_tells_dates(openai: OpenAIServer) -> None:
    openai.shut_down_on({"tts-1": "2027-01-06", "tts-1-hd": "soon"})
    with official.OpenAI(base_url=openai.base_url, api_key="sk-test", max_retries=0) as client:
        listed = listed_models(client, timeout_seconds=5)
    assert listed["tts-1"] == date(2027, 1, 6)
    assert listed["tts-1-hd"] is None, "what is no date is no date"
    assert listed["gpt-realtime-2.1-mini"] is None
    assert "tts-9" not in listed


def test_the_list_comes_first() -> None:
    assert shutdown_date("tts-1", listed={"tts-1": DAY}, configured=ANOTHER_DAY) == DAY


@pytest.mark.parametrize("model", ["tts-1-hd", "tts-1-hd-1106", "gpt-4o-mini-tts-2025-12-15"])
@pytest.mark.parametrize("base_url", ["", "https://api.openai.com/v1"])
def test_then_what_openai_has_announced_of_its_own_models(model: str, base_url: str) -> None:
    assert shutdown_date(model, listed={model: None}, base_url=base_url) == date(2027, 1, 6)


def test_a_snapshot_of_another_model_is_not_meant() -> None:
    assert shutdown_date("gpt-realtime-2.1-mini", listed={}) is None
    assert shutdown_date("gpt-4o-mini-2024-07-18", listed={}) == date(2027, 1, 14)


def test_then_the_setting() -> None:
    assert shutdown_date("tts-1", listed={}, base_url=OTHERS, configured=DAY) == DAY
    assert shutdown_date("tts-1", listed={}, base_url=OTHERS) is None
