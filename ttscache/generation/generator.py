"""Generator: makes each clip once over all processes and hosts.

Requests in one process join its Recording. Between processes a lease decides: the leader makes the clip and
pays, the followers wait until it is stored.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from django.db import Error, connections

from ttscache.conf import conf
from ttscache.connections import release_connections, start_thread
from ttscache.coordination.leases import Cooldown, HeldLease, Leases
from ttscache.errors import (
    Busy,
    ModelRetired,
    NotKept,
    ProviderTimeout,
    SpeechError,
    StoreUnavailable,
    error_of,
)
from ttscache.generation.failure_memory import fault_in, memory_of
from ttscache.generation.job import GenerationJob
from ttscache.generation.recording import Recording
from ttscache.generation.refused_takes import forget_take, keep_take
from ttscache.generation.synthesizer import MAX_ATTEMPTS, SynthesizedClip, Synthesizer
from ttscache.models import Clip, ContentType
from ttscache.renditions.retirement import notices_of_gone, require_offered
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry, checksum_of
from ttscache.tiers.chain import Hit, TierChain

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 0.05  # between two looks, so that followers have a stored clip within 150 ms
BEHIND_FIRST_SECONDS = 0.5  # how long a request waits for an earlier one to begin the recording


@dataclass(frozen=True, slots=True)
class ClipInTheMaking:
    """A clip being made. `is_joined`: an earlier request started it."""

    recording: Recording
    is_joined: bool

    @property
    def outcome(self) -> str:
        """The ledger's outcome of this request. Read it only once there is sound; it may change before."""
        return "generated" if self.recording.is_made_here and not self.is_joined else "collapsed"


class Generator:
    """Leads or follows for one process, and stores its clips in the tiers."""

    def __init__(self, tiers: TierChain, synthesizer: Synthesizer, leases: Leases) -> None:
        self.tiers = tiers
        self.synthesizer = synthesizer
        self.leases = leases
        self._lock = threading.Lock()
        self._recordings: dict[str, Recording] = {}
        self._first_requests: dict[str, threading.Event] = {}  # set once a recording has begun

    def generate(
        self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None
    ) -> ClipInTheMaking:
        """Join the recording of this clip, or start it. Raises the remembered error of a text that failed."""
        joined = self.join(job.content_hash)
        if joined is not None:
            return joined
        # Acquire the lease before `before_start` counts anything: a refused request is no generation.
        held = self._acquire(job)
        is_ours = False
        try:
            if held is not None:  # otherwise another process makes it, and this request only waits
                before_start()
            making = self._start(job.content_hash, partial(self._make, job, held))
            is_ours = not making.is_joined
            return making
        finally:
            if held is not None and not is_ours:
                self._release(held, held.remembers)  # nothing was tried, so the earlier error still holds

    def join(self, content_hash: str) -> ClipInTheMaking | None:
        """The recording of this clip that is under way in this process. Runs no query."""
        # Read without the lock, because most requests join; `_start` looks again under it.
        recording = self._recordings.get(content_hash)
        return None if recording is None else ClipInTheMaking(recording, is_joined=True)

    @contextmanager
    def behind_first(self, content_hash: str) -> Iterator[bool]:
        """Let the first of many requests for a clip go ahead; the others wait until it has begun or ended.

        Yields whether this is one of the others. It may then find a recording to join, or the clip; if not,
        it goes ahead as well. So a crowd looks into the database once, and does not delay its own recording.
        """
        with self._lock:
            own = threading.Event()
            first = self._first_requests.setdefault(content_hash, own)
        if first is not own:
            release_connections()  # the first request may need one
            first.wait(BEHIND_FIRST_SECONDS)
            yield True
            return
        try:
            yield False
        finally:
            with self._lock:
                del self._first_requests[content_hash]
            own.set()

    def generate_privately(self, request: SpeechRequest) -> ClipInTheMaking:
        """Speak a person's own words: never stored in a tier, shared or used as a key."""
        require_offered(request.model)
        nameless = uuid.uuid4().hex  # random, because no key may be made of the words
        return self._start(
            nameless, partial(self._make_privately, GenerationJob(request, ContentType.RESPONSE))
        )

    def finish(self, seconds: float) -> None:
        """Wait up to `seconds` for unfinished recordings, then cancel them. Call it when the process ends."""
        end = time.monotonic() + seconds
        while (late := self._under_way()) and time.monotonic() < end:
            time.sleep(0.02)
        for recording in late:
            recording.set_exception(ProviderTimeout())
        self.synthesizer.record_unfinished()

    # --- recordings of this process -----------------------------------------------------------------------
    def _start(self, name: str, make: Callable[[Recording], Entry]) -> ClipInTheMaking:
        recording = Recording(make, on_end=partial(self._ended, name))
        with self._lock:  # of two threads that start the same clip, the first one's recording counts
            first = self._recordings.setdefault(name, recording)
            first_request = self._first_requests.get(name)
        if first_request is not None:
            first_request.set()
        if first is not recording:
            return ClipInTheMaking(first, is_joined=True)
        try:
            start_thread(recording.run, name="recording")
        except RuntimeError as error:  # the system cannot start a thread
            self._ended(name)
            recording.set_exception(Busy())
            raise Busy from error
        return ClipInTheMaking(recording, is_joined=False)

    def _ended(self, name: str) -> None:
        with self._lock:
            self._recordings.pop(name, None)

    def _under_way(self) -> list[Recording]:
        with self._lock:
            return [recording for recording in self._recordings.values() if not recording.done]

    # --- who leads ----------------------------------------------------------------------------------------
    def _acquire(self, job: GenerationJob) -> HeldLease | None:
        """Return the lease, or None if another process is making the clip.

        Raises the remembered error of an earlier failure, or ModelRetired if the model is gone.
        """
        content_hash, circuit = job.content_hash, self.synthesizer.circuit
        try:
            if circuit.is_open:  # no call is likely, so only look; do not acquire
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
        """Release the lease; with an error code, others may not try for `seconds`."""
        try:
            self.leases.release(held, error=code, for_seconds=seconds)
        except Error:
            logger.warning("The lease of clip %s expires by itself: the database does not answer.", held.name)

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
            connections.close_all()  # before the end is told: those who wait for it may need them

    def _lead(self, job: GenerationJob, held: HeldLease, recording: Recording) -> Entry:
        left_behind = held.remembers, 0.0
        try:
            if not job.is_on_record:
                Clip.objects.touch_or_record(job.request, job.content_type)
            # Another process may have stored it between the caller's look and our lease.
            found = self._found_meanwhile(job)
            if found is not None:
                left_behind = "", 0.0
                return found.entry
            recording.is_made_here = True
            spoken = self.synthesizer.synthesize(job, recording, refused_before=fault_in(held.remembers))
            entry = _entry_of(spoken, job)
            recording.mark_synthesized()
            if not self._still_ours(held) and not self._is_to_be_made_again(job):
                # This process was suspended so long that another one made the clip. Listeners have heard that
                # one, so ours is dropped.
                found = self.tiers.find_permanent(job.content_hash)
                if found is not None:
                    return found.entry
            left_behind = "", 0.0
            if held.remembers:  # the take that was refused before is of no use any more
                forget_take(job.content_hash)
            if not self.tiers.store_permanently(entry):
                if job.newer_than is not None:
                    raise NotKept  # storing it here only would differ from the old clip on other hosts
                return self.tiers.store_locally_at_least(entry)
        except SpeechError as error:
            is_outage = self.synthesizer.circuit.is_open
            left_behind = memory_of(error, before=held.remembers, is_outage=is_outage)
            keep_take(job, error)
            raise
        finally:
            self._release(held, *left_behind)
        # Local tiers come last: followers on other hosts need only the permanent tier and the lease.
        return self.tiers.store_locally(entry)

    def _found_meanwhile(self, job: GenerationJob) -> Hit | None:
        if self._is_to_be_made_again(job):
            return None
        content_hash = job.content_hash
        found = self.tiers.find_permanent(content_hash)
        if found is not None:
            return found
        # Only this host has it: it was made while no shared tier worked, or its permanent copy was removed.
        found = self.tiers.find_local(content_hash)
        if found is not None and not Clip.objects.with_audio().filter(content_hash=content_hash).exists():
            self.tiers.store_permanently(found.entry)
        return found

    def _is_to_be_made_again(self, job: GenerationJob) -> bool:
        """Whether staff asked for a new clip (`newer_than`) and nobody has made it since."""
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
        """Wait for the process that is making the clip; None when it is our turn to try.

        Raises ProviderTimeout once it has taken longer than any generation does.
        """
        end = time.monotonic() + _longest_seconds(job)
        holder = self.leases.holder(job.content_hash)
        owner = holder.owner if holder else ""
        # Another owner means that the first one released the lease or died: look for the clip, then try.
        while holder is not None and holder.owner == owner:
            self._check_not_refused(holder.error)
            if time.monotonic() > end:
                raise ProviderTimeout
            connections.close_all()
            time.sleep(FOLLOW_SECONDS)
            holder = self.leases.holder(job.content_hash)
        if self._is_to_be_made_again(job):
            return None  # the other process did not make it again
        found = self.tiers.find(job.content_hash)
        return found.entry if found else None

    def _make_privately(self, job: GenerationJob, recording: Recording) -> Entry:
        recording.is_made_here = True
        try:
            return _entry_of(self.synthesizer.synthesize(job, recording), job)
        finally:
            connections.close_all()


def _longest_seconds(job: GenerationJob) -> float:
    """How long another process may take over this clip: all attempts, and what lies between them."""
    given = conf()
    return 60 + MAX_ATTEMPTS * (given.timeout_seconds + len(job.request.text) / 100)


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
