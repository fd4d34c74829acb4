"""The rendition that plays a listener voice now."""

from __future__ import annotations

from ttscache.conf import conf
from ttscache.speech import SpeechRequest, VoiceRendition


def live_rendition(listener_voice: str) -> VoiceRendition:
    """Who plays this listener voice for listeners; for any other name, the provider's voice of that name."""
    return conf().rendition(listener_voice)


def request_for(text: str, listener_voice: str) -> SpeechRequest:
    """This text as listeners hear it in this voice. Raises EmptyText or BadText."""
    return live_rendition(listener_voice).request(text)
