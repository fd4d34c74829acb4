"""What a provider call costs: before it is made, and after.

The prices themselves, with their sources, are defaults.LIST_PRICES; a setting may replace them.
"""

from __future__ import annotations

from ttscache.audio import longest_seconds
from ttscache.conf import conf
from ttscache.defaults import Price
from ttscache.speech import SpeechRequest

TYPICAL_CHARACTERS_A_SECOND = 15.0

_UNKNOWN = Price()


def is_priced(model: str) -> bool:
    return model in conf().prices


def list_price_usd(model: str, characters: int) -> float:
    """US dollars for speaking so many characters with this model; 0 for a model without a price.

    Models priced by the second of sound are estimated from the usual pace of speech.
    """
    return _price_of(model).usd(characters, characters / TYPICAL_CHARACTERS_A_SECOND)


def most_usd(request: SpeechRequest) -> float:
    """US dollars that a call may cost at most, before it is made."""
    seconds = longest_seconds(request.text, request.speed)
    return _price_of(request.model).usd(len(request.text), seconds)


def cost_usd(request: SpeechRequest, seconds: float | None = None) -> float:
    """US dollars of a call that gave so many seconds of sound; estimated if that is not known."""
    characters = len(request.text)
    if seconds is None:
        seconds = characters / TYPICAL_CHARACTERS_A_SECOND / request.speed
    return _price_of(request.model).usd(characters, seconds)


def _price_of(model: str) -> Price:
    return conf().prices.get(model, _UNKNOWN)
