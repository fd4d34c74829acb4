"""Prices by characters, by seconds of sound and by tokens. TTS_PRICES overrides the price of any model."""

from __future__ import annotations

from typing import Any

import pytest

from ttscache.accounting.prices import cost_usd, is_priced, list_price_usd, most_usd
from ttscache.price_list import LIST_PRICES, Price
from ttscache.speech import SpeechRequest
from ttscache.token_usage import TokenUsage

pytestmark = pytest.mark.any_database

MODEL = "gpt-realtime-2.1-mini"
MINUTE = "word " * 180  # 900 characters, a minute at the usual pace


def request(text: str = MINUTE) -> SpeechRequest:
    return SpeechRequest(text=text, voice="marin", model=MODEL)


def priced_as(settings: Any, price: Price) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "prices": LIST_PRICES | {MODEL: price}}


def test_a_minute_of_the_realtime_model_costs_about_two_and_a_half_cents() -> None:
    assert is_priced(MODEL)
    assert list_price_usd(MODEL, 900) == pytest.approx(0.025, abs=0.001)


def test_the_list_price_of_two_texts_is_that_of_both_together() -> None:
    assert 2 * list_price_usd(MODEL, 5_000) == pytest.approx(list_price_usd(MODEL, 10_000), rel=0.001)


def test_a_call_costs_the_tokens_that_it_used() -> None:
    usage = TokenUsage(text_in=1_000_000, text_out=1_000_000, audio_out=1_000_000)
    assert cost_usd(request(), 60, usage) == pytest.approx(0.60 + 2.40 + 20)


def test_a_call_without_usage_is_priced_by_estimate() -> None:
    assert cost_usd(request()) == pytest.approx(list_price_usd(MODEL, 900))


def test_the_estimate_covers_the_tokens_of_every_script() -> None:
    thai = "เล่าเรื่องวัยเด็กของคุณให้ฟังหน่อย"  # Thai takes one token a letter, or more
    used = TokenUsage(text_in=3 * len(thai))
    assert most_usd(request(thai)) > cost_usd(request(thai), usage=used)


def test_a_price_by_the_second_is_charged_by_the_length_of_the_clip(settings: Any) -> None:
    priced_as(settings, Price(per_second=0.001))
    assert cost_usd(request(), 60, TokenUsage(audio_out=9)) == pytest.approx(0.06)
    assert cost_usd(request(), usage=TokenUsage(audio_out=1_200)) == pytest.approx(0.06)
    assert list_price_usd(MODEL, 900) == pytest.approx(0.06)


def test_a_price_by_characters_is_charged_once_audio_arrived(settings: Any) -> None:
    priced_as(settings, Price(per_million_characters=10))
    assert cost_usd(request(), usage=TokenUsage(audio_out=1)) == pytest.approx(0.009)
    assert cost_usd(request(), usage=TokenUsage(text_in=50)) == 0
    assert most_usd(request()) == pytest.approx(0.009)
