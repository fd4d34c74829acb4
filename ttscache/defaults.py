"""Choices of settings, and targets for the hit rate.

It imports no models, so that settings can read it before Django's apps are loaded.
"""

from __future__ import annotations

PROVIDERS = ("openai", "embedded")
FALLBACKS = ("none", "embedded")
PERMANENT_TIERS = ("database", "storage")
COMPRESSION_MODES = ("auto", "gzip", "none")
AUDIO_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


# The share of requests that should be hits. A person's own words are always new, so they have no target.
HIT_RATE_TARGETS = {"narrative": 0.999, "question": 0.95, "analysis": 0.6}
