"""Publish, switch, load, keep pins in step: the deeds that touch several rows.

Publishing fixes the words. Listeners get them, with their sound, once all clips of the publication are there;
who ends a warm run has a look, and so does a schedule.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from narratives.models import (
    BankReflection,
    Journey,
    Narrative,
    Pronunciation,
    Publication,
    Revision,
    share_lexicon,
)
from narratives.text.lexicon import Lexicon
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, Lane, Pin, WarmRun
from ttscache.pinning import replace_pins
from ttscache.warming import ClipSpec

logger = logging.getLogger(__name__)

DEFAULT_CONTENT = Path(__file__).parent / "content" / "default_content.json"


def kind_of_clip(narrative: Narrative) -> ContentType:
    return ContentType.QUESTION if narrative.is_question else ContentType.NARRATIVE


# --- publishing ------------------------------------------------------------------------------------------
@transaction.atomic
def publish(
    narratives: Iterable[Narrative], *, requested_by: str = "publishing", at_once: bool = False
) -> list[Publication]:
    """Have listeners get the draft's words: a publication for each journey, its sound made at once.

    Listeners keep the old words and the old sound until all of the new is there, unless `at_once`; where
    nobody has any words of the journey yet there is nothing to wait for. What waits already is taken along.
    """
    one_at_a_time()
    # Read again, now that nobody else publishes.
    fresh = Narrative.objects.filter(pk__in=[narrative.pk for narrative in narratives]).select_related(
        "live", "pending", "journey"
    )
    ahead = [narrative for narrative in share_lexicon(fresh) if narrative.is_ahead]
    words = {narrative: (narrative.title, narrative.text) for narrative in ahead}
    return _publish(words, requested_by=requested_by, at_once=at_once)


@transaction.atomic
def publish_sounds(*, requested_by: str = "publishing") -> list[Publication]:
    """Have published words said as the lexicon has it now. Drafts with other words stay drafts."""
    one_at_a_time()
    otherwise = said_otherwise(Pronunciation.objects.lexicon())
    words = {narrative: (revision.title, revision.text) for narrative, revision in otherwise}
    share_lexicon(words)
    return _publish(words, requested_by=requested_by)


def said_otherwise(lexicon: Lexicon) -> list[tuple[Narrative, Revision]]:
    """What listeners have, or are about to get, and this lexicon has said otherwise."""
    upcoming = Narrative.objects.filter(
        Q(live__isnull=False) | Q(pending__isnull=False), journey__is_live=True
    )
    return [
        (narrative, revision)
        for narrative in upcoming.select_related("live", "pending", "journey")
        if (revision := narrative.upcoming) is not None and not revision.sounds_as(lexicon)
    ]


def _publish(
    words: Mapping[Narrative, tuple[str, str]], *, requested_by: str, at_once: bool = False
) -> list[Publication]:
    publications = []
    for journey in sorted({narrative.journey for narrative in words}, key=lambda journey: journey.pk):
        is_first = not journey.narratives.filter(live__isnull=False).exists()
        chosen = {narrative: said for narrative, said in words.items() if narrative.journey == journey}
        publication = _fix(journey, chosen, requested_by)
        if publication is None:
            continue  # all of it had been published and is as before again
        publications.append(publication)
        if at_once or is_first:
            _switch(publication)
        elif not _switch_if_ready(publication):
            make(publication, requested_by=requested_by)
    hold_clips()
    for publication in publications:
        if publication.state == Publication.State.LIVE and publication.journey.is_live:
            for voice in conf().listener_voices:
                warm(publication.journey, voice, requested_by=requested_by)
    return publications


def _fix(
    journey: Journey, words: Mapping[Narrative, tuple[str, str]], requested_by: str
) -> Publication | None:
    """A publication of exactly these words, and of what waited besides. None where there is none left."""
    before = journey.waiting
    if before is not None:
        _give_up(before)
    publication = Publication.objects.create(
        journey=journey, number=journey.next_number, requested_by=requested_by
    )
    for narrative, (title, text) in words.items():
        spoken, by_voice = narrative.lexicon.spoken_forms(text, conf().listener_voices)
        said = {"title": title, "text": text, "spoken_text": spoken, "spoken_by_voice": by_voice}
        if narrative.live is None or narrative.live.said != said:
            _await(publication, narrative, said)
    taken_along = given_by(before).exclude(narrative__in=words) if before is not None else []
    for revision in taken_along:
        _await(publication, revision.narrative, revision.said)
    if publication.revisions.exists():
        return publication
    publication.delete()
    return None


def _await(publication: Publication, narrative: Narrative, said: dict[str, Any]) -> None:
    revision = Revision.objects.create(publication=publication, narrative=narrative, **said)
    Narrative.objects.filter(pk=narrative.pk).update(pending=revision)


def one_at_a_time() -> None:
    """Whoever changes what listeners get waits here for those who do so already."""
    list(Journey.everything.select_for_update().order_by("pk"))


# --- waiting ---------------------------------------------------------------------------------------------
def given_by(publication: Publication) -> QuerySet[Revision]:
    """Its texts, without those that have been deleted since."""
    return publication.revisions.filter(narrative__deleted_at__isnull=True)


def clips_of(publication: Publication) -> list[ClipSpec]:
    """All clips of its texts, in every voice that listeners have."""
    return [
        ClipSpec(revision.speech(voice), kind_of_clip(revision.narrative))
        for voice in conf().listener_voices
        for revision in given_by(publication)
        .select_related("narrative")
        .order_by("narrative__position", "pk")
    ]


def make(publication: Publication, *, requested_by: str = "") -> WarmRun:
    """Have what is missing made, also what could not be made before."""
    return warming.start_run(
        publication.scope, clips_of(publication), name=publication.run_name, requested_by=requested_by
    )


def taken_along_with(narratives: Iterable[Narrative]) -> list[ClipSpec]:
    """What waits already and would be published with these: the clips of its other texts, where nobody makes
    them just now, as that has been agreed to."""
    narratives = list(narratives)
    chosen = {narrative.pk for narrative in narratives}
    return [
        ClipSpec(revision.speech(voice), kind_of_clip(revision.narrative))
        for before in Publication.objects.waiting().filter(journey__narratives__in=chosen).distinct()
        if not _is_being_made(before)
        for revision in given_by(before).exclude(narrative__in=chosen).select_related("narrative")
        for voice in conf().listener_voices
    ]


def make_what_waits(*, requested_by: str = "") -> None:
    """The same for all that wait: what failed may be made by now, and with other settings the same words have
    other clips. What has failed too often waits for somebody to ask.
    """
    for publication in Publication.objects.waiting().select_related("journey"):
        warming.start_automatic_run(
            publication.scope, clips_of(publication), name=publication.run_name, requested_by=requested_by
        )


def switch_what_is_ready() -> None:
    """Give listeners every publication whose clips are all there; of each all at once."""
    for publication in Publication.objects.waiting().select_related("journey"):
        if _is_ready(publication):
            with transaction.atomic():
                one_at_a_time()
                still = (
                    Publication.objects.waiting().filter(pk=publication.pk).select_related("journey").first()
                )
                if still is not None and _switch_if_ready(still):
                    hold_clips()


@transaction.atomic
def publish_anyway(publication: Publication) -> bool:
    """Switch at once, whatever is missing: the first listener waits for it. False where it waits no more."""
    one_at_a_time()
    if not Publication.objects.waiting().filter(pk=publication.pk).exists():
        return False
    _switch(publication)
    hold_clips()
    for run in _runs_of(publication):  # what is published is made, and its price has been told
        warming.resume(run, paused_because=WarmRun.Pause.STAFF)
    return True


@transaction.atomic
def withdraw(publication: Publication) -> bool:
    """Take one back that waits; its words are still drafts. False where it waits no more."""
    one_at_a_time()
    if not Publication.objects.waiting().filter(pk=publication.pk).exists():
        return False
    _give_up(publication)
    hold_clips()
    return True


def set_aside(publication: Publication) -> None:
    """Nobody waits for it any more, so no more is made for it either."""
    publication.state = Publication.State.WITHDRAWN
    publication.save(update_fields=["state"])
    for run in _runs_of(publication):
        warming.cancel(run)


def wait_again(publication: Publication, *, requested_by: str) -> None:
    """Have listeners get what was set aside, as soon as its sound is there. What is to be paid for is not
    made before staff let it go on.
    """
    publication.state = Publication.State.WAITING
    publication.save(update_fields=["state"])
    if _switch_if_ready(publication):
        return
    costs_money = warming.plan(clips_of(publication)).cost_usd > 0
    run = make(publication, requested_by=requested_by)
    if costs_money:
        warming.pause(run, WarmRun.Pause.STAFF)


def go_on(publication: Publication, *, requested_by: str = "") -> WarmRun:
    """Have what is missing made, also where that was paused."""
    run = make(publication, requested_by=requested_by)
    warming.resume(run)
    return run


def is_paused(publication: Publication) -> bool:
    """Whether what it waits for is not made before staff let it go on."""
    return _runs_of(publication).filter(paused_because=WarmRun.Pause.STAFF).exists()


def _is_being_made(publication: Publication) -> bool:
    return _runs_of(publication).exclude(paused_because=WarmRun.Pause.STAFF).exists()


def _runs_of(publication: Publication) -> QuerySet[WarmRun]:
    return WarmRun.objects.active().filter(scope=publication.scope)


def _is_ready(publication: Publication) -> bool:
    """Whether listeners lose nothing by it: every clip is there, or nobody can hear the journey."""
    return not publication.journey.is_live or not warming.plan(clips_of(publication)).missing


def _switch_if_ready(publication: Publication) -> bool:
    Clip.objects.keep_from_prune(wanted.speech.content_hash for wanted in clips_of(publication))
    if not _is_ready(publication):
        return False
    _switch(publication)
    return True


def _switch(publication: Publication) -> None:
    """Words and sound, of all its texts."""
    now = timezone.now()
    changing = Narrative.objects.filter(pending__publication=publication)
    Revision.objects.filter(pk__in=changing.values("live")).update(retired_at=now)
    publication.revisions.update(published_at=now)
    Narrative.objects.filter(pk__in=list(changing.values_list("pk", flat=True))).update(
        live=F("pending"), pending=None
    )
    publication.state, publication.live_at = Publication.State.LIVE, now
    publication.save(update_fields=["state", "live_at"])
    logger.info("Listeners have %s, publication %d.", publication.journey.slug, publication.number)


def _give_up(publication: Publication) -> None:
    """Its words are drafts again, also those of a text that is deleted just now."""
    Narrative.everything.filter(pending__publication=publication).update(pending=None)
    set_aside(publication)


# --- what is held ----------------------------------------------------------------------------------------
@transaction.atomic
def hold_clips() -> None:
    """Put every published text on record and set the pins: what is live, what is a draft or waits."""
    one_at_a_time()  # the last word is the latest
    bank = [wanted.speech for wanted in bank_clips(BankReflection.objects.active())]
    wanted: dict[Pin.Reason, set[str]] = {
        Pin.Reason.LIVE: set(),
        Pin.Reason.SYSTEM: set(),
        Pin.Reason.DRAFT: set(),
        Pin.Reason.BANK: {speech.content_hash for speech in bank},
    }
    audible: list[ClipSpec] = []
    for narrative in share_lexicon(Narrative.objects.select_related("live", "pending", "journey")):
        is_live = narrative.live is not None and narrative.journey.is_live
        has_changes = narrative.has_changes
        for voice in conf().listener_voices:
            if narrative.live is not None and is_live:
                speech = narrative.live.speech(voice)
                audible.append(ClipSpec(speech, kind_of_clip(narrative)))
                is_system = narrative.kind == Narrative.Kind.SYSTEM
                wanted[Pin.Reason.SYSTEM if is_system else Pin.Reason.LIVE].add(speech.content_hash)
            if narrative.pending is not None:
                wanted[Pin.Reason.DRAFT].add(narrative.pending.speech(voice).content_hash)
            if has_changes or not is_live:
                wanted[Pin.Reason.DRAFT].add(narrative.draft_speech(voice).content_hash)
    Clip.objects.keep_from_prune(set().union(*wanted.values()))
    warming.record(audible)
    Clip.objects.record_all(bank, ContentType.ANALYSIS, are_shareable=True)
    replace_pins(wanted)


def bank_clips(reflections: Iterable[BankReflection]) -> list[ClipSpec]:
    """What these reflections sound like in every voice that listeners have."""
    lexicon = Pronunciation.objects.lexicon()
    return [
        ClipSpec(reflection.speech(voice, lexicon), ContentType.ANALYSIS)
        for voice in conf().listener_voices
        for reflection in reflections
    ]


def make_bank(reflections: Iterable[BankReflection], *, requested_by: str = "") -> WarmRun:
    """Have what is missing of these made."""
    return warming.start_run("reflection bank", bank_clips(reflections), requested_by=requested_by)


# --- what listeners may hear, made ahead -----------------------------------------------------------------
def published_clips(journey: Journey, voice: str) -> Iterator[ClipSpec]:
    """Everything of a journey that listeners may hear in this voice, in its order."""
    for narrative in journey.narratives.published():
        if narrative.live is not None:
            yield ClipSpec(narrative.live.speech(voice), kind_of_clip(narrative))


def clips_of_live(narrative: Narrative) -> list[ClipSpec]:
    """What listeners hear of one text, in every voice that they have."""
    live, kind = narrative.live, kind_of_clip(narrative)
    return [ClipSpec(live.speech(voice), kind) for voice in conf().listener_voices] if live else []


def all_published_clips(journey: Journey) -> list[ClipSpec]:
    """The same in every voice that listeners have."""
    return [wanted for voice in conf().listener_voices for wanted in published_clips(journey, voice)]


def live_clips(voices: Iterable[str] = ()) -> list[ClipSpec]:
    """Everything of all live journeys, in these voices or in all that listeners have."""
    return [
        wanted
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
        for wanted in published_clips(journey, voice)
    ]


def warm(journey: Journey, voice: str, *, lane: Lane = Lane.SCHEDULED, requested_by: str = "") -> WarmRun:
    """Make what is missing of a journey in this voice, or join the run that does so already.

    Where nothing is missing: the last run that made this voice whole.
    """
    wanted = published_clips(journey, voice)
    return warming.start_run(
        _scope(journey, voice), wanted, name=_run_name(journey, voice), lane=lane, requested_by=requested_by
    )


def is_warming(journey: Journey, voice: str) -> bool:
    return WarmRun.objects.active().filter(scope=_scope(journey, voice)).exists()


def _scope(journey: Journey, voice: str) -> str:
    return f"journey:{journey.pk}:{voice}"


def _run_name(journey: Journey, voice: str) -> str:
    return f"{journey.slug}, {voice}"


def warm_live_journeys(voices: Iterable[str] = (), *, requested_by: str = "") -> list[WarmRun]:
    """The same for all live journeys, in these voices or in all that listeners have."""
    return [
        warm(journey, voice, requested_by=requested_by)
        for journey in Journey.objects.live()
        for voice in voices or conf().listener_voices
    ]


def keep_live_journeys_warm(*, requested_by: str) -> None:
    """The same where nobody has asked: what has failed too often is left until somebody does."""
    for journey in Journey.objects.live():
        for voice in conf().listener_voices:
            wanted = published_clips(journey, voice)
            warming.start_automatic_run(
                _scope(journey, voice), wanted, name=_run_name(journey, voice), requested_by=requested_by
            )


# --- what comes with this project ------------------------------------------------------------------------
def load_default_content(path: Path = DEFAULT_CONTENT) -> Journey | None:
    """Create and publish the journey that comes with this project; None where there is a journey."""
    if Journey.everything.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return create_journey(content, is_default=True)


@transaction.atomic
def create_journey(content: dict[str, Any], *, is_default: bool = False) -> Journey:
    """A journey as it is written down in content/. Nothing is made for one that is not live."""
    described = content["narrative"]
    journey = Journey.objects.create(
        slug=described["slug"],
        title=described["title"],
        language=described["language"],
        is_live=described["status"] == "published",
        is_default=is_default,
    )
    publish(
        [
            Narrative.objects.create(journey=journey, position=position, **fields)
            for position, fields in enumerate(_narratives_in(content))
        ],
        requested_by="first load",
    )
    return journey


def _narratives_in(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kinds = Narrative.Kind
    yield {"kind": kinds.INTRO, "slug": "intro", "title": "Welcome", "text": content["narrative"]["intro"]}
    for question in sorted(content["questions"], key=lambda question: question["order"]):
        known = ("slug", "title", "text", "stage", "theme")
        fields = {name: question[name] for name in known if name in question}
        yield {"kind": kinds.QUESTION, **fields}
    yield {"kind": kinds.OUTRO, "slug": "outro", "title": "Thank you", "text": content["narrative"]["outro"]}
    for slug, text in content["system_clips"].items():
        yield {"kind": kinds.SYSTEM, "slug": slug, "title": slug.replace("_", " ").capitalize(), "text": text}
