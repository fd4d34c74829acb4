"""What a provider call costs, from one table."""

from __future__ import annotations

from ttscache.conf import conf

TYPICAL_CHARACTERS_A_SECOND = 15.0


def list_price_usd(model: str, characters: int) -> float:
    """US dollars for speaking so many characters with this model; 0 for a model without a price.

    Models priced by the second of sound are estimated from the usual pace of speech.
    """
    by_character = conf().usd_per_million_characters.get(model)
    if by_character is not None:
        return characters * by_character / 1e6
    by_second = conf().usd_per_second.get(model, 0.0)
    return characters / TYPICAL_CHARACTERS_A_SECOND * by_second
