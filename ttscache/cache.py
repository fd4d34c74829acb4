"""SpeechCache: the small interface of the cache. It looks a clip up, or has it made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from ttscache.accounting.ledger import Ledger
from ttscache.coordination.leases import Leases
from ttscache.errors import SpeechError
from ttscache.generation.deriving import derive
from ttscache.generation.fallback import FallbackVoice
from ttscache.generation.generator import ClipInTheMaking, Generator
from ttscache.generation.job import GenerationJob
from ttscache.generation.refused_takes import accept_take
from ttscache.generation.synthesizer import Synthesizer
from ttscache.models import Clip, RefusedTake
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.tiers.chain import Hit, TierChain

__all__ = ["ClipInTheMaking", "GenerationJob", "Hit", "SpeechCache"]


class SpeechCache:
    """Speaks each text once and keeps the clip in every tier."""

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
        """Find a published clip in this host's memory or files, without a query."""
        return self.tiers.find_published(content_hash)

    def find(self, content_hash: str, *, loaded: Clip | None = None) -> Hit | None:
        """Find a clip in any tier, and refill the faster tiers of this host that missed.

        Pass the clip's record as `loaded` if you have just read it; that saves the permanent tiers a query.
        """
        return self.tiers.find(content_hash, loaded=loaded)

    def has_local(self, content_hash: str) -> bool:
        """Whether this host seems to have the clip. Runs no query and reads no bytes."""
        return self.tiers.has_local(content_hash)

    def find_permanent(self, content_hash: str) -> Hit | None:
        """Find a clip that every host can play."""
        return self.tiers.find_permanent(content_hash)

    def derive(self, request: SpeechRequest, content_type: str, *, at_any_loss: bool = False) -> Hit | None:
        """Convert a stored clip of these words into this format, and keep it; None if there is none.

        `deriving.derive` says which formats become which.
        """
        return derive(self.tiers, request, content_type, at_any_loss=at_any_loss)

    def get_or_generate(
        self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None
    ) -> Hit | ClipInTheMaking:
        """Return the clip if every host can play it, else join or start its recording."""
        return self.tiers.find_permanent(job.content_hash) or self.generate(job, before_start=before_start)

    def generate(
        self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None
    ) -> ClipInTheMaking:
        """Join the recording of a clip that no tier has, or start it. Raises SpeechError.

        `before_start` may raise to prevent a new recording; it is not called for one that is joined.
        """
        return self.generator.generate(job, before_start=before_start)

    def join(self, content_hash: str) -> ClipInTheMaking | None:
        """Join the recording of a clip if this process is making it. Runs no query."""
        return self.generator.join(content_hash)

    def behind_first(self, content_hash: str) -> AbstractContextManager[bool]:
        """Wait while the first of many requests for this clip looks it up or begins its recording.

        Yields whether there was an earlier request, so that this one can join or find what that one has made.
        """
        return self.generator.behind_first(content_hash)

    def generate_privately(self, request: SpeechRequest) -> ClipInTheMaking:
        """Speak a person's own words: never kept in a tier, never shared, never keyed."""
        return self.generator.generate_privately(request)

    def accept(self, take: RefusedTake) -> Entry:
        """Make a refused take the clip, in all tiers. Raises SpeechError, and Error."""
        return accept_take(take, self.tiers, self.leases)

    def fall_back(
        self,
        job: GenerationJob,
        listener_voice: str,
        error: SpeechError,
        *,
        before_start: Callable[[], None] = lambda: None,
    ) -> Entry:
        """Speak the job's text in the embedded voice, after `error` ended it before its first byte.

        Waits for the whole clip. Raises `error` if there is no fallback or another voice would not help.
        Never call it for a published clip: published clips keep their one voice.
        """
        if self.fallback is None:
            raise error
        return self.fallback.speak(job, listener_voice, error, before_start=before_start)

    def forget(self, content_hashes: Iterable[str]) -> None:
        """Drop clips from this host's tiers, because they were removed or have no record."""
        self.tiers.forget(content_hashes)

    def finish_recordings(self, seconds: float) -> None:
        """Wait up to `seconds` for unfinished recordings, then cancel them. Call it when the process ends."""
        self.generator.finish(seconds)
        if self.fallback is not None:
            self.fallback.generator.finish(0)  # costs nothing to cancel
