"""Until when a model is offered, by the provider's list and by what OpenAI has announced."""

from __future__ import annotations

from datetime import date

import openai as official
import pytest

from harness.openai_server import OpenAIServer
from ttscache.providers.models_list import announced_shutdown, listed_models, models_offered

pytestmark = pytest.mark.any_database


def test_the_list_of_the_provider_tells_dates(openai: OpenAIServer) -> None:
    openai.shut_down_on({"tts-1": "2027-01-06", "tts-1-hd": "soon"})
    with official.OpenAI(base_url=openai.base_url, api_key="sk-test", max_retries=0) as client:
        listed = listed_models(client, timeout_seconds=5)
    assert listed["tts-1"] == date(2027, 1, 6)
    assert listed["tts-1-hd"] is None, "what is no date is no date"
    assert listed["gpt-realtime-2.1-mini"] is None
    assert "tts-9" not in listed


def test_an_address_and_a_key_are_enough(openai: OpenAIServer) -> None:
    offered = models_offered(api_key="sk-test", base_url=openai.base_url, timeout_seconds=5)
    assert {"tts-1", "tts-1-hd"} <= offered.keys()


@pytest.mark.parametrize("model", ["tts-1-hd", "tts-1-hd-1106", "gpt-4o-mini-tts-2025-12-15"])
@pytest.mark.parametrize("base_url", ["", "https://api.openai.com/v1"])
def test_openai_has_announced_the_end_of_its_own_models(model: str, base_url: str) -> None:
    assert announced_shutdown(model, base_url) == date(2027, 1, 6)


def test_a_snapshot_of_another_model_is_not_meant() -> None:
    assert announced_shutdown("gpt-realtime-2.1-mini", "") is None
    assert announced_shutdown("gpt-4o-mini-2024-07-18", "") == date(2027, 1, 14)


def test_the_announcements_say_nothing_of_other_addresses() -> None:
    assert announced_shutdown("tts-1", "https://speech.example.com/v1") is None
