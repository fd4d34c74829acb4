"""Turns TTS_… and OPENAI_… into the TTSCACHE setting, of which ttscache.conf.Conf is made."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from lifereview.env import object_storage
from lifereview.env.reader import Environment, refuse
from ttscache.defaults import (
    AUDIO_FORMATS,
    COMPRESSION_MODES,
    FALLBACKS,
    HIT_RATE_TARGETS,
    PROVIDERS,
)
from ttscache.price_list import LIST_PRICES, Price
from ttscache.speech import OPENAI_VOICES


def ttscache_settings(env: Environment, folder: Path, web_threads: int) -> dict[str, Any]:
    """The TTSCACHE setting.

    `folder` holds the local clips unless TTS_FILES_DIR is set. `web_threads` is the number in one process.
    """
    key = env.sendable("OPENAI_API_KEY")
    return {
        "provider": env.choice("TTS_PROVIDER", "openai" if key else "embedded", PROVIDERS),
        "openai_api_key": key,
        "openai_base_url": env.url("OPENAI_BASE_URL", schemes=["http", "https"]),
        "model": env.text("TTS_MODEL"),  # empty: the site chooses one when it first starts
        "audio_format": env.choice("TTS_FORMAT", "mp3", AUDIO_FORMATS),
        "listener_voices": _listener_voices(env),
        "voices_by_role": _voices_by_role(env),
        "fallback": env.choice("TTS_FALLBACK", "none", FALLBACKS),
        "memory_bytes": env.byte_count("TTS_MEMORY_BYTES", 64 * 1024**2),
        "files_bytes": env.byte_count("TTS_FILES_BYTES", 1024**3),
        "files_dir": env.writable_folder("TTS_FILES_DIR", folder / "tts_cache", mode=0o700),
        "nginx_dir": env.optional_path("NGINX_CLIPS_DIR"),
        "nginx_private": env.flag("NGINX_PRIVATE_CLIPS", False),
        "nginx_log": env.optional_path("NGINX_CLIPS_LOG"),
        "permanent": object_storage.permanent_tier(env),
        "bucket": env.text("AWS_STORAGE_BUCKET_NAME"),
        "cdn_url": object_storage.cdn_url(env),
        "compression": env.choice("TTS_COMPRESSION", "auto", COMPRESSION_MODES),
        "storage_limit_bytes": env.byte_count("TTS_STORAGE_LIMIT_BYTES", 0),
        "warm_concurrency": env.integer("TTS_WARM_CONCURRENCY", 5, least=1, most=100),
        "predict_ahead": env.integer("TTS_PREDICT_AHEAD", 3, least=0, most=100),
        "stale_days": env.integer("TTS_STALE_DAYS", 90, least=1, most=36_500),
        "max_chars": env.integer("TTS_MAX_CHARS", 20_000, least=1, most=1_000_000),
        "timeout_seconds": env.number("TTS_TIMEOUT_SECONDS", 30.0, least=1, most=600),
        "daily_budget_usd": env.optional_number("TTS_DAILY_BUDGET_USD", least=0, most=1_000_000),
        "ask_above_usd": env.number("TTS_ASK_ABOVE_USD", 1.0, least=0, most=1_000_000),
        "prices": _prices(env),
        "model_shutdown": _model_shutdown(env),
        "reflection_model": _reflection_model(env),
        "hit_rate_targets": _hit_rate_targets(env),
        "has_demo_data": env.flag("DEMO_DATA", False),
        "allow_anonymous_text": env.flag("TTS_ALLOW_ANONYMOUS_TEXT", False),
        # The rest stays free for stored clips, even while all of these wait for a generation.
        "waiting_threads": web_threads * 3 // 4,
    }


def _listener_voices(env: Environment) -> tuple[str, ...]:
    """The listener voices; the first one is the default. Any name is allowed, because providers differ."""
    return tuple(
        env.words(
            "TTS_LISTENER_VOICES",
            ["nova", "onyx"],
            pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}",
            allowed=f"a list of voices, such as nova,onyx (OpenAI's are {', '.join(OPENAI_VOICES)})",
        )
    )


def _voices_by_role(env: Environment) -> dict[str, str]:
    """The provider's voice of each listener voice whose name differs."""
    pairs = env.words(
        "TTS_VOICES",
        pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}=[^=,\s]{1,50}",
        allowed="a list such as nova=marin,onyx=cedar (listener voice = the provider's voice)",
    )
    voices = dict(pair.split("=") for pair in pairs)
    if len(voices) < len(pairs):
        refuse("TTS_VOICES", ",".join(pairs), "allowed is one voice for each listener voice")
    return voices


def _prices(env: Environment) -> dict[str, Price]:
    """The list prices, replaced by those of TTS_PRICES: per million characters, or per second with /s."""
    named = env.words(
        "TTS_PRICES",
        pattern=r"[^=,\s]+=\d{1,9}(\.\d{1,9})?(/s)?",
        allowed="a list such as my-model=12.5,my-other-model=0.0003/s "
        "(US dollars per million characters, or per second of sound)",
    )
    prices = dict(LIST_PRICES)
    for model, _, price in (entry.partition("=") for entry in named):
        amount = float(price.removesuffix("/s"))
        by_second = price.endswith("/s")
        prices[model] = Price(per_second=amount) if by_second else Price(per_million_characters=amount)
    return prices


def _hit_rate_targets(env: Environment) -> dict[str, float]:
    """The default targets, replaced by those of TTS_HIT_RATE_TARGETS, which are percentages."""
    named = env.words(
        "TTS_HIT_RATE_TARGETS",
        pattern=r"(narrative|question|analysis|response)=(100|\d{1,2}(\.\d{1,4})?)",
        allowed="a list such as narrative=99.9,question=95,analysis=60 (percent of requests)",
    )
    pairs = (entry.split("=") for entry in named)
    return HIT_RATE_TARGETS | {kind: float(percent) / 100 for kind, percent in pairs}


def _model_shutdown(env: Environment) -> dict[str, date]:
    """The first day without each of these models."""
    allowed = "a list such as my-model=2027-01-06 (model = the day it is switched off)"
    pairs = env.words("TTS_MODEL_SHUTDOWN", pattern=r"[^=,\s]+=\d{4}-\d{2}-\d{2}", allowed=allowed)
    try:
        return {model: date.fromisoformat(day) for model, _, day in (pair.partition("=") for pair in pairs)}
    except ValueError:  # such as 2027-02-30
        refuse("TTS_MODEL_SHUTDOWN", ",".join(pairs), f"allowed is {allowed}")


def _reflection_model(env: Environment) -> str:
    allowed = "the name of one chat model, such as gpt-6-luna"
    return env.matching("REFLECTION_MODEL", r"[^\s,=]{1,100}", allowed) or "gpt-6-luna"
