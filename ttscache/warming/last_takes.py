"""Last takes: all clips that a voice may still need, made before its model is switched off.

The app above names the texts: published, waiting, drafts, system clips and the reflection bank. This module
adds the shareable reflections, which include the most requested ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db import transaction

from ttscache import hooks
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, WarmRun
from ttscache.renditions import retirement
from ttscache.renditions.current import live_rendition, request_for
from ttscache.speech import ClipSpec
from ttscache.warming.plan import Plan, plan
from ttscache.warming.runs import protect, start_run


@dataclass(frozen=True, slots=True)
class LastTakes:
    """The clips for all listener voices whose model retires. `shareable` are the reflections among them."""

    planned: Plan
    shareable: frozenset[str] = frozenset()  # content hashes


def retiring_models() -> list[str]:
    """The models that listeners hear now and that will be switched off, the soonest first. Raises Error."""
    models = {live_rendition(voice).model for voice in conf().listener_voices}
    days = {model: retirement.shutdown_date(model) for model in models if not retirement.is_retired(model)}
    return [model for _, model in sorted((day, model) for model, day in days.items() if day is not None)]


def find_last_takes() -> LastTakes:
    """Plan the last takes; empty if no listener voice is about to be switched off. Raises Error."""
    retiring = frozenset(retiring_models())
    if not retiring:
        return LastTakes(Plan(()))
    texts = list(hooks.installed().texts_to_keep())
    reflections = _shareable_reflections({spec.speech.text for spec in texts})
    planned = plan(spec for spec in (*texts, *reflections) if spec.speech.model in retiring)
    # A text on record as a person's own words is never stored, so its clip would be paid for in vain.
    clips = tuple(clip for clip in planned.clips if clip.content_type != ContentType.RESPONSE)
    return LastTakes(Plan(clips), frozenset(spec.speech.content_hash for spec in reflections))


def make_last_takes(takes: LastTakes, *, requested_by: str) -> list[WarmRun]:
    """Start a run for each model, or join its active run."""
    by_model: defaultdict[str, list[ClipSpec]] = defaultdict(list)
    for clip in takes.planned.clips:
        by_model[clip.model].append(ClipSpec(clip.request, clip.content_type))
    return [_make(model, specs, takes.shareable, requested_by) for model, specs in by_model.items()]


@transaction.atomic
def _make(model: str, specs: list[ClipSpec], shareable: frozenset[str], requested_by: str) -> WarmRun:
    protect(specs)
    # A text is fit for others in any voice. Record that first: a listener may request the clip meanwhile.
    reflections = (spec.speech for spec in specs if spec.speech.content_hash in shareable)
    Clip.objects.record_all(reflections, ContentType.ANALYSIS, are_shareable=True)
    return start_run(
        f"last-takes:{model}"[:120], specs, name=f"Last takes, {model}"[:120], requested_by=requested_by
    )


def _shareable_reflections(known_texts: set[str]) -> list[ClipSpec]:
    """Shareable texts on record in any voice, for all voices.

    Texts of the bank are in `known_texts`: their lexicon differs by voice, so they come ready from above.
    """
    shared = Clip.objects.filter(content_type=ContentType.ANALYSIS, is_shareable=True)
    texts = shared.order_by("content_text").values_list("content_text", flat=True).distinct()
    return [
        ClipSpec(request_for(text, voice), ContentType.ANALYSIS)
        for voice in conf().listener_voices
        for text in texts
        if text not in known_texts
    ]
