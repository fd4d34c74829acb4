"""SpeechCache: ask each tier, else start or join a Recording."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import attrgetter

from django.db import DatabaseError, connections

from ttscache.claims import Claims, Held
from ttscache.errors import (
    Busy,
    NotKept,
    ProviderTimeout,
    SpeechError,
    StoreUnavailable,
    TextRefused,
    TierError,
    error_of,
)
from ttscache.generation.job import GenerationJob
from ttscache.ledger import Ledger
from ttscache.models import Clip, ContentType, Pin
from ttscache.recording import Recording
from ttscache.speaking import PARTS_AT_ONCE, Speaker, Spoken
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry, LocalTier, Tier, checksum_of
from ttscache.tiers.records import PermanentTier, as_tier_error

__all__ = ["GenerationJob", "Hit", "Playing", "SpeechCache"]

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 0.05  # between two looks; those who follow are to have a kept clip within 150 ms
# For so long a text is not offered to the provider again that it will not say, or that nobody could keep.
REMEMBERED_SECONDS: dict[type[SpeechError] | type[None], float] = {TextRefused: 600, NotKept: 10}


@dataclass(frozen=True, slots=True)
class Hit:
    """A clip that was there. `tier` is the name of the one that had it."""

    entry: Entry
    tier: str


@dataclass(frozen=True, slots=True)
class Playing:
    """A clip in the making. `is_joined`: somebody else had asked for it first."""

    recording: Recording
    is_joined: bool

    @property
    def outcome(self) -> str:
        """How this request came by its clip; known once there is sound."""
        return "generated" if self.recording.is_made_here and not self.is_joined else "collapsed"


class SpeechCache:
    """Speaks a text once and keeps the clip in every tier, the fastest first.

    A broken tier is logged and skipped. `local` are the tiers of this process and host; `permanent` is
    the one that all share and where new clips go; `elsewhere` has those that went somewhere else before.
    """

    def __init__(
        self,
        *,
        local: Sequence[LocalTier],
        permanent: PermanentTier,
        elsewhere: Sequence[PermanentTier] = (),
        speaker: Speaker,
        claims: Claims,
        ledger: Ledger,
    ) -> None:
        self.local = tuple(local)
        self.permanent = permanent
        self.permanents: tuple[PermanentTier, ...] = (permanent, *elsewhere)
        self.tiers: tuple[Tier, ...] = (*self.local, *self.permanents)
        self.speaker = speaker
        self.claims = claims
        self.ledger = ledger
        self._lock = threading.Lock()
        self._recordings: dict[str, Recording] = {}

    # --- looking ------------------------------------------------------------------------------------------
    def find_published(self, content_hash: str) -> Hit | None:
        """A published clip that this process or host has: no query, so it plays without the database."""
        return self._find(content_hash, self.local, is_wanted=attrgetter("is_published"))

    def find(self, content_hash: str, *, loaded: Clip | None = None) -> Hit | None:
        """Ask each tier in turn, and refill the faster ones of this host that missed.

        `loaded` is the clip's record, just read: it spares the permanent tiers another look at it.
        """
        if loaded is None:
            return self._find(content_hash, self.tiers)
        return self._find(content_hash, self.local) or self._read(loaded)

    def is_here(self, content_hash: str) -> bool:
        """Whether this host may have it without a query; its bytes are not read."""
        return any(tier.has(content_hash) for tier in self.local)

    def _read(self, clip: Clip) -> Hit | None:
        """From the permanent tier that the record names."""
        for tier in self.permanents:
            if clip.is_ready and clip.kept_in == tier.name:
                try:
                    with as_tier_error():
                        entry = tier.read(clip)
                except TierError as error:
                    logger.warning("The %s tier missed clip %s: %s", tier.name, clip.content_hash, error)
                    return None
                if entry is None:  # damaged, or moved meanwhile: the record as it is now tells which
                    return self._find(clip.content_hash, self.tiers)
                self._put(entry, self.local)
                return Hit(entry, tier.name)
        return None

    def _find(
        self,
        content_hash: str,
        tiers: Sequence[Tier],
        is_wanted: Callable[[Entry], bool] = lambda _: True,
    ) -> Hit | None:
        for depth, tier in enumerate(tiers):
            entry = self._get(tier, content_hash)
            if entry is not None and is_wanted(entry):
                self._put(entry, self.local[:depth])
                return Hit(entry, tier.name)
        return None

    def find_for_all(self, content_hash: str) -> Hit | None:
        """In a tier that all hosts share, whatever this one may hold of its own."""
        return self._find(content_hash, self.permanents)

    def forget(self, content_hashes: Iterable[str]) -> None:
        """On this host and in this process: clips that were removed, or that nobody has on record."""
        for content_hash in content_hashes:
            for tier in self.local:
                try:
                    tier.delete(content_hash)
                except TierError as error:
                    logger.warning("%s", error)

    # --- making -------------------------------------------------------------------------------------------
    def play(
        self,
        request: SpeechRequest,
        content_type: str,
        *,
        before_start: Callable[[], None] = lambda: None,
        parts_at_once: int = PARTS_AT_ONCE,
        is_ahead: bool = False,
    ) -> Hit | Playing:
        """The clip, if all hosts have it; else the recording of it, joined or newly started.

        `before_start` may raise to keep a new recording from starting; to join one is always free.
        `is_ahead`: no listener has asked for it.
        """
        return self.find_for_all(request.content_hash) or self.record(
            request,
            content_type,
            before_start=before_start,
            parts_at_once=parts_at_once,
            is_ahead=is_ahead,
        )

    def generate(self, job: GenerationJob, *, before_start: Callable[[], None] = lambda: None) -> Playing:
        """Join the recording of a clip that no tier has, or start it. `before_start` may refuse a new one."""
        return self.record(
            job.request,
            job.content_type,
            before_start=before_start,
            parts_at_once=job.parts_at_once,
            is_ahead=job.made_ahead,
            newer_than=job.newer_than,
            is_on_record=job.is_on_record,
        )

    def record(
        self,
        request: SpeechRequest,
        content_type: str,
        *,
        before_start: Callable[[], None] = lambda: None,
        parts_at_once: int = PARTS_AT_ONCE,
        is_ahead: bool = False,
        newer_than: datetime | None = None,
        is_on_record: bool = False,
    ) -> Playing:
        """Join the recording of a clip that no tier has, or start it.

        A clip that is there is made again if it is not `newer_than` this; it plays until the new one is kept,
        and stays where that fails.
        """
        content_hash = request.content_hash
        joined = self._recordings.get(content_hash)
        if joined is not None:
            return Playing(joined, is_joined=True)
        # What is not going to be a generation is not counted as one.
        self._check_not_refused(content_hash)
        self.speaker.circuit.check()
        before_start()
        with self._lock:
            joined = self._recordings.get(content_hash)
            if joined is not None:
                return Playing(joined, is_joined=True)
            recording = Recording(
                partial(
                    self._make,
                    request,
                    content_type,
                    parts_at_once,
                    is_ahead=is_ahead,
                    newer_than=newer_than,
                    is_on_record=is_on_record,
                ),
                on_end=partial(self._ended, content_hash),
            )
            self._recordings[content_hash] = recording
        return Playing(self._started(recording, content_hash), is_joined=False)

    def _check_not_refused(self, content_hash: str) -> None:
        """Raises what is remembered of this text."""
        try:
            code = self.claims.refusal(content_hash)
        except DatabaseError as error:
            raise StoreUnavailable from error
        if code:
            raise error_of(code)

    def generate_privately(self, request: SpeechRequest) -> Playing:
        """Speak a person's own words: never kept in a tier, never shared, never keyed."""
        nameless = uuid.uuid4().hex  # its words are no key
        recording = Recording(partial(self._make_privately, request), on_end=partial(self._ended, nameless))
        with self._lock:
            self._recordings[nameless] = recording
        return Playing(self._started(recording, nameless), is_joined=False)

    def finish_recordings(self, seconds: float) -> None:
        """Let what is being made come to its end, so long; then break it off. For a process that ends."""
        end = time.monotonic() + seconds
        while (late := self._under_way()) and time.monotonic() < end:
            time.sleep(0.02)
        for recording in late:
            recording.break_off(ProviderTimeout())
        self.speaker.book_unfinished()

    def _under_way(self) -> list[Recording]:
        with self._lock:
            return [recording for recording in self._recordings.values() if not recording.is_over]

    def set_published(self, content_hashes: frozenset[str]) -> None:
        """Tell the local tiers what is published now."""
        for tier in self.local:
            try:
                tier.set_published(content_hashes)
            except TierError as error:
                logger.warning("%s", error)

    def _started(self, recording: Recording, name: str) -> Recording:
        try:
            return recording.start()
        except RuntimeError as error:  # no thread to be had
            self._ended(name)
            recording.break_off(Busy())
            raise Busy from error

    def _ended(self, content_hash: str) -> None:
        with self._lock:
            self._recordings.pop(content_hash, None)

    def _make(
        self,
        request: SpeechRequest,
        content_type: str,
        parts_at_once: int,
        recording: Recording,
        *,
        is_ahead: bool,
        newer_than: datetime | None,
        is_on_record: bool,
    ) -> Entry:
        try:
            # Touched first, so that a prune cannot delete it meanwhile.
            if not (is_on_record or Clip.objects.is_asked_for_now(request.content_hash)):
                Clip.objects.record_all([request], content_type)
            while True:
                held = self.claims.take(request.content_hash)
                if held is not None:
                    return self._lead(
                        held,
                        request,
                        content_type,
                        parts_at_once,
                        recording,
                        is_ahead=is_ahead,
                        newer_than=newer_than,
                    )
                entry = self._follow(request.content_hash, newer_than)
                if entry is not None:
                    return entry
        except DatabaseError as error:
            raise StoreUnavailable from error
        finally:
            connections.close_all()  # a thread's connections end with it

    def _lead(
        self,
        held: Held,
        request: SpeechRequest,
        content_type: str,
        parts_at_once: int,
        recording: Recording,
        *,
        is_ahead: bool,
        newer_than: datetime | None,
    ) -> Entry:
        failure: SpeechError | None = None
        try:
            # Somebody may have kept it between our look and our claim.
            if not self._is_to_be_made_again(request.content_hash, newer_than):
                found = self.find_for_all(request.content_hash) or self._found_here_only(request.content_hash)
                if found is not None:
                    return found.entry
            recording.is_made_here = True
            spoken = self.speaker.speak(request, content_type, recording, parts_at_once)
            recording.all_is_spoken()
            entry = replace(self._entry(spoken, request, content_type), made_ahead=is_ahead)
            if not (self._still_ours(held) or self._is_to_be_made_again(entry.content_hash, newer_than)):
                # We were stopped for so long that another made it meanwhile; others have heard theirs.
                found = self._find(entry.content_hash, self.permanents)
                if found is not None:
                    return found.entry
            if not self._keep_for_all(entry):
                if newer_than is not None:
                    raise NotKept  # the old one plays everywhere else
                return self._keep_here_at_least(entry)
        except SpeechError as error:
            failure = error
            raise
        finally:
            self._give_back(held, failure)
        return self._keep_here(entry)  # whoever waits elsewhere has it by now

    def _found_here_only(self, content_hash: str) -> Hit | None:
        """What was made while no tier of all hosts took it, or is what is left of a clip that was removed."""
        found = self._find(content_hash, self.local)
        if found is not None and not Clip.objects.with_audio().filter(content_hash=content_hash).exists():
            self._keep_for_all(found.entry)
        return found

    def _is_to_be_made_again(self, content_hash: str, newer_than: datetime | None) -> bool:
        """Whether nobody has made it since somebody asked for that."""
        if newer_than is None:
            return False
        return (
            not Clip.objects.with_audio().filter(content_hash=content_hash, kept_at__gt=newer_than).exists()
        )

    def _follow(self, content_hash: str, newer_than: datetime | None) -> Entry | None:
        """Wait for whoever is making it, in another process or host; None when it is our turn to try."""
        holder = self.claims.holder(content_hash)
        owner = holder.owner if holder else ""
        while holder is not None and holder.owner == owner:
            if holder.error:
                raise error_of(holder.error)
            connections.close_all()
            time.sleep(FOLLOW_SECONDS)
            holder = self.claims.holder(content_hash)
        if self._is_to_be_made_again(content_hash, newer_than):
            return None  # whoever had the claim only looked
        found = self.find(content_hash)
        return found.entry if found else None

    def _make_privately(self, request: SpeechRequest, recording: Recording) -> Entry:
        recording.is_made_here = True
        try:
            spoken = self.speaker.speak(request, ContentType.RESPONSE, recording, PARTS_AT_ONCE)
            return self._entry(spoken, request, ContentType.RESPONSE)
        finally:
            connections.close_all()

    def _entry(self, spoken: Spoken, request: SpeechRequest, content_type: str) -> Entry:
        facts = spoken.facts
        return Entry(
            content_hash=request.content_hash,
            audio=spoken.audio,
            audio_format=request.audio_format,
            checksum=checksum_of(spoken.audio),
            duration_ms=facts.duration_ms,
            content_type=content_type,
            voice=request.voice,
            model=request.model,
            characters=len(request.text),
            loudness_dbfs=facts.loudness_dbfs,
            waveform=facts.waveform,
        )

    def _keep_for_all(self, entry: Entry) -> bool:
        """In the permanent tier; while that is away, in the other one, where it is found as well."""
        return any(self._put(entry, [tier]) for tier in self.permanents)

    def _keep_here(self, entry: Entry) -> Entry:
        published = self._with_publicity(entry)
        self._put(published, self.local)
        return published

    def _keep_here_at_least(self, entry: Entry) -> Entry:
        """Raises NotKept where no tier takes it: then nobody may take it for a clip that is there."""
        kept = self._keep_here(entry)
        if self._find(entry.content_hash, self.local) is None:
            raise NotKept
        return kept

    def _with_publicity(self, entry: Entry) -> Entry:
        try:
            is_published = Pin.objects.published().filter(content_hash=entry.content_hash).exists()
        except DatabaseError:
            return entry
        return replace(entry, is_published=is_published)

    def _still_ours(self, held: Held) -> bool:
        try:
            return self.claims.is_held(held)
        except DatabaseError:
            return True

    def _give_back(self, held: Held, failure: SpeechError | None) -> None:
        code = failure.code if failure else ""
        try:
            self.claims.give_back(held, error=code, for_seconds=REMEMBERED_SECONDS.get(type(failure), 0))
        except DatabaseError:
            logger.warning("The claim of clip %s runs out by itself.", held.name)

    # --- tiers that may be broken -------------------------------------------------------------------------
    def _get(self, tier: Tier, content_hash: str) -> Entry | None:
        try:
            return tier.get(content_hash)
        except TierError as error:
            logger.warning("The %s tier missed clip %s: %s", tier.name, content_hash, error)
            return None

    def _put(self, entry: Entry, tiers: Sequence[Tier]) -> bool:
        """Whether none of them failed."""
        if entry.content_type == ContentType.RESPONSE:
            return False  # a person's own words, adopted from elsewhere, are read where they are
        is_well = True
        for tier in tiers:
            try:
                tier.put(entry)
            except TierError as error:
                is_well = False
                logger.warning("The %s tier did not keep clip %s: %s", tier.name, entry.content_hash, error)
        return is_well
