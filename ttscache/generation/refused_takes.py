"""Keeps the takes of authored texts that a check refused, until staff have decided about them.

A take is the sound of one attempt to make a clip; staff pages call it a recording.

Whether a text is authored is decided here alone, by its content type and its pins: the app that owns the
texts pins every one that staff wrote. Free text of the API, answers and other people's reflections have no
such pin, so no byte of them is kept.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import Error, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from ttscache import audio as sound
from ttscache import hooks
from ttscache.coordination.leases import Leases, end_cooldowns
from ttscache.errors import (
    BrokenAudio,
    Busy,
    Fault,
    ProviderFailed,
    RequestRefused,
    Reworded,
    SpeechError,
    StoreUnavailable,
)
from ttscache.generation.job import GenerationJob
from ttscache.models import Clip, ContentType, Pin, RefusedTake
from ttscache.models.booking import microusd_of
from ttscache.tiers import Entry, checksum_of
from ttscache.tiers.chain import TierChain

logger = logging.getLogger(__name__)

KEPT_DAYS = 7
MOST_TAKES = 200
MOST_BYTES_OF_A_TAKE = 16 * 1024**2
MOST_BYTES = 256 * 1024**2
NOT_ACCEPTED_SECONDS = 600  # how long the clip still waits for staff if accepting its take failed

_FAULTS = {
    RefusedTake.Reason.SILENT: Fault.SILENCE,
    RefusedTake.Reason.TOO_SHORT: Fault.PACE,
    RefusedTake.Reason.TOO_LONG: Fault.PACE,
    RefusedTake.Reason.BROKEN: Fault.WHOLENESS,
}


class NotUsable(RequestRefused):
    """Staff cannot accept this take. The sentence says why."""

    sentence = "This recording cannot be used. It can only be made again."


def is_authored(content_hash: str, content_type: str) -> bool:
    """Whether staff wrote the text and still use it. Raises Error."""
    pins = Pin.objects.authored().filter(content_hash=content_hash)
    if content_type == ContentType.ANALYSIS:  # another reflection may quote a listener
        pins = pins.filter(reason=Pin.Reason.BANK)
    return content_type != ContentType.RESPONSE and pins.exists()


def keep_take(job: GenerationJob, error: SpeechError) -> None:
    """Keep the refused take of an authored text, in place of an earlier one.

    Takes the bytes out of the error. Never raises: the listener's request goes on with its own error.
    """
    if not isinstance(error, ProviderFailed) or error.refused is None:
        return
    refused, error.refused = error.refused, None
    reason = _reason_of(error)
    if reason is None or len(refused.audio) > MOST_BYTES_OF_A_TAKE:
        return
    try:
        if not is_authored(job.content_hash, job.content_type):
            return
        facts = _facts_of(refused.audio, job, reason)
        with transaction.atomic():
            clip = Clip.objects.not_private().filter(content_hash=job.content_hash).first()
            if clip is None:
                return
            RefusedTake.objects.update_or_create(
                clip=clip,
                defaults={
                    "reason": reason,
                    "audio": refused.audio,
                    "size": len(refused.audio),
                    "duration_ms": facts.duration_ms if facts else None,
                    "is_usable": facts is not None and not refused.is_part,
                    "is_part": refused.is_part,
                    "made_ahead": job.made_ahead,
                    "paid_microusd": microusd_of(refused.usd),
                    "made_at": timezone.now(),
                },
            )
        _drop_oldest()
    except Exception as failure:  # a full disk, no memory: log the type only, as a message may quote the text
        kind = type(failure).__name__
        logger.warning("A refused take of clip %s was not kept (%s).", job.content_hash, kind)


def forget_take(content_hash: str) -> None:
    """Remove the refused take of a clip that has been made. A failure waits for the daily upkeep."""
    try:
        with transaction.atomic():
            RefusedTake.objects.filter(clip__content_hash=content_hash).delete()
    except Error:
        logger.warning("A refused take of clip %s is removed later.", content_hash)


def remove_old_takes() -> int:
    """Remove what was kept for KEPT_DAYS, and what nobody has to decide about any more. Raises Error."""
    is_due = Q(made_at__lt=timezone.now() - timedelta(days=KEPT_DAYS))
    undecided = RefusedTake.objects.undecided().values("pk")
    return RefusedTake.objects.filter(is_due | ~Q(pk__in=undecided)).delete()[0]


def accept_take(take: RefusedTake, tiers: TierChain, leases: Leases) -> Entry:
    """Make the refused take the clip, in all tiers.

    Every check but the one that refused it must pass. Raises NotUsable, Busy if the clip is being made now,
    StoreUnavailable, and Error.
    """
    clip = take.clip
    facts = _facts_of(bytes(take.audio), GenerationJob(clip.request, clip.content_type), take.reason)
    if facts is None or take.is_part:
        raise NotUsable
    _check_undecided(take)
    end_cooldowns([clip.content_hash])  # it may wait for staff, who now ask
    held = leases.acquire(clip.content_hash)
    if held is None:
        raise Busy("This clip is being made just now. Please look again in a moment.")
    left_behind = held.remembers
    try:
        _check_undecided(take)  # again, now that nobody else can make the clip
        entry = take_as_entry(take, facts)
        # First, so that a check of the stored clips never meets it without this.
        Clip.objects.filter(pk=clip.pk).update(accepted_checksum=entry.checksum)
        if not tiers.store_permanently(entry):
            raise StoreUnavailable("The recording could not be stored just now. Please try again.")
        RefusedTake.objects.filter(pk=take.pk).delete()
        left_behind = ""
    finally:
        leases.release(held, error=left_behind, for_seconds=NOT_ACCEPTED_SECONDS if left_behind else 0)
    # A version or a voice may have waited for this clip.
    transaction.on_commit(hooks.installed().run_ended, robust=True)
    return tiers.store_locally(entry)


def _check_undecided(take: RefusedTake) -> None:
    """Raise NotUsable if the clip was made, or somebody decided, since the page was shown."""
    if not RefusedTake.objects.undecided().filter(pk=take.pk, made_at=take.made_at).exists():
        raise NotUsable("This recording is no longer waiting for a decision.")


def _reason_of(error: ProviderFailed) -> RefusedTake.Reason | None:
    if isinstance(error, Reworded):
        return RefusedTake.Reason.REWORDED
    if not isinstance(error, BrokenAudio):
        return None
    if error.kind is Fault.SILENCE:
        return RefusedTake.Reason.SILENT
    if error.kind is Fault.PACE:
        return RefusedTake.Reason.TOO_LONG if error.is_too_long else RefusedTake.Reason.TOO_SHORT
    return RefusedTake.Reason.BROKEN


def _facts_of(audio: bytes, job: GenerationJob, reason: str) -> sound.Sound | None:
    """Examine the take as a clip that staff accept; None if they cannot."""
    fault = _FAULTS.get(RefusedTake.Reason(reason))
    if fault is None:  # reworded: it can only be made again
        return None
    request = job.request
    try:
        return sound.examine_refused(audio, request.audio_format, request.text, request.speed, fault)
    except BrokenAudio:
        return None


def take_as_entry(take: RefusedTake, facts: sound.Sound | None = None) -> Entry:
    """The take as a clip to play; with the facts of its examination, as a clip to keep."""
    clip, audio = take.clip, bytes(take.audio)
    return Entry(
        content_hash=clip.content_hash,
        audio=audio,
        audio_format=clip.audio_format,
        checksum=checksum_of(audio),
        duration_ms=facts.duration_ms if facts else take.duration_ms or 0,
        content_type=clip.content_type,
        voice=clip.voice,
        model=clip.model,
        characters=len(clip.content_text),
        loudness_dbfs=facts.loudness_dbfs if facts else None,
        waveform=facts.waveform if facts else b"",
        made_ahead=take.made_ahead,
    )


def _drop_oldest() -> None:
    """Keep at most MOST_TAKES takes of MOST_BYTES in all, the latest ones."""
    total = RefusedTake.objects.aggregate(bytes=Sum("size"))["bytes"] or 0
    count = RefusedTake.objects.count()
    if count <= MOST_TAKES and total <= MOST_BYTES:
        return
    kept = kept_bytes = 0
    dropped = []
    for pk, size in RefusedTake.objects.order_by("-made_at", "-pk").values_list("pk", "size"):
        kept, kept_bytes = kept + 1, kept_bytes + size
        if kept > MOST_TAKES or kept_bytes > MOST_BYTES:
            dropped.append(pk)
    RefusedTake.objects.filter(pk__in=dropped).delete()
