"""Whether a rendition can still make new clips here, and until when."""

from __future__ import annotations

from datetime import date

from ttscache.conf import conf
from ttscache.providers.models_list import shutdown_date
from ttscache.speech import VoiceRendition


def can_still_be_made(rendition: VoiceRendition) -> bool:
    """The embedded voice always speaks; the provider's voices need its key."""
    return rendition.provider == "embedded" or bool(conf().openai_api_key)


def retires_on(rendition: VoiceRendition) -> date | None:
    """The first day on which it cannot be made any more; None where nobody has said so."""
    if rendition.provider == "embedded":
        return None
    return shutdown_date(rendition.model, listed={}, base_url=conf().openai_base_url)
