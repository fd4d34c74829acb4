"""Publish texts: freeze their words, make their clips, then give listeners both together.

A publication goes live when all its clips are ready. The process that ends a warm run checks that, and so
does a schedule, in case that process was killed.
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
    kind_of_clip,
    makeable_publication_clips,
    makeable_voices,
    making_new_words,
    publication_clips,
    revisions_of,
)
from narratives.publishing.pins import lock_publishing, sync_pins
from narratives.publishing.warming import warm_journey
from narratives.publishing.wishes import close_answered_wishes
from narratives.text.lexicon import Lexicon
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import WarmRun
from ttscache.renditions.current import fixed_renditions
from ttscache.warming import ClipSpec
from ttscache.warming.takeover import make_pending

logger = logging.getLogger(__name__)


# --- publishing ----------------------------------------------------------------------------------------
@transaction.atomic
def publish(
    narratives: Iterable[Narrative], *, requested_by: str = "publishing", at_once: bool = False
) -> list[Publication]:
    """Publish the drafts: create one publication per journey and queue its clips.

    Listeners keep the old words and audio until all new clips are ready. It switches right away with
    `at_once`, and for the first publication of a journey. A publication that waits already is merged in.
    """
    lock_publishing()
    # Read again under the lock: somebody may have published meanwhile.
    fresh = Narrative.objects.filter(pk__in=[narrative.pk for narrative in narratives]).select_related(
        "live", "pending", "journey"
    )
    ahead = [narrative for narrative in share_lexicon(fresh) if narrative.has_unpublished_changes]
    words = {narrative: (narrative.title, narrative.text) for narrative in ahead}
    return _publish(words, requested_by=requested_by, at_once=at_once)


@transaction.atomic
def publish_sounds(*, requested_by: str = "publishing") -> list[Publication]:
    """Publish the current lexicon's pronunciation of published texts. Edited drafts stay drafts."""
    lock_publishing()
    otherwise = said_otherwise(Pronunciation.objects.lexicon())
    words = {narrative: (revision.title, revision.text) for narrative, revision in otherwise}
    share_lexicon(words)
    return _publish(words, requested_by=requested_by)


def said_otherwise(lexicon: Lexicon) -> list[tuple[Narrative, Revision]]:
    """Live or upcoming texts that this lexicon pronounces differently."""
    upcoming = Narrative.objects.filter(
        Q(live__isnull=False) | Q(pending__isnull=False), journey__is_live=True
    )
    return [
        (narrative, revision)
        for narrative in upcoming.select_related("live", "pending", "journey")
        if (revision := narrative.upcoming) is not None and not revision.sounds_as(lexicon)
    ]


@fixed_renditions()  # read after the lock, so no voice can change meanwhile
def _publish(
    words: Mapping[Narrative, tuple[str, str]], *, requested_by: str, at_once: bool = False
) -> list[Publication]:
    publications = []
    for journey in sorted({narrative.journey for narrative in words}, key=lambda journey: journey.pk):
        is_first = not journey.narratives.filter(live__isnull=False).exists()
        chosen = {narrative: said for narrative, said in words.items() if narrative.journey == journey}
        publication = _create_publication(journey, chosen, requested_by)
        if publication is None:
            continue  # the edits were undone, so listeners have these words already
        publications.append(publication)
        if at_once or is_first:
            _switch(publication)
        else:
            _make_or_switch(publication, requested_by=requested_by)
    sync_pins()
    for publication in publications:
        if publication.state == Publication.State.PUBLISHED and publication.journey.is_live:
            # Listeners have it already, so its clips cannot wait for the hourly schedule. In a voice that
            # cannot make clips a try would fail; there, listeners read the new words.
            for voice in makeable_voices():
                warm_journey(publication.journey, voice, requested_by=requested_by)
    if publications:
        make_pending(requested_by=requested_by)  # a voice that is being prepared needs the new clips too
    close_answered_wishes()
    return publications


def _create_publication(
    journey: Journey, words: Mapping[Narrative, tuple[str, str]], requested_by: str
) -> Publication | None:
    """Create a publication of these words and of other waiting texts; None if nothing differs from live."""
    before = journey.waiting
    # A constraint allows one waiting publication per journey, so withdraw the old one first.
    if before is not None:
        _withdraw(before)
    publication = Publication.objects.create(
        journey=journey, number=journey.next_number, requested_by=requested_by
    )
    for narrative, (title, text) in words.items():
        spoken, by_voice = narrative.lexicon.spoken_forms(text, conf().listener_voices)
        said = {"title": title, "text": text, "spoken_text": spoken, "spoken_by_voice": by_voice}
        # The draft may have been edited back to what is live.
        if narrative.live is None or narrative.live.said != said:
            _add_pending_revision(publication, narrative, said)
    taken_along = revisions_of(before).exclude(narrative__in=words) if before is not None else []
    for revision in taken_along:
        _add_pending_revision(publication, revision.narrative, revision.said)
    if publication.revisions.exists():
        return publication
    publication.delete()
    return None


def _add_pending_revision(publication: Publication, narrative: Narrative, said: dict[str, Any]) -> None:
    revision = Revision.objects.create(publication=publication, narrative=narrative, **said)
    Narrative.objects.filter(pk=narrative.pk).update(pending=revision)


# --- waiting -------------------------------------------------------------------------------------------
def make_publication_clips(publication: Publication, *, requested_by: str = "") -> WarmRun:
    """Make the missing clips, and retry those that failed."""
    return warming.start_run(
        publication.scope,
        makeable_publication_clips(publication),
        name=publication.run_name,
        requested_by=requested_by,
    )


def taken_along_with(narratives: Iterable[Narrative]) -> list[ClipSpec]:
    """The clips of waiting texts that publishing these would merge in.

    Leaves out publications whose run is active, because somebody agreed to that price already.
    """
    narratives = list(narratives)
    chosen = {narrative.pk for narrative in narratives}
    with making_new_words() as voices:
        return [
            ClipSpec(revision.speech(voice), kind_of_clip(revision.narrative))
            for before in Publication.objects.waiting().filter(journey__narratives__in=chosen).distinct()
            if not _runs_of(before).exclude(paused_because=WarmRun.Pause.STAFF).exists()
            for revision in revisions_of(before).exclude(narrative__in=chosen).select_related("narrative")
            for voice in voices
        ]


def make_what_waits(*, requested_by: str = "") -> None:
    """Start runs for all waiting publications, to retry failed clips and to follow changed settings.

    Clips that failed MOST_TRIES times wait for staff.
    """
    for publication in Publication.objects.waiting().select_related("journey"):
        warming.start_automatic_run(
            publication.scope,
            makeable_publication_clips(publication),
            name=publication.run_name,
            requested_by=requested_by,
        )


def activate_ready_publications() -> None:
    """Switch every waiting publication whose clips are all ready."""
    for publication in Publication.objects.waiting().select_related("journey"):
        # Most calls find nothing ready, so this first look takes no lock.
        if _is_ready(publication, publication_clips(publication)):
            with transaction.atomic():
                lock_publishing()
                # Look again under the lock: it may have been switched, cancelled or replaced.
                still = (
                    Publication.objects.waiting().filter(pk=publication.pk).select_related("journey").first()
                )
                if still is not None and _switch_if_ready(still):
                    sync_pins()


@transaction.atomic
def publish_anyway(publication: Publication) -> bool:
    """Switch although clips are missing; listeners wait for them. False if it no longer waits."""
    lock_publishing()
    if not Publication.objects.waiting().filter(pk=publication.pk).exists():
        return False
    _switch(publication)
    sync_pins()
    for run in _runs_of(publication):  # staff saw the price when they confirmed
        warming.resume(run, paused_because=WarmRun.Pause.STAFF)
    return True


@transaction.atomic
def withdraw(publication: Publication) -> bool:
    """Cancel a waiting publication; its words stay drafts. False if it no longer waits."""
    lock_publishing()
    if not Publication.objects.waiting().filter(pk=publication.pk).exists():
        return False
    _withdraw(publication)
    sync_pins()
    return True


def mark_withdrawn(publication: Publication) -> None:
    """Mark it as withdrawn and cancel its runs."""
    publication.state = Publication.State.WITHDRAWN
    publication.save(update_fields=["state"])
    for run in _runs_of(publication):
        warming.cancel(run)


def wait_again(publication: Publication, *, requested_by: str) -> None:
    """Let a withdrawn publication wait for its clips again.

    If making them costs money, its run is paused until staff resume it.
    """
    publication.state = Publication.State.WAITING
    publication.save(update_fields=["state"])
    costs_money = warming.plan(makeable_publication_clips(publication)).cost_usd > 0
    run = _make_or_switch(publication, requested_by=requested_by)
    # Callers hold a transaction: run and pause commit together, so no worker takes a clip in between.
    if run is not None and costs_money:
        warming.pause(run, WarmRun.Pause.STAFF)


def resume_publication(publication: Publication, *, requested_by: str = "") -> WarmRun:
    """Make the missing clips, and resume a paused run."""
    run = make_publication_clips(publication, requested_by=requested_by)
    warming.resume(run)  # make_publication_clips may have joined a run that is paused
    return run


def is_paused(publication: Publication) -> bool:
    """Whether staff must resume it before its clips are made."""
    return _runs_of(publication).filter(paused_because=WarmRun.Pause.STAFF).exists()


def _runs_of(publication: Publication) -> QuerySet[WarmRun]:
    return WarmRun.objects.active().filter(scope=publication.scope)


@fixed_renditions()
def _make_or_switch(publication: Publication, *, requested_by: str) -> WarmRun | None:
    """Queue the missing clips; switch at once if there are none or the journey is not live."""
    run = None
    if publication.journey.is_live:
        specs, name = makeable_publication_clips(publication), publication.run_name
        run = warming.queue_missing(publication.scope, specs, name=name, requested_by=requested_by)
    if run is None:
        _switch_if_ready(publication)  # not ready if a clip has to come from a pending rendition
    return run


def _is_ready(publication: Publication, specs: Sequence[ClipSpec]) -> bool:
    """Whether listeners would not have to wait: all clips are ready, or the journey is not live."""
    return not publication.journey.is_live or not warming.plan(specs).missing


@fixed_renditions()
def _switch_if_ready(publication: Publication) -> bool:
    specs = publication_clips(publication)
    warming.protect(specs)  # before the check: a prune could delete a clip that was counted as ready
    if not _is_ready(publication, specs):
        return False
    _switch(publication)
    return True


def _switch(publication: Publication) -> None:
    """Give listeners the words and audio of all texts of this publication."""
    now = timezone.now()
    changing = Narrative.objects.filter(pending__publication=publication)
    # Retire the old revisions before the next statement moves `live`, by which they are found.
    Revision.objects.filter(pk__in=changing.values("live")).update(retired_at=now)
    publication.revisions.update(published_at=now)
    Narrative.objects.filter(pk__in=list(changing.values_list("pk", flat=True))).update(
        live=F("pending"), pending=None
    )
    publication.state, publication.live_at = Publication.State.PUBLISHED, now
    publication.save(update_fields=["state", "live_at"])
    logger.info("Listeners have %s, publication %d.", publication.journey.slug, publication.number)


def _withdraw(publication: Publication) -> None:
    """Turn the texts of a publication into drafts again, including deleted ones."""
    Narrative.everything.filter(pending__publication=publication).update(pending=None)
    mark_withdrawn(publication)
