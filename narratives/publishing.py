"""Publish, load, keep pins in step: the deeds that touch several rows."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from narratives.models import Journey, Narrative, Revision
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, Lane, Pin, WarmRun
from ttscache.pinning import replace_pins
from ttscache.warming import Wanted

logger = logging.getLogger(__name__)

DEFAULT_CONTENT = Path(__file__).parent / "content" / "default_content.json"


def kind_of_clip(narrative: Narrative) -> ContentType:
    return ContentType.QUESTION if narrative.is_question else ContentType.NARRATIVE


@transaction.atomic
def publish(narratives: Iterable[Narrative], *, asked_by: str = "publishing") -> None:
    """Give listeners the draft's words from now on, and have what they sound like made.

    Words that have not changed stay as they are.
    """
    now = timezone.now()
    for narrative in narratives:
        if not narrative.has_changes:
            continue
        if narrative.live is not None:
            Revision.objects.filter(pk=narrative.live.pk).update(retired_at=now)
        narrative.live = Revision.objects.create(
            narrative=narrative, title=narrative.title, text=narrative.text, spoken_text=narrative.text
        )
        narrative.save(update_fields=["live"])
    hold_clips()
    warm_live_journeys(asked_by=asked_by)


@transaction.atomic
def hold_clips() -> None:
    """Put every published text on record and set the pins: what is live, what is a draft."""
    list(Journey.objects.select_for_update().order_by("pk"))  # one at a time: the last word is the latest
    wanted: dict[Pin.Reason, set[str]] = {
        Pin.Reason.LIVE: set(),
        Pin.Reason.SYSTEM: set(),
        Pin.Reason.DRAFT: set(),
    }
    audible: list[Wanted] = []
    for narrative in Narrative.objects.select_related("live", "journey"):
        is_live = narrative.live is not None and narrative.journey.is_live
        for voice in conf().listener_voices:
            if narrative.live is not None and is_live:
                speech = narrative.live.speech(voice)
                audible.append(Wanted(speech, kind_of_clip(narrative)))
                is_system = narrative.kind == Narrative.Kind.SYSTEM
                wanted[Pin.Reason.SYSTEM if is_system else Pin.Reason.LIVE].add(speech.content_hash)
            if narrative.has_changes or not is_live:
                wanted[Pin.Reason.DRAFT].add(narrative.draft_speech(voice).content_hash)
    Clip.objects.keep_from_prune(set().union(*wanted.values()))
    warming.record(audible)
    replace_pins(wanted)


def published_clips(journey: Journey, voice: str) -> Iterator[Wanted]:
    """Everything of a journey that listeners may hear in this voice, in its order."""
    for narrative in journey.narratives.published():
        if narrative.live is not None:
            yield Wanted(narrative.live.speech(voice), kind_of_clip(narrative))


def all_published_clips(journey: Journey) -> list[Wanted]:
    """The same in every voice that listeners have."""
    return [wanted for voice in conf().listener_voices for wanted in published_clips(journey, voice)]


def live_clips(voices: Iterable[str] = ()) -> list[Wanted]:
    """Everything of all live journeys, in these voices or in all that listeners have."""
    return [
        wanted
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
        for wanted in published_clips(journey, voice)
    ]


def warm(journey: Journey, voice: str, *, lane: Lane = Lane.SCHEDULED, asked_by: str = "") -> WarmRun:
    """Make what is missing of a journey in this voice, or join the run that does so already.

    Where nothing is missing: the last run that made this voice whole.
    """
    wanted = published_clips(journey, voice)
    return warming.start_run(_scope(journey, voice), wanted, lane=lane, asked_by=asked_by)


def is_warming(journey: Journey, voice: str) -> bool:
    return WarmRun.objects.active().filter(scope=_scope(journey, voice)).exists()


def _scope(journey: Journey, voice: str) -> str:
    return f"{journey.slug}, {voice}"


def warm_live_journeys(voices: Iterable[str] = (), *, asked_by: str = "") -> list[WarmRun]:
    """The same for all live journeys, in these voices or in all that listeners have."""
    return [
        warm(journey, voice, asked_by=asked_by)
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
    ]


def load_default_content(path: Path = DEFAULT_CONTENT) -> Journey | None:
    """Create and publish the journey that comes with this project; None where there is a journey."""
    if Journey.objects.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    with transaction.atomic():
        described = content["narrative"]
        journey = Journey.objects.create(
            slug=described["slug"],
            title=described["title"],
            language=described["language"],
            is_live=described["status"] == "published",
            is_default=True,
        )
        narratives = [
            Narrative.objects.create(journey=journey, position=position, **fields)
            for position, fields in enumerate(_narratives_in(content))
        ]
        publish(narratives)
    return journey


def _narratives_in(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kinds = Narrative.Kind
    yield {"kind": kinds.INTRO, "slug": "intro", "title": "Welcome", "text": content["narrative"]["intro"]}
    for question in sorted(content["questions"], key=lambda question: question["order"]):
        fields = {name: question[name] for name in ("slug", "title", "text", "stage", "theme")}
        yield {"kind": kinds.QUESTION, **fields}
    yield {"kind": kinds.OUTRO, "slug": "outro", "title": "Thank you", "text": content["narrative"]["outro"]}
    for slug, text in content["system_clips"].items():
        yield {"kind": kinds.SYSTEM, "slug": slug, "title": slug.replace("_", " ").capitalize(), "text": text}
