"""Each setting of the speech cache and its default. The system checks for them are in checks.py."""

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

from ttscache.defaults import HIT_RATE_TARGETS
from ttscache.price_list import LIST_PRICES, TOKEN_PRICES, Price, TokenPrice
from ttscache.speech import (
    EMBEDDED_MODEL,
    LEGACY_MODEL,
    OPENAI_VOICES,
    REALTIME_NAMESAKES,
    REALTIME_VOICES,
    VoiceRendition,
    is_realtime,
)


@dataclass(frozen=True, kw_only=True)
class Conf:
    """The possible keys of settings.TTSCACHE. Sizes in bytes, times in seconds, prices in US dollars."""

    provider: str = "embedded"
    openai_api_key: str = field(default="", repr=False)
    openai_base_url: str = ""
    model: str = ""  # empty: the site chooses one when it first starts, see warming.settings_changes
    audio_format: str = "mp3"
    listener_voices: tuple[str, ...] = ("nova", "onyx")
    voices_by_role: Mapping[str, str] = field(default_factory=dict)  # listener voice: provider voice
    fallback: str = "none"  # or "embedded": speaks free text while the provider cannot
    memory_bytes: int = 64 * 1024**2
    files_bytes: int = 1024**3
    files_dir: Path = Path("var/tts_cache")
    nginx_dir: Path | None = None  # where nginx finds links to clips
    nginx_private: bool = False  # nginx also sends private clips, after the site's check
    nginx_log: Path | None = None  # its log of the clips that it answered by itself
    permanent: str = "database"  # where new clips go; those elsewhere stay hits
    compression: str = "auto"
    bucket: str = ""  # django-storages reads its other settings, AWS_…
    cdn_url: str = ""  # public address of the bucket's objects, with a slash at its end
    warm_concurrency: int = 5
    predict_ahead: int = 3  # questions made ahead of a listener; 0 for none
    stale_days: int = 90
    max_chars: int = 20_000
    timeout_seconds: float = 30.0
    first_byte_seconds: float = 10.0
    daily_budget_usd: float | None = None  # hard cap on provider spending in a day (UTC)
    ask_above_usd: float = 1.0  # staff confirm a job that costs more
    allow_anonymous_text: bool = False
    has_demo_data: bool = False  # the figures are made up, and staff pages say so
    waiting_threads: int = 48  # of one process; see docs/configuration.md, WEB_THREADS
    lease_seconds: float = 8.0  # a lease that is not renewed for so long may be taken over
    flush_seconds: float = 2.0
    prices: Mapping[str, Price] = field(default_factory=lambda: LIST_PRICES)
    model_shutdown: Mapping[str, date] = field(default_factory=dict)  # overrides what providers say
    reflection_model: str = "gpt-6-luna"  # a chat model, used if there is a key
    only_plays: bool = False  # nothing can be written, so nothing may be paid for either
    hit_rate_targets: Mapping[str, float] = field(default_factory=lambda: HIT_RATE_TARGETS)
    storage_limit_bytes: int = 0  # of all clips at rest; 0: no limit

    @property
    def model_by_settings(self) -> str:
        """The model of new clips; always `embedded` for the embedded provider, whatever TTS_MODEL says.

        Its clips have keys of their own, so they never play once an API key is set.
        """
        return EMBEDDED_MODEL if self.provider == "embedded" else self.model or LEGACY_MODEL

    def token_price(self, model: str) -> TokenPrice | None:
        """The model's price by tokens, or None if it has another kind of price or TTS_PRICES gives one."""
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
        of_the_model = REALTIME_VOICES if is_realtime(self.model_by_settings) else OPENAI_VOICES
        return tuple(dict.fromkeys((*self.listener_voices, *of_the_model)))

    def rendition(self, voice: str) -> VoiceRendition:
        """The rendition that the settings give a listener voice. Any other name is a voice of the provider.

        Listeners hear `renditions.current.live_rendition`, which may still be an earlier one.
        """
        played_by = self.voices_by_role.get(voice)
        if played_by is None:
            is_role = voice in self.listener_voices and is_realtime(self.model_by_settings)
            played_by = REALTIME_NAMESAKES.get(voice, voice) if is_role else voice
        return VoiceRendition(
            provider=self.provider,
            model=self.model_by_settings,
            voice=played_by,
            audio_format=self.audio_format,
        )


@cache
def conf() -> Conf:
    """The settings in force, read when first needed."""
    return Conf(**getattr(settings, "TTSCACHE", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TTSCACHE":
        conf.cache_clear()


setting_changed.connect(_forget)  # sent by override_settings in tests only
