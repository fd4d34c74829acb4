"""The real cache over the stand-in's Realtime API, and the clips that it must return."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import Sum

from harness.openai_server import OpenAIServer
from harness.speech_api import sound
from ttscache import audio
from ttscache.accounting.budget import Budget
from ttscache.accounting.ledger import Ledger
from ttscache.accounting.prices import list_price_usd
from ttscache.cache import SpeechCache
from ttscache.coordination.leases import Leases
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import Spending
from ttscache.providers.openai import OpenAIProvider
from ttscache.providers.realtime import instructions_of
from ttscache.speech import SpeechRequest
from ttscache.tiers.chain import TierChain
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.memory import MemoryTier

REALTIME_MODEL = "gpt-realtime-2.1-mini"


def realtime_request(text: str, voice: str = "marin", audio_format: str = "pcm") -> SpeechRequest:
    """A request for PCM by default, which needs no encoding and can be compared byte for byte."""
    return SpeechRequest(text=text, voice=voice, model=REALTIME_MODEL, audio_format=audio_format)


def realtime_sound(request: SpeechRequest) -> bytes:
    """The clip of one call that speaks exactly this text, byte for byte."""
    manner = f"{request.model}|{instructions_of(request)}"
    pcm = sound.spoken_clip(request.text, request.voice, "pcm", request.speed, manner)
    return audio.encode(pcm, audio.PCM_RATE, request.audio_format)


@contextmanager
def realtime_cache(
    openai: OpenAIServer,
    *,
    usd_a_day: float | None = None,
    first_byte_seconds: float = 10.0,
    timeout_seconds: float = 30.0,
) -> Iterator[SpeechCache]:
    """Build a cache as `wiring` does, with memory and database as its tiers."""
    provider = OpenAIProvider(
        api_key="sk-of-a-test",
        base_url=openai.base_url,
        first_byte_seconds=first_byte_seconds,
        timeout_seconds=timeout_seconds,
    )
    ledger = Ledger(lambda clip: list_price_usd(clip.model, clip.characters))
    cache = SpeechCache(
        tiers=TierChain(local=[MemoryTier(100_000_000)], permanent=DatabaseTier()),
        synthesizer=Synthesizer(provider, ledger, Budget(usd_a_day)),
        leases=Leases(8),
        ledger=ledger,
    )
    try:
        yield cache
    finally:
        cache.finish_recordings(10)
        cache.leases.close()


def spent_usd(cache: SpeechCache) -> float:
    """The sum of all spending in the ledger, in US dollars."""
    cache.ledger.flush()
    return (Spending.objects.aggregate(total=Sum("cost_microusd"))["total"] or 0) / 1e6


def calls_by_outcome(cache: SpeechCache) -> dict[str, int]:
    cache.ledger.flush()
    return dict(Spending.objects.values_list("outcome").annotate(total=Sum("calls")))
