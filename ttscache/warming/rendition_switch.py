"""A new rendition takes over a listener voice, all at once and in one transaction.

A pending rendition has a run of its own, which makes every clip that listeners may hear in that voice. Until
all of them are ready, listeners keep the old sound. The process that ends the run switches the voice; each
heartbeat also looks, in case that process was killed in between.

The page Voices and the settings (settings_changes.py) request renditions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ttscache import hooks
from ttscache.models import Clip, Rendition, WarmItem, WarmRun
from ttscache.renditions.current import forget_renditions
from ttscache.speech import ClipSpec, VoiceRendition
from ttscache.warming.plan import Plan, plan
from ttscache.warming.runs import cancel, protect, resume, start_automatic_run, start_run

logger = logging.getLogger(__name__)

BY_SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class FailedClip:
    """A clip of a pending rendition that could not be made, and why."""

    clip: Clip
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a pending rendition. `failed` are missing clips that no worker will try again."""

    rendition: Rendition
    planned: Plan
    run: WarmRun | None
    failed: tuple[FailedClip, ...]
    waits_for: str  # why no clip is being made, in words; empty while one is

    @property
    def total(self) -> int:
        return len(self.planned.clips)

    @property
    def ready(self) -> int:
        return self.total - len(self.planned.missing)

    @property
    def is_stuck(self) -> bool:
        """Whether every missing clip has failed, so that nothing more happens until staff act."""
        return bool(self.failed) and len(self.failed) == len(self.planned.missing)

    @property
    def failed_hashes(self) -> list[str]:
        return [each.clip.content_hash for each in self.failed]


# --- requested, cancelled -----------------------------------------------------------------------------------
@transaction.atomic
def request_rendition(
    listener_voice: str, spec: VoiceRendition, *, requested_by: str = ""
) -> Rendition | None:
    """Let this rendition play the voice once all its clips are ready. Returns it, pending or live.

    Both settings and staff use this. If it is already pending, its failed clips are tried again. If it
    already plays, any pending rendition is cancelled, and this returns None. If the voice has no rendition
    yet, or no clip is missing, the new one plays at once.
    """
    hooks.installed().lock_texts()  # before any row, as publishing does: another order could deadlock
    live, pending = _of(listener_voice, "LIVE"), _of(listener_voice, "PENDING")
    if pending is not None and pending.spec == spec:
        _start_run(pending, requested_by)
        return pending
    if pending is not None:
        _end(pending, Rendition.State.CANCELLED)
    if live is not None and live.spec == spec:
        _tell_that_voices_changed()
        return None
    rendition = _new(listener_voice, spec, requested_by)
    logger.info("Requested for the voice %s: %s, %s.", listener_voice, spec.model, spec.voice)
    specs = needed_clips(rendition)
    protect(specs)
    if live is None or not plan(specs).missing:
        _switch(rendition)
    else:
        _start_run(rendition, requested_by)
    _tell_that_voices_changed()
    return rendition


@transaction.atomic
def cancel_rendition(rendition: Rendition) -> bool:
    """Cancel a pending rendition; its clips stay. False if it is not pending any more."""
    hooks.installed().lock_texts()
    pending = _still_pending(rendition)
    if pending is None:
        return False
    _end(pending, Rendition.State.CANCELLED)
    _tell_that_voices_changed()
    return True


# --- while it is pending ------------------------------------------------------------------------------------
def needed_clips(rendition: Rendition) -> Sequence[ClipSpec]:
    """The clips that have to be ready before it takes over."""
    return hooks.installed().clips_of_voice(rendition.listener_voice, rendition.spec)


def run_scope(rendition: Rendition) -> str:
    """The key of the run that makes its clips."""
    return f"rendition:{rendition.pk}"


def pending_renditions() -> QuerySet[Rendition]:
    return Rendition.objects.pending().order_by("pk")


def make_pending(*, requested_by: str) -> None:
    """Queue missing clips of all pending renditions again: new texts, or failures that may be over.

    Clips that failed MOST_TRIES times wait for staff.
    """
    for rendition in pending_renditions():
        start_automatic_run(
            run_scope(rendition),
            needed_clips(rendition),
            name=_run_name(rendition),
            requested_by=requested_by,
        )


def continue_takeover(rendition: Rendition, *, requested_by: str) -> None:
    """Make the missing clips, including failed ones, and resume the run if it is paused."""
    resume(_start_run(rendition, requested_by))


def progress_of_takeover(rendition: Rendition) -> Progress:
    """The clips that are ready, missing and failed, and what the run waits for. Writes nothing."""
    planned = plan(needed_clips(rendition))
    run = WarmRun.objects.filter(scope=run_scope(rendition)).first()  # the latest
    failed: list[FailedClip] = []
    waits_for = ""
    if run is not None:
        missing = {clip.pk: clip for clip in planned.missing}
        items = {item.clip_id: item for item in run.items.filter(clip__in=list(missing))}
        failed = [
            FailedClip(missing[pk], item.reason)
            for pk, item in items.items()
            if item.state == WarmItem.State.FAILED
        ]
        waits_for = run.pause_in_words or next(
            (item.reason for item in items.values() if item.state in WarmItem.OPEN and item.reason), ""
        )
    return Progress(rendition, planned, run, tuple(failed), waits_for)


# --- the switch ---------------------------------------------------------------------------------------------
def switch_ready_renditions() -> None:
    """Let every pending rendition whose clips are all ready take over."""
    for rendition in pending_renditions():
        if not plan(needed_clips(rendition)).missing:
            switch_if_ready(rendition)


@transaction.atomic
def switch_if_ready(rendition: Rendition, *, without: Collection[str] = ()) -> bool:
    """Switch the whole voice, unless a clip is missing; False if nothing was switched.

    `without` are content hashes that may be missing: listeners read those words instead.
    """
    hooks.installed().lock_texts()  # first: nobody must publish between the look and the switch
    pending = _still_pending(rendition)
    if pending is None:
        return False
    specs = needed_clips(pending)
    protect(specs)  # before the look, so that a prune cannot delete a clip that was counted as there
    missing = {clip.content_hash for clip in plan(specs).missing}
    if missing - set(without):
        return False
    _switch(pending)
    _tell_that_voices_changed()
    return True


def _switch(rendition: Rendition) -> None:
    live = _of(rendition.listener_voice, "LIVE")
    if live is not None:  # end it first: a constraint allows one live rendition a voice
        _end(live, Rendition.State.PAST)
    rendition.state, rendition.live_at = Rendition.State.LIVE, timezone.now()
    rendition.save(update_fields=["state", "live_at"])
    _cancel_runs(rendition)
    logger.info(
        "The voice %s is played by %s, %s.", rendition.listener_voice, rendition.model, rendition.voice
    )


def _tell_that_voices_changed() -> None:
    hooks.installed().voices_changed()
    transaction.on_commit(forget_renditions)


# --- rows and runs ------------------------------------------------------------------------------------------
def _of(listener_voice: str, state: str) -> Rendition | None:
    rows = Rendition.objects.filter(listener_voice=listener_voice, state=Rendition.State[state])
    return rows.select_for_update().first()


def _still_pending(rendition: Rendition) -> Rendition | None:
    return Rendition.objects.pending().select_for_update().filter(pk=rendition.pk).first()


def _new(listener_voice: str, spec: VoiceRendition, requested_by: str) -> Rendition:
    return Rendition.objects.create(
        listener_voice=listener_voice,
        provider=spec.provider,
        model=spec.model,
        voice=spec.voice,
        audio_format=spec.audio_format,
        speed=spec.speed,
        instructions=spec.instructions,
        requested_by=requested_by,
    )


def _end(rendition: Rendition, state: Rendition.State) -> None:
    rendition.state, rendition.ended_at = state, timezone.now()
    rendition.save(update_fields=["state", "ended_at"])
    _cancel_runs(rendition)


def _cancel_runs(rendition: Rendition) -> None:
    for run in WarmRun.objects.active().filter(scope=run_scope(rendition)):
        cancel(run)


def _start_run(rendition: Rendition, requested_by: str) -> WarmRun:
    return start_run(
        run_scope(rendition), needed_clips(rendition), name=_run_name(rendition), requested_by=requested_by
    )


def _run_name(rendition: Rendition) -> str:
    return f"{rendition.listener_voice}, played by {rendition.voice} ({rendition.model})"[:120]
