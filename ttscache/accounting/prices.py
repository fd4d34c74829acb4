"""The cost of a provider call, before it is made and after.

The prices, with their sources, are in ttscache/price_list.py; TTS_PRICES may replace them.
"""

from __future__ import annotations

from ttscache.audio import longest_seconds
from ttscache.conf import conf
from ttscache.price_list import Price
from ttscache.providers.realtime import most_usage, typical_usage
from ttscache.speech import SpeechRequest
from ttscache.token_usage import AUDIO_TOKENS_A_SECOND, TokenUsage

TYPICAL_CHARACTERS_A_SECOND = 15.0

_UNKNOWN = Price()


def is_priced(model: str) -> bool:
    return conf().is_priced(model)


def list_price_usd(model: str, characters: int) -> float:
    """US dollars for speaking `characters` with this model; 0 for a model without a price.

    A price by the second or by tokens is estimated from the usual pace of speech.
    """
    given, seconds = conf(), characters / TYPICAL_CHARACTERS_A_SECOND
    listed = given.prices.get(model)  # first: each request that counts needs it
    if listed is None:
        tokens = given.token_price(model)
        return 0.0 if tokens is None else tokens.usd(typical_usage(characters, seconds))
    return listed.usd(characters, seconds)


def most_usd(request: SpeechRequest) -> float:
    """The most that a call may cost, in US dollars, before it is made."""
    tokens = conf().token_price(request.model)
    if tokens is not None:
        return tokens.usd(most_usage(request))
    seconds = longest_seconds(request.text, request.speed)
    return _price_of(request.model).usd(len(request.text), seconds)


def cost_usd(request: SpeechRequest, seconds: float | None = None, usage: TokenUsage | None = None) -> float:
    """The cost of a finished call in US dollars, from its `usage` in tokens or its `seconds` of sound.

    With neither of them, it is estimated from the text.
    """
    characters = len(request.text)
    tokens = conf().token_price(request.model)
    if usage is not None:
        if tokens is not None:
            return tokens.usd(usage)
        if not usage.audio_out:
            return 0.0  # no sound came
        seconds = usage.audio_out / AUDIO_TOKENS_A_SECOND / request.speed if seconds is None else seconds
    if seconds is None:
        seconds = characters / TYPICAL_CHARACTERS_A_SECOND / request.speed
    if tokens is not None:
        return tokens.usd(typical_usage(characters, seconds * request.speed))
    return _price_of(request.model).usd(characters, seconds)


def chat_cost_usd(model: str, usage: TokenUsage, characters: int) -> float:
    """US dollars of a call of a chat model that used so many tokens, or read and wrote so many characters.

    Characters decide where TTS_PRICES prices the model by them. 0 for a model without a price.
    """
    tokens = conf().token_price(model)
    return tokens.usd(usage) if tokens is not None else _price_of(model).usd(characters, 0.0)


def _price_of(model: str) -> Price:
    return conf().prices.get(model, _UNKNOWN)
