"""Publish texts: fix their words, have their clips made, and give listeners both at once.

Listeners get a publication once all of its clips are there. The process that ends a warm run looks whether
that is so, and a schedule does too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from narratives.models import Journey, Narrative, Pronunciation, Publication, Revision, share_lexicon
from narratives.publishing.clips import (
    clips_of,
    given_by,
    kind_of_clip,
    makeable_clips_of,
    makeable_voices,
    making_new_words,
)
from narratives.publishing.pins import lock_publishing, sync_pins
from narratives.publishing.warming import warm_journey
from narratives.text.lexicon import Lexicon
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import WarmRun
from ttscache.renditions.current import playing
from ttscache.warming import ClipSpec
from ttscache.warming.takeover import make_pending

logger = logging.getLogger(__name__)


# --- publishing ------------------------------------------------------------------------------------------
@transaction.atomic
def publish(
    narratives: Iterable[Narrative], *, requested_by: str = "publishing", at_once: bool = False
) -> list[Publication]:
    """Have listeners get the draft's words: a publication for each journey, its sound made at once.

    Listeners keep the old words and the old sound until all of the new is there, unless `at_once`; where
    nobody has any words of the journey yet there is nothing to wait for. What waits already is taken along.
    """
    lock_publishing()
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
    lock_publishing()
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


@playing()  # read after the lock, so that no voice is switched meanwhile
def _publish(
    words: Mapping[Narrative, tuple[str, str]], *, requested_by: str, at_once: bool = False
) -> list[Publication]:
    publications = []
    for journey in sorted({narrative.journey for narrative in words}, key=lambda journey: journey.pk):
        is_first = not journey.narratives.filter(live__isnull=False).exists()
        chosen = {narrative: said for narrative, said in words.items() if narrative.journey == journey}
        publication = _create_publication(journey, chosen, requested_by)
        if publication is None:
            continue  # all of it had been published and is as before again
        publications.append(publication)
        if at_once or is_first:
            _switch(publication)
        else:
            _make_or_switch(publication, requested_by=requested_by)
    sync_pins()
    for publication in publications:
        if publication.state == Publication.State.LIVE and publication.journey.is_live:
            for voice in makeable_voices():  # in another one a try would fail: listeners read the new words
                warm_journey(publication.journey, voice, requested_by=requested_by)
    if publications:
        make_pending(requested_by=requested_by)  # a voice that is being prepared says the new words as well
    return publications


def _create_publication(
    journey: Journey, words: Mapping[Narrative, tuple[str, str]], requested_by: str
) -> Publication | None:
    """A publication of exactly these words, and of what waited besides. None where there is none left."""
    before = journey.waiting
    if before is not None:
        _withdraw(before)
    publication = Publication.objects.create(
        journey=journey, number=journey.next_number, requested_by=requested_by
    )
    for narrative, (title, text) in words.items():
        spoken, by_voice = narrative.lexicon.spoken_forms(text, conf().listener_voices)
        said = {"title": title, "text": text, "spoken_text": spoken, "spoken_by_voice": by_voice}
        if narrative.live is None or narrative.live.said != said:
            _add_pending_revision(publication, narrative, said)
    taken_along = given_by(before).exclude(narrative__in=words) if before is not None else []
    for revision in taken_along:
        _add_pending_revision(publication, revision.narrative, revision.said)
    if publication.revisions.exists():
        return publication
    publication.delete()
    return None


def _add_pending_revision(publication: Publication, narrative: Narrative, said: dict[str, Any]) -> None:
    revision = Revision.objects.create(publication=publication, narrative=narrative, **said)
    Narrative.objects.filter(pk=narrative.pk).update(pending=revision)


# --- waiting ---------------------------------------------------------------------------------------------
def make(publication: Publication, *, requested_by: str = "") -> WarmRun:
    """Have what is missing made, also what could not be made before."""
    return warming.start_run(
        publication.scope,
        makeable_clips_of(publication),
        name=publication.run_name,
        requested_by=requested_by,
    )


def taken_along_with(narratives: Iterable[Narrative]) -> list[ClipSpec]:
    """What waits already and would be published with these: the clips of its other texts, where nobody makes
    them just now, as that has been agreed to."""
    narratives = list(narratives)
    chosen = {narrative.pk for narrative in narratives}
    with making_new_words() as voices:
        return [
            ClipSpec(revision.speech(voice), kind_of_clip(revision.narrative))
            for before in Publication.objects.waiting().filter(journey__narratives__in=chosen).distinct()
            if not _is_being_made(before)
            for revision in given_by(before).exclude(narrative__in=chosen).select_related("narrative")
            for voice in voices
        ]


def make_what_waits(*, requested_by: str = "") -> None:
    """Start runs for all that wait: a clip that failed may be made by now, and with other settings the same
    words have other clips. Clips that failed too often wait for staff.
    """
    for publication in Publication.objects.waiting().select_related("journey"):
        warming.start_automatic_run(
            publication.scope,
            makeable_clips_of(publication),
            name=publication.run_name,
            requested_by=requested_by,
        )


def activate_ready_publications() -> None:
    """Give listeners every publication whose clips are all there; of each all at once."""
    for publication in Publication.objects.waiting().select_related("journey"):
        if _is_ready(publication, clips_of(publication)):
            with transaction.atomic():
                lock_publishing()
                still = (
                    Publication.objects.waiting().filter(pk=publication.pk).select_related("journey").first()
                )
                if still is not None and _switch_if_ready(still):
                    sync_pins()


@transaction.atomic
def publish_anyway(publication: Publication) -> bool:
    """Switch at once, whatever is missing: the first listener waits for it. False where it waits no more."""
    lock_publishing()
    if not Publication.objects.waiting().filter(pk=publication.pk).exists():
        return False
    _switch(publication)
    sync_pins()
    for run in _runs_of(publication):  # what is published is made, and its price has been told
        warming.resume(run, paused_because=WarmRun.Pause.STAFF)
    return True


@transaction.atomic
def withdraw(publication: Publication) -> bool:
    """Take one back that waits; its words are still drafts. False where it waits no more."""
    lock_publishing()
    if not Publication.objects.waiting().filter(pk=publication.pk).exists():
        return False
    _withdraw(publication)
    sync_pins()
    return True


def mark_withdrawn(publication: Publication) -> None:
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
    costs_money = warming.plan(makeable_clips_of(publication)).cost_usd > 0
    run = _make_or_switch(publication, requested_by=requested_by)
    if run is not None and costs_money:
        warming.pause(run, WarmRun.Pause.STAFF)


def resume_publication(publication: Publication, *, requested_by: str = "") -> WarmRun:
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


@playing()
def _make_or_switch(publication: Publication, *, requested_by: str) -> WarmRun | None:
    """Queue its missing clips; without any, or where nobody can hear the journey, switch at once."""
    run = None
    if publication.journey.is_live:
        specs, name = makeable_clips_of(publication), publication.run_name
        run = warming.queue_missing(publication.scope, specs, name=name, requested_by=requested_by)
    if run is None:
        _switch_if_ready(publication)  # what nobody can make any more waits for another rendition
    return run


def _is_ready(publication: Publication, specs: Sequence[ClipSpec]) -> bool:
    """Whether a switch loses listeners nothing: every clip is there, or nobody can hear the journey."""
    return not publication.journey.is_live or not warming.plan(specs).missing


@playing()
def _switch_if_ready(publication: Publication) -> bool:
    specs = clips_of(publication)
    warming.protect(specs)  # before the look, so that a prune cannot delete a clip that was counted as there
    if not _is_ready(publication, specs):
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


def _withdraw(publication: Publication) -> None:
    """Its words are drafts again, also those of a text that is deleted just now."""
    Narrative.everything.filter(pending__publication=publication).update(pending=None)
    mark_withdrawn(publication)
