"""speech_cache(): the one cache of this process, built from Conf."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from ttscache import audio as sound
from ttscache.accounting.budget import Budget
from ttscache.accounting.ledger import Ledger, RequestedClip
from ttscache.accounting.prices import list_price_usd
from ttscache.cache import SpeechCache
from ttscache.conf import Conf, conf
from ttscache.coordination.leases import Leases
from ttscache.generation.fallback import NoProviderCalls
from ttscache.generation.synthesizer import Synthesizer
from ttscache.providers import Provider
from ttscache.providers.by_model import ProviderByModel
from ttscache.providers.embedded import EmbeddedProvider
from ttscache.providers.openai import OpenAIProvider
from ttscache.tiers.chain import TierChain
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.files import FileTier
from ttscache.tiers.links import ClipLinks
from ttscache.tiers.memory import MemoryTier
from ttscache.tiers.records import PermanentTier

if TYPE_CHECKING:
    from ttscache.tiers.storage import StorageTier


def speech_cache() -> SpeechCache:
    """The cache of this process. A forked child gets its own: threads and locks do not survive a fork."""
    return _speech_cache(os.getpid())


@cache
def _speech_cache(_process: int) -> SpeechCache:
    given = conf()
    ledger = Ledger(_list_price_usd)
    permanent, *elsewhere = _permanent_tiers(given)
    return SpeechCache(
        tiers=TierChain(
            local=[MemoryTier(given.memory_bytes), file_tier()],
            permanent=permanent,
            elsewhere=elsewhere,
        ),
        synthesizer=Synthesizer(_provider(given), ledger, Budget(given.daily_budget_usd)),
        leases=Leases(given.lease_seconds),
        ledger=ledger,
        fallback=_fallback(given),
    )


def file_tier() -> FileTier:
    """A tier of this host's files. It holds no state that another one lacks for long."""
    given = conf()
    return FileTier(given.files_dir, given.files_bytes, clip_links())


def clip_links() -> ClipLinks | None:
    """The links through which nginx sends clips, or None without such an nginx."""
    given = conf()
    if given.nginx_dir is None:
        return None
    return ClipLinks(given.nginx_dir, are_private_linked=given.nginx_private)


def _permanent_tiers(given: Conf) -> list[PermanentTier]:
    """The tier for new clips, then the one that may hold older ones. Storage only if there is a bucket."""
    database = DatabaseTier(given.compression)
    if not given.bucket:
        return [database]
    storage = storage_tier()
    assert storage is not None
    return [storage, database] if given.permanent == storage.name else [database, storage]


def storage_tier() -> StorageTier | None:
    """Return this process's tier of the bucket, or None if there is no bucket."""
    return _storage_tier(os.getpid())


@cache
def _storage_tier(_process: int) -> StorageTier | None:
    given = conf()
    if not given.bucket:
        return None
    from ttscache.tiers.bucket import Bucket  # imported here: boto3 takes a quarter of a second to load
    from ttscache.tiers.storage import StorageTier

    return StorageTier(Bucket(given.bucket), given.compression, has_cdn=bool(given.cdn_url))


def _provider(given: Conf) -> Provider:
    """The settings' provider, and the other one for clips that are missing during a takeover."""
    embedded = EmbeddedProvider()
    if not given.openai_api_key:
        return embedded
    openai = OpenAIProvider(
        api_key=given.openai_api_key,
        base_url=given.openai_base_url,
        first_byte_seconds=given.first_byte_seconds,
        timeout_seconds=given.timeout_seconds,
        preloads=given.model_by_settings,
    )
    return ProviderByModel([embedded, openai] if given.provider == embedded.name else [openai, embedded])


def _list_price_usd(requested: RequestedClip) -> float:
    return list_price_usd(requested.model, requested.characters)


def _fallback(given: Conf) -> Synthesizer | None:
    if given.fallback == "none":
        return None
    return Synthesizer(EmbeddedProvider(), NoProviderCalls(_list_price_usd))


def load_libraries() -> None:
    """Load the slow libraries at the start of a process, so that the first clip need not wait for them."""
    _provider(conf()).preload()
    hum = (b"\x00\x10" * 50 + b"\x00\xf0" * 50) * (sound.PCM_RATE // 100)  # one second
    sound.examine(sound.encode(hum, sound.PCM_RATE, conf().audio_format), conf().audio_format)


def forget() -> None:
    """Drop the cache, so that the next call builds a new one, for example after a change of settings."""
    if _speech_cache.cache_info().currsize:
        speech_cache().leases.close()
    _speech_cache.cache_clear()
    _storage_tier.cache_clear()
