"""Make the clips that listeners may hear, ahead of their requests."""

from __future__ import annotations

from collections.abc import Iterable

from narratives.models import BankReflection, Journey
from narratives.publishing.clips import bank_clips, published_clips
from ttscache.conf import conf
from ttscache.models import Lane, WarmRun
from ttscache.warming import ClipSpec, start_automatic_run, start_run


def warm_journey(
    journey: Journey,
    voice: str,
    *,
    specs: Iterable[ClipSpec] | None = None,
    lane: Lane = Lane.SCHEDULED,
    requested_by: str = "",
) -> WarmRun:
    """Make what is missing of a journey in this voice, or join the run that does so already.

    `specs`: its published clips, where the caller has them. Where nothing is missing, this returns the last
    run that made this voice whole.
    """
    if specs is None:
        specs = published_clips(journey, voice)
    scope, name = _scope(journey, voice), _run_name(journey, voice)
    return start_run(scope, specs, name=name, lane=lane, requested_by=requested_by)


def is_warming(journey: Journey, voice: str) -> bool:
    return WarmRun.objects.active().filter(scope=_scope(journey, voice)).exists()


def _scope(journey: Journey, voice: str) -> str:
    return f"journey:{journey.pk}:{voice}"


def _run_name(journey: Journey, voice: str) -> str:
    return f"{journey.slug}, {voice}"


def warm_live_journeys(voices: Iterable[str] = (), *, requested_by: str = "") -> list[WarmRun]:
    """The same for all live journeys, in these voices or in all that listeners have."""
    return [
        warm_journey(journey, voice, requested_by=requested_by)
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
    ]


def keep_live_journeys_warm(*, requested_by: str) -> None:
    """The same where nobody has asked: what has failed too often is left until somebody does."""
    for journey in Journey.objects.live():
        for voice in conf().listener_voices:
            scope, name = _scope(journey, voice), _run_name(journey, voice)
            specs = published_clips(journey, voice)
            start_automatic_run(scope, specs, name=name, requested_by=requested_by)


def make_bank(reflections: Iterable[BankReflection], *, requested_by: str = "") -> WarmRun:
    return start_run("reflection bank", bank_clips(reflections), requested_by=requested_by)
