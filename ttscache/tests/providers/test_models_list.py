"""Shutdown dates of models, from the provider's model list and from OpenAI's announcements."""

from __future__ import annotations

from datetime import date

import openai as official
import pytest

from harness.openai_server import OpenAIServer
from ttscache.providers.models_list import announced_shutdown, listed_models, models_offered

pytestmark = pytest.mark.any_database


def test_the_model_list_of_the_provider_has_shutdown_dates(openai: OpenAIServer) -> None:
    openai.shut_down_on({"tts-1": "2027-01-06", "tts-1-hd": "soon"})
    with official.OpenAI(base_url=openai.base_url, api_key="sk-test", max_retries=0) as client:
        listed = listed_models(client, timeout_seconds=5)
    assert listed["tts-1"] == date(2027, 1, 6)
    assert listed["tts-1-hd"] is None, "a value that is not a date gives no date"
    assert listed["gpt-realtime-2.1-mini"] is None
    assert "tts-9" not in listed


def test_the_offered_models_can_be_read_with_an_address_and_a_key(openai: OpenAIServer) -> None:
    offered = models_offered(api_key="sk-test", base_url=openai.base_url, timeout_seconds=5)
    assert {"tts-1", "tts-1-hd"} <= offered.keys()


@pytest.mark.parametrize("model", ["tts-1-hd", "tts-1-hd-1106", "gpt-4o-mini-tts-2025-12-15"])
@pytest.mark.parametrize("base_url", ["", "https://api.openai.com/v1"])
def test_the_announced_shutdown_dates_cover_openai_models_and_their_snapshots(
    model: str, base_url: str
) -> None:
    assert announced_shutdown(model, base_url) == date(2027, 1, 6)


def test_an_announced_shutdown_does_not_cover_models_with_a_similar_name() -> None:
    assert announced_shutdown("gpt-realtime-2.1-mini", "") is None
    assert announced_shutdown("gpt-4o-mini-2024-07-18", "") == date(2027, 1, 14)


def test_an_announced_shutdown_does_not_apply_to_another_vendor() -> None:
    assert announced_shutdown("tts-1", "https://speech.example.com/v1") is None
