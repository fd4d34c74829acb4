"""Make clips before listeners ask for them."""

from __future__ import annotations

from collections.abc import Iterable

from narratives.models import BankReflection, Journey
from narratives.publishing.clips import bank_clips, journey_clips_in_voice
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
    """Make the missing clips of a journey in this voice, or join the active run that does.

    Pass `specs` if the caller has the published clips already. If no clip is missing, this returns the last
    run of this journey and voice.
    """
    if specs is None:
        specs = journey_clips_in_voice(journey, voice)
    scope, name = _scope(journey, voice), _run_name(journey, voice)
    return start_run(scope, specs, name=name, lane=lane, requested_by=requested_by)


def is_warming(journey: Journey, voice: str) -> bool:
    return WarmRun.objects.active().filter(scope=_scope(journey, voice)).exists()


def _scope(journey: Journey, voice: str) -> str:
    # One scope per journey and voice: a second request joins the active run instead of paying twice.
    return f"journey:{journey.pk}:{voice}"


def _run_name(journey: Journey, voice: str) -> str:
    return f"{journey.slug}, {voice}"


def warm_live_journeys(voices: Iterable[str] = (), *, requested_by: str = "") -> list[WarmRun]:
    """Make the missing clips of all live journeys, in these voices or in every listener voice."""
    return [
        warm_journey(journey, voice, requested_by=requested_by)
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
    ]


def keep_live_journeys_warm(*, requested_by: str) -> None:
    """Make missing clips on schedule: clips that failed too often wait until staff ask for them."""
    for journey in Journey.objects.live():
        for voice in conf().listener_voices:
            scope, name = _scope(journey, voice), _run_name(journey, voice)
            specs = journey_clips_in_voice(journey, voice)
            start_automatic_run(scope, specs, name=name, requested_by=requested_by)


def make_bank(reflections: Iterable[BankReflection], *, requested_by: str = "") -> WarmRun:
    return start_run("reflection bank", bank_clips(reflections), requested_by=requested_by)
