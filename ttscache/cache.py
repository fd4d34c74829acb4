"""SpeechCache: the small face of the cache. Look a clip up, or have it made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ttscache.accounting.ledger import Ledger
from ttscache.coordination.leases import Leases
from ttscache.errors import SpeechError
from ttscache.generation.fallback import FallbackVoice
from ttscache.generation.generator import Generator, Playing
from ttscache.generation.job import GenerationJob
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import Clip
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.tiers.chain import Hit, TierChain

__all__ = ["GenerationJob", "Hit", "Playing", "SpeechCache"]


class SpeechCache:
    """Speaks a text once and keeps the clip in every tier, the fastest first."""

    def __init__(
        self,
        *,
        tiers: TierChain,
        synthesizer: Synthesizer,
        leases: Leases,
        ledger: Ledger,
        fallback: Synthesizer | None = None,
    ) -> None:
        self.tiers = tiers
        self.generator = Generator(tiers, synthesizer, leases)
        self.ledger = ledger
        self.fallback = FallbackVoice(Generator(tiers, fallback, leases)) if fallback else None

    @property
    def synthesizer(self) -> Synthesizer:
        return self.generator.synthesizer

    @property
    def leases(self) -> Leases:
        return self.generator.leases

    def find_published(self, content_hash: str) -> Hit | None:
        """A published clip in memory or in a file: no query."""
        return self.tiers.find_published(content_hash)

    def find(self, content_hash: str, *, loaded: Clip | None = None) -> Hit | None:
        """A clip in any tier. The faster ones of this host that missed are refilled.

        `loaded` is the clip's record, just read: it spares the permanent tiers another look at it.
        """
        return self.tiers.find(content_hash, loaded=loaded)

    def has_local(self, content_hash: str) -> bool:
        """Whether this host may have it without a query; its bytes are not read."""
        return self.tiers.has_local(content_hash)

    def find_permanent(self, content_hash: str) -> Hit | None:
        """A clip that every host can play."""
        return self.tiers.find_permanent(content_hash)

    def get_or_generate(
        self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None
    ) -> Hit | Playing:
        """The clip, if every host can play it; else its recording, joined or newly started."""
        return self.tiers.find_permanent(job.content_hash) or self.generate(job, before_start=before_start)

    def generate(self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None) -> Playing:
        """Join the recording of a clip that no tier has, or start it. Raises SpeechError.

        `before_start` may raise to keep a new recording from starting; to join one is always free.
        """
        return self.generator.generate(job, before_start=before_start)

    def generate_privately(self, request: SpeechRequest) -> Playing:
        """Speak a person's own words: never kept in a tier, never shared, never keyed."""
        return self.generator.generate_privately(request)

    def fall_back(
        self,
        job: GenerationJob,
        listener_voice: str,
        error: SpeechError,
        *,
        before_start: Callable[[], None] = lambda: None,
    ) -> Entry:
        """The job's text in the embedded voice, once `error` has ended it before its first byte.

        Waits for the whole clip. Raises `error` where there is no fallback, or where another voice would not
        help. Never call it for a published clip: those are of one voice.
        """
        if self.fallback is None:
            raise error
        return self.fallback.speak(job, listener_voice, error, before_start=before_start)

    def forget(self, content_hashes: Iterable[str]) -> None:
        """On this host: clips that were removed, or that have no record."""
        self.tiers.forget(content_hashes)

    def finish_recordings(self, seconds: float) -> None:
        """Let what is being made come to its end, for so long; then break it off. For a process that ends."""
        self.generator.finish(seconds)
        if self.fallback is not None:
            self.fallback.generator.finish(0)  # it takes no money along
