"""Generator: a clip is made once, whoever asks for it, in whatever process and on whatever host.

Requests of one process join its Recording. Between processes a lease decides: one leads and pays, the others
follow and wait until it is kept.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import Error, connections

from ttscache.coordination.leases import Cooldown, HeldLease, Leases
from ttscache.errors import (
    BrokenAudio,
    Busy,
    ModelRetired,
    NotKept,
    ProviderTimeout,
    Reworded,
    SpeechError,
    StoreUnavailable,
    TextRefused,
    error_of,
)
from ttscache.generation.job import GenerationJob
from ttscache.generation.recording import Recording
from ttscache.generation.synthesizer import SynthesizedClip, Synthesizer
from ttscache.models import Clip, ContentType
from ttscache.renditions.retirement import notices_of_gone, require_offered
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry, checksum_of
from ttscache.tiers.chain import Hit, TierChain

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 0.05  # between two looks; those who follow are to have a kept clip within 150 ms
REFUSED_SECONDS = 600  # a text that the provider will not say is not offered to it again
BROKEN_SECONDS = 600  # each try at a text that comes out broken may cost, so nobody tries again at once
UNTIL_STAFF_ASK_SECONDS = 100 * 365 * 86_400.0  # broken for the second time, or reworded
NOT_KEPT_SECONDS = 10  # what nobody could keep is not made again at once


@dataclass(frozen=True, slots=True)
class Playing:
    """A clip in the making. `is_joined`: somebody else had asked for it first."""

    recording: Recording
    is_joined: bool

    @property
    def outcome(self) -> str:
        """How this request came by its clip; known once there is sound."""
        return "generated" if self.recording.is_made_here and not self.is_joined else "collapsed"


class Generator:
    """Leads or follows, for one process. The tiers keep what it makes."""

    def __init__(self, tiers: TierChain, synthesizer: Synthesizer, leases: Leases) -> None:
        self.tiers = tiers
        self.synthesizer = synthesizer
        self.leases = leases
        self._lock = threading.Lock()
        self._recordings: dict[str, Recording] = {}

    def generate(self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None) -> Playing:
        """Join the recording of this clip, or start it. Raises what is remembered of a text that failed."""
        joined = self._recordings.get(job.content_hash)
        if joined is not None:
            return Playing(joined, is_joined=True)
        # The lease comes before anything that counts: what is refused is no generation and counts as none.
        held = self._acquire(job)
        is_ours = False
        try:
            before_start()
            playing = self._start(job.content_hash, partial(self._make, job, held))
            is_ours = not playing.is_joined
            return playing
        finally:
            if held is not None and not is_ours:
                self._release(held, held.remembers)  # nothing was tried, so what is known still is

    def generate_privately(self, request: SpeechRequest) -> Playing:
        """Speak a person's own words: never kept in a tier, never shared, never keyed."""
        require_offered(request.model)
        nameless = uuid.uuid4().hex  # its words are no key
        return self._start(
            nameless, partial(self._make_privately, GenerationJob(request, ContentType.RESPONSE))
        )

    def finish(self, seconds: float) -> None:
        """Let what is being made come to its end, for so long; then break it off. For a process that ends."""
        end = time.monotonic() + seconds
        while (late := self._under_way()) and time.monotonic() < end:
            time.sleep(0.02)
        for recording in late:
            recording.set_exception(ProviderTimeout())
        self.synthesizer.record_unfinished()

    # --- recordings of this process -----------------------------------------------------------------------
    def _start(self, name: str, make: Callable[[Recording], Entry]) -> Playing:
        recording = Recording(make, on_end=partial(self._ended, name))
        with self._lock:
            first = self._recordings.setdefault(name, recording)
        if first is not recording:
            return Playing(first, is_joined=True)
        try:
            recording.start()
        except RuntimeError as error:  # no thread to be had
            self._ended(name)
            recording.set_exception(Busy())
            raise Busy from error
        return Playing(recording, is_joined=False)

    def _ended(self, name: str) -> None:
        with self._lock:
            self._recordings.pop(name, None)

    def _under_way(self) -> list[Recording]:
        with self._lock:
            return [recording for recording in self._recordings.values() if not recording.done]

    # --- who leads ----------------------------------------------------------------------------------------
    def _acquire(self, job: GenerationJob) -> HeldLease | None:
        """The lease; None where somebody else makes the clip. Raises what is remembered of a failure, and
        ModelRetired where the provider no longer has the model."""
        content_hash, circuit = job.content_hash, self.synthesizer.circuit
        try:
            if circuit.is_open:  # nobody is likely to be called, so a look has to do
                self._check_not_refused(Cooldown(self.leases, content_hash).active_reason())
                circuit.check()
            found = self.leases.acquire_or_look(content_hash, unless=notices_of_gone(job.request.model))
        except Error as error:
            raise StoreUnavailable from error
        if isinstance(found, HeldLease):
            return found
        if found is None:
            raise ModelRetired(job.request.model)
        self._check_not_refused(found.error)
        return None

    def _check_not_refused(self, code: str) -> None:
        if code:
            raise error_of(code)

    def _release(self, held: HeldLease, code: str = "", seconds: float = 0.0) -> None:
        """Let others try, after so many seconds, and leave the code of what went wrong behind."""
        try:
            self.leases.release(held, error=code, for_seconds=seconds)
        except Error:
            logger.warning("The lease of clip %s runs out by itself.", held.name)

    def _remembered(self, failure: SpeechError, held: HeldLease) -> tuple[str, float]:
        """What those who ask next are told, and for how many seconds nobody tries again."""
        if isinstance(failure, BrokenAudio) and failure.is_about_text:
            was_broken = held.remembers.startswith(BrokenAudio.remembered_as)
            # While the provider breaks the clips of many texts, that says little about this one.
            if was_broken and not self.synthesizer.circuit.is_open:
                return BrokenAudio.remembered_for_good_as, UNTIL_STAFF_ASK_SECONDS
            return BrokenAudio.remembered_as, BROKEN_SECONDS
        if isinstance(failure, Reworded):
            is_outage = self.synthesizer.circuit.is_open
            return Reworded.remembered_as, BROKEN_SECONDS if is_outage else UNTIL_STAFF_ASK_SECONDS
        if isinstance(failure, TextRefused):
            return failure.code, REFUSED_SECONDS
        return failure.code, NOT_KEPT_SECONDS if isinstance(failure, NotKept) else 0.0

    # --- in the recording's thread ------------------------------------------------------------------------
    def _make(self, job: GenerationJob, held: HeldLease | None, recording: Recording) -> Entry:
        try:
            while held is None:
                entry = self._follow(job)
                if entry is not None:
                    return entry
                require_offered(job.request.model)
                held = self.leases.acquire(job.content_hash)
            return self._lead(job, held, recording)
        except Error as error:
            raise StoreUnavailable from error
        finally:
            connections.close_all()  # a thread's connections end with it

    def _lead(self, job: GenerationJob, held: HeldLease, recording: Recording) -> Entry:
        left_behind = held.remembers, 0.0
        try:
            if not job.is_on_record:
                Clip.objects.touch_or_record(job.request, job.content_type)
            # Somebody may have kept it between the caller's look and our lease.
            found = self._found_meanwhile(job)
            if found is not None:
                left_behind = "", 0.0
                return found.entry
            recording.is_made_here = True
            entry = _entry_of(self.synthesizer.synthesize(job, recording), job)
            recording.mark_synthesized()
            if not self._still_ours(held) and not self._is_to_be_made_again(job):
                # We were stopped for so long that another made it meanwhile; others have heard theirs.
                found = self.tiers.find_permanent(job.content_hash)
                if found is not None:
                    return found.entry
            left_behind = "", 0.0
            if not self.tiers.store_permanently(entry):
                if job.newer_than is not None:
                    raise NotKept  # the old one plays everywhere else
                return self.tiers.store_locally_at_least(entry)
        except SpeechError as error:
            left_behind = self._remembered(error, held)
            raise
        finally:
            self._release(held, *left_behind)
        return self.tiers.store_locally(entry)  # whoever waits elsewhere has it by now

    def _found_meanwhile(self, job: GenerationJob) -> Hit | None:
        if self._is_to_be_made_again(job):
            return None
        content_hash = job.content_hash
        found = self.tiers.find_permanent(content_hash)
        if found is not None:
            return found
        # A clip that was made while no shared tier took it, or is left of one that was removed.
        found = self.tiers.find_local(content_hash)
        if found is not None and not Clip.objects.with_audio().filter(content_hash=content_hash).exists():
            self.tiers.store_permanently(found.entry)
        return found

    def _is_to_be_made_again(self, job: GenerationJob) -> bool:
        """Whether nobody has made it since somebody asked for that."""
        if job.newer_than is None:
            return False
        clips = Clip.objects.with_audio().filter(content_hash=job.content_hash)
        return not clips.filter(stored_at__gt=job.newer_than).exists()

    def _still_ours(self, held: HeldLease) -> bool:
        try:
            return self.leases.is_surely_held(held)
        except Error:
            return True

    def _follow(self, job: GenerationJob) -> Entry | None:
        """Wait for whoever is making it, in another process or host; None when it is our turn to try."""
        holder = self.leases.holder(job.content_hash)
        owner = holder.owner if holder else ""
        while holder is not None and holder.owner == owner:
            self._check_not_refused(holder.error)
            connections.close_all()
            time.sleep(FOLLOW_SECONDS)
            holder = self.leases.holder(job.content_hash)
        if self._is_to_be_made_again(job):
            return None  # whoever had the lease only looked
        found = self.tiers.find(job.content_hash)
        return found.entry if found else None

    def _make_privately(self, job: GenerationJob, recording: Recording) -> Entry:
        recording.is_made_here = True
        try:
            return _entry_of(self.synthesizer.synthesize(job, recording), job)
        finally:
            connections.close_all()


def _entry_of(clip: SynthesizedClip, job: GenerationJob) -> Entry:
    request, facts = job.request, clip.facts
    return Entry(
        content_hash=request.content_hash,
        audio=clip.audio,
        audio_format=request.audio_format,
        checksum=checksum_of(clip.audio),
        duration_ms=facts.duration_ms,
        content_type=job.content_type,
        voice=request.voice,
        model=request.model,
        characters=len(request.text),
        loudness_dbfs=facts.loudness_dbfs,
        waveform=facts.waveform,
        made_ahead=job.made_ahead,
    )
