"""Whether a rendition can still make new clips here."""

from __future__ import annotations

from ttscache.conf import conf
from ttscache.speech import VoiceRendition


def can_still_be_made(rendition: VoiceRendition) -> bool:
    """The embedded voice always speaks; the provider's voices need its key."""
    return rendition.provider == "embedded" or bool(conf().openai_api_key)
