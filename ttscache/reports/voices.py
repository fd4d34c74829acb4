"""Listener voices: the rendition that plays each, the candidates, and the past ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, QuerySet, Sum

from ttscache import hooks
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, Pin, Rendition
from ttscache.price_list import TOKEN_PRICES
from ttscache.renditions.current import fixed_renditions, live_rendition
from ttscache.renditions.retirement import (
    can_still_be_made,
    days_left,
    offered_speech_models,
    outlooks,
    retires_on,
)
from ttscache.speech import EMBEDDED_MODEL, OPENAI_VOICES, REALTIME_VOICES, VoiceRendition, is_realtime
from ttscache.warming import ClipSpec, Plan, plan
from ttscache.warming.rendition_switch import Progress, progress_of_takeover

# A greeting and a question, as a listener hears them.
SAMPLES = (
    "Welcome. I am so glad that you are here today.",
    "When you think of the home you grew up in, which room do you see first?",
)
MOST_PAST = 10  # renditions shown for each voice


@dataclass(frozen=True, slots=True)
class PastRendition:
    """A rendition that no longer plays: how many of its clips are left, and which pins hold them."""

    rendition: Rendition
    clips: int
    stored_bytes: int
    held: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ListenerVoice:
    """A voice that listeners choose: the renditions that play it now, next, and played it before."""

    name: str
    live: VoiceRendition
    row: Rendition | None  # none before the first start has recorded it
    planned: Plan  # all clips that listeners may hear in it
    takeover: Progress | None
    past: tuple[PastRendition, ...]

    @property
    def ready(self) -> int:
        return len(self.planned.clips) - len(self.planned.missing)

    @property
    def retires_on(self) -> date | None:
        return retires_on(self.live)

    @property
    def days_left(self) -> int | None:
        """Days until new clips can no longer be made; 0 from that day on, None if no day is known."""
        return days_left(self.live.model) if self.live.provider != "embedded" else None

    @property
    def has_last_takes(self) -> bool:
        """Whether its shutdown day is known, and clips can still be made until then."""
        return bool(self.days_left) and can_still_be_made(self.live)


@dataclass(frozen=True, slots=True)
class VoiceCandidate:
    """A rendition that could play a listener voice, with its sample clips."""

    spec: VoiceRendition
    samples: tuple[Clip, ...]
    is_live: bool
    is_pending: bool

    @property
    def are_made(self) -> bool:
        return all(clip.is_ready for clip in self.samples)


@fixed_renditions()  # reads the renditions anew: this process may remember old ones
def listener_voices() -> list[ListenerVoice]:
    return [listener_voice(name) for name in conf().listener_voices]


@fixed_renditions()
def listener_voice(name: str) -> ListenerVoice:
    rows = Rendition.objects.filter(listener_voice=name)
    live = live_rendition(name)
    pending = rows.pending().first()
    ended = [Rendition.State.PAST, Rendition.State.CANCELLED]
    return ListenerVoice(
        name=name,
        live=live,
        row=rows.live().first(),
        planned=plan(hooks.installed().clips_of_voice(name, live)),
        takeover=progress_of_takeover(pending) if pending is not None else None,
        past=tuple(_past(row) for row in rows.filter(state__in=ended).order_by("-ended_at")[:MOST_PAST]),
    )


def models_to_choose() -> list[str]:
    """The models that staff can choose, the settings' model first and the embedded one last.

    In between are models with a price, and speech models of the provider's list as it was last read. Retired
    models are left out. Without a key, only the embedded model is left. Reads only the database.
    """
    given = conf()
    if not given.openai_api_key:
        return [EMBEDDED_MODEL]
    known = dict.fromkeys([given.model_by_settings, *given.prices, *TOKEN_PRICES, *offered_speech_models()])
    offered = (each.model for each in outlooks(known) if not each.is_retired)
    return [*(model for model in offered if model != EMBEDDED_MODEL), EMBEDDED_MODEL]


@fixed_renditions()
def candidates(listener_voice: str, model: str) -> list[VoiceCandidate]:
    """Every voice of this model, with its samples. Three queries."""
    live = live_rendition(listener_voice)
    pending = Rendition.objects.pending().filter(listener_voice=listener_voice).first()
    specs = [candidate_spec(model, voice) for voice in voices_of(model)]
    known = {clip.content_hash: clip for clip in plan(sample_specs(specs)).clips}
    return [
        VoiceCandidate(
            spec=spec,
            samples=tuple(known[each.speech.content_hash] for each in sample_specs([spec])),
            is_live=spec == live,
            is_pending=pending is not None and spec == pending.spec,
        )
        for spec in specs
    ]


def candidate_spec(model: str, voice: str) -> VoiceRendition:
    given = conf()
    provider = "embedded" if model == EMBEDDED_MODEL else "openai"
    return VoiceRendition(provider=provider, model=model, voice=voice, audio_format=given.audio_format)


def voices_of(model: str) -> list[str]:
    """The known voices of this model, after those of TTS_VOICES, where a private server lists its own."""
    known = REALTIME_VOICES if is_realtime(model) else OPENAI_VOICES
    own = () if model == EMBEDDED_MODEL else conf().voices_by_role.values()
    return list(dict.fromkeys([*own, *known]))


def sample_specs(specs: list[VoiceRendition]) -> list[ClipSpec]:
    return [ClipSpec(spec.request(text), ContentType.NARRATIVE) for spec in specs for text in SAMPLES]


def switch_plan(listener_voice: str, spec: VoiceRendition) -> Plan:
    """The clips that have to be ready before this rendition can play the voice."""
    return plan(hooks.installed().clips_of_voice(listener_voice, spec))


def clips_there_of(spec: VoiceRendition) -> QuerySet[Clip]:
    """The clips of this rendition that play without a provider call."""
    return Clip.objects.with_audio().filter(
        model=spec.model,
        voice=spec.voice,
        audio_format=spec.audio_format,
        speed=spec.speed,
        instructions=spec.instructions,
    )


def _past(rendition: Rendition) -> PastRendition:
    clips = clips_there_of(rendition.spec)
    figures = clips.order_by().aggregate(clips=Count("pk"), bytes=Sum("stored_size"))
    held = Pin.objects.in_force().filter(content_hash__in=clips.values("content_hash"))
    reasons = Counter(dict(held.order_by().values_list("reason").annotate(Count("pk"))))
    labels = tuple((str(Pin.Reason(reason).label), number) for reason, number in reasons.most_common())
    return PastRendition(rendition, figures["clips"], figures["bytes"] or 0, labels)
