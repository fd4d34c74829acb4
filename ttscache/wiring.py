"""speech_cache(): the one cache of this process, built from Conf."""

from __future__ import annotations

import os
from functools import cache

from ttscache.budget import Budget
from ttscache.cache import SpeechCache
from ttscache.claims import Claims
from ttscache.conf import Conf, conf
from ttscache.ledger import Asked, Ledger
from ttscache.prices import list_price_usd
from ttscache.providers import Provider
from ttscache.providers.embedded import EmbeddedProvider
from ttscache.providers.openai import OpenAIProvider
from ttscache.speaking import Speaker
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.files import FileTier
from ttscache.tiers.memory import MemoryTier


def speech_cache() -> SpeechCache:
    """The cache of this process. A forked child gets its own: threads and locks do not survive a fork."""
    return _speech_cache(os.getpid())


@cache
def _speech_cache(_process: int) -> SpeechCache:
    given = conf()
    ledger = Ledger(_worth_usd)
    return SpeechCache(
        local=[MemoryTier(given.memory_bytes), FileTier(given.files_dir, given.files_bytes)],
        permanent=DatabaseTier(),
        speaker=Speaker(_provider(given), ledger, Budget(given.daily_budget_usd)),
        claims=Claims(given.claim_seconds),
        ledger=ledger,
    )


def _provider(given: Conf) -> Provider:
    if given.provider == "embedded":
        return EmbeddedProvider()
    return OpenAIProvider(
        api_key=given.openai_api_key,
        base_url=given.openai_base_url,
        first_byte_seconds=given.first_byte_seconds,
        timeout_seconds=given.timeout_seconds,
    )


def _worth_usd(asked: Asked) -> float:
    return list_price_usd(asked.model, asked.characters)


def forget() -> None:
    """Build the cache anew when it is next asked for, as after a change of settings."""
    if _speech_cache.cache_info().currsize:
        speech_cache().claims.close()
    _speech_cache.cache_clear()
