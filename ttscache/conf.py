"""Each setting, its default, and the system checks that vet it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.signals import setting_changed

from ttscache.audio import FORMATS
from ttscache.compression import MODES
from ttscache.price_list import HIT_RATE_TARGETS, LIST_PRICES, Price
from ttscache.speech import EMBEDDED_MODEL, OPENAI_VOICES, SpeechRequest

PROVIDERS = ("openai", "embedded")
PERMANENTS = ("database", "storage")


@dataclass(frozen=True, kw_only=True)
class Conf:
    """What settings.TTSCACHE may say. Sizes in bytes, times in seconds, prices in US dollars."""

    provider: str = "embedded"
    openai_api_key: str = field(default="", repr=False)
    openai_base_url: str = ""
    model: str = "tts-1-hd"
    audio_format: str = "mp3"
    listener_voices: tuple[str, ...] = ("nova", "onyx")
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
    waiting_threads: int = 48  # of one process; see contract, WEB_THREADS
    claim_seconds: float = 8.0  # a claim that is not renewed for so long may be taken over
    flush_seconds: float = 2.0
    prices: Mapping[str, Price] = field(default_factory=lambda: LIST_PRICES)
    hit_rate_targets: Mapping[str, float] = field(default_factory=lambda: HIT_RATE_TARGETS)
    storage_limit_bytes: int = 0  # of all clips at rest, where there is one

    @property
    def house_model(self) -> str:
        """The embedded voice has a key of its own, so it never plays once an API key is set."""
        return EMBEDDED_MODEL if self.provider == "embedded" else self.model

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
        return tuple(dict.fromkeys((*self.listener_voices, *OPENAI_VOICES)))

    def house_request(self, text: str, voice: str) -> SpeechRequest:
        """This text in the house rendition: the model and format that listeners get."""
        return SpeechRequest(text=text, voice=voice, model=self.house_model, audio_format=self.audio_format)


@cache
def conf() -> Conf:
    """The settings in force, read when first needed."""
    return Conf(**getattr(settings, "TTSCACHE", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TTSCACHE":
        conf.cache_clear()


setting_changed.connect(_forget)  # sent by override_settings in tests only


@checks.register
def check_conf(**_: Any) -> list[checks.CheckMessage]:
    return list(_problems(conf()))


def _problems(given: Conf) -> Iterable[checks.CheckMessage]:
    if given.provider not in PROVIDERS:
        yield checks.Error(
            f"There is no speech provider {given.provider!r}.",
            hint=f"Set TTS_PROVIDER to one of: {', '.join(PROVIDERS)}.",
            id="ttscache.E001",
        )
    if given.provider == "openai" and not given.openai_api_key:
        yield checks.Error(
            "The openai provider has no API key.",
            hint="Set OPENAI_API_KEY, or TTS_PROVIDER=embedded to work offline.",
            id="ttscache.E002",
        )
    if given.audio_format not in FORMATS:
        yield checks.Error(
            f"There is no audio format {given.audio_format!r}.",
            hint=f"Set TTS_FORMAT to one of: {', '.join(FORMATS)}.",
            id="ttscache.E003",
        )
    if given.provider == "openai" and given.model == EMBEDDED_MODEL:
        yield checks.Error(
            "The model 'embedded' belongs to the embedded provider.",
            hint="Set TTS_MODEL to a model of the provider, or TTS_PROVIDER=embedded.",
            id="ttscache.E004",
        )
    if given.daily_budget_usd is not None and given.house_model not in given.prices:
        yield checks.Error(
            f"A daily budget is set, but the model {given.house_model!r} has no price to count against it.",
            hint=f"Set TTS_PRICES, e.g. {given.house_model}=30 (US dollars per million characters).",
            id="ttscache.E007",
        )
    if given.permanent not in PERMANENTS:
        yield checks.Error(
            f"There is no permanent tier {given.permanent!r}.",
            hint=f"Set TTS_PERMANENT to one of: {', '.join(PERMANENTS)}.",
            id="ttscache.E010",
        )
    if given.permanent == "storage" and not given.bucket:
        yield checks.Error(
            "The object storage has no bucket.",
            hint="Set AWS_STORAGE_BUCKET_NAME, or TTS_PERMANENT=database.",
            id="ttscache.E011",
        )
    if given.compression not in MODES:
        yield checks.Error(
            f"There is no compression {given.compression!r}.",
            hint=f"Set TTS_COMPRESSION to one of: {', '.join(MODES)}.",
            id="ttscache.E012",
        )
    if not given.listener_voices:
        yield checks.Error(
            "Listeners have no voice.", hint="Set TTS_LISTENER_VOICES, e.g. nova,onyx.", id="ttscache.E005"
        )
    if given.provider == "embedded":
        strangers = [voice for voice in given.listener_voices if voice not in OPENAI_VOICES]
        if strangers:
            yield checks.Error(
                f"The embedded provider has no voice {strangers[0]!r}.",
                hint=f"Set TTS_LISTENER_VOICES to some of: {', '.join(OPENAI_VOICES)}.",
                id="ttscache.E006",
            )
