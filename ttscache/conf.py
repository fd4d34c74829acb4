"""Each setting of the speech cache and its default. The system checks that vet them are in checks.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signals import setting_changed

from ttscache.defaults import HIT_RATE_TARGETS, LIST_PRICES, Price
from ttscache.speech import (
    EMBEDDED_MODEL,
    LEGACY_MODEL,
    OPENAI_VOICES,
    REALTIME_NAMESAKES,
    REALTIME_VOICES,
    VoiceRendition,
    is_realtime,
)
from ttscache.token_usage import TOKEN_PRICES, TokenPrice


@dataclass(frozen=True, kw_only=True)
class Conf:
    """What settings.TTSCACHE may say. Sizes in bytes, times in seconds, prices in US dollars."""

    provider: str = "embedded"
    openai_api_key: str = field(default="", repr=False)
    openai_base_url: str = ""
    model: str = ""  # not set: each site chooses its own once, see warming.settings_changes
    audio_format: str = "mp3"
    listener_voices: tuple[str, ...] = ("nova", "onyx")
    voices_by_role: Mapping[str, str] = field(default_factory=dict)  # which provider voice plays which
    fallback: str = "none"  # or "embedded": who speaks free text while the provider cannot
    memory_bytes: int = 64 * 1024**2
    files_bytes: int = 1024**3
    files_dir: Path = Path("var/tts_cache")
    permanent: str = "database"  # where new clips go; those elsewhere stay hits
    compression: str = "auto"
    bucket: str = ""  # its other settings are AWS_…, read by django-storages
    cdn_url: str = ""  # the address of the bucket's objects for everyone, with a slash at its end
    warm_concurrency: int = 5
    predict_ahead: int = 3  # questions made ahead of a listener; 0 for none
    stale_days: int = 90
    max_chars: int = 20_000
    timeout_seconds: float = 30.0
    first_byte_seconds: float = 10.0
    daily_budget_usd: float | None = None  # hard cap on provider spending in a day (UTC)
    ask_above_usd: float = 1.0  # what staff have made at a price they have seen is asked about above this
    allow_anonymous_text: bool = False
    waiting_threads: int = 48  # of one process; see docs/configuration.md, WEB_THREADS
    lease_seconds: float = 8.0  # a lease that is not renewed for so long may be taken over
    flush_seconds: float = 2.0
    prices: Mapping[str, Price] = field(default_factory=lambda: LIST_PRICES)
    model_shutdown: Mapping[str, date] = field(default_factory=dict)  # comes before what providers say
    reflection_model: str = "gpt-6-luna"  # of the chat, used where there is a key
    hit_rate_targets: Mapping[str, float] = field(default_factory=lambda: HIT_RATE_TARGETS)
    storage_limit_bytes: int = 0  # of all clips at rest, where there is one

    @property
    def house_model(self) -> str:
        """The embedded voice has a key of its own, so it never plays once an API key is set."""
        return EMBEDDED_MODEL if self.provider == "embedded" else self.model or LEGACY_MODEL

    def token_price(self, model: str) -> TokenPrice | None:
        """What the model costs by tokens; None for others, and where TTS_PRICES prices it otherwise."""
        return None if model in self.prices else TOKEN_PRICES.get(model)

    def is_priced(self, model: str) -> bool:
        return model in self.prices or model in TOKEN_PRICES

    @property
    def cdn_origin(self) -> str:
        """Scheme and host, as a Content-Security-Policy names it."""
        parts = urlsplit(self.cdn_url)
        return f"{parts.scheme}://{parts.netloc}" if self.cdn_url else ""

    @property
    def default_voice(self) -> str:
        return self.listener_voices[0]

    @property
    def voices(self) -> tuple[str, ...]:
        of_the_model = REALTIME_VOICES if is_realtime(self.house_model) else OPENAI_VOICES
        return tuple(dict.fromkeys((*self.listener_voices, *of_the_model)))

    def rendition(self, voice: str) -> VoiceRendition:
        """Who plays this listener voice by the settings. Any other name is a voice of the provider."""
        played_by = self.voices_by_role.get(voice)
        if played_by is None:
            is_role = voice in self.listener_voices and is_realtime(self.house_model)
            played_by = REALTIME_NAMESAKES.get(voice, voice) if is_role else voice
        return VoiceRendition(
            provider=self.provider, model=self.house_model, voice=played_by, audio_format=self.audio_format
        )


@cache
def conf() -> Conf:
    """The settings in force, read when first needed."""
    return Conf(**getattr(settings, "TTSCACHE", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TTSCACHE":
        conf.cache_clear()


setting_changed.connect(_forget)  # sent by override_settings in tests only
