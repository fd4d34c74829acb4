"""Publish texts: freeze their words, make their clips, then give listeners both together.

A publication goes live when all its clips are ready. The process that ends a warm run checks that, and so
does a schedule, in case that process was killed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from narratives.models import Journey, Narrative, Publication, PublicationEntry, Revision
from narratives.publishing.clips import makeable_publication_clips, makeable_voices, publication_clips
from narratives.publishing.next_versions import (
    NextVersion,
    VersionLine,
    version_of_draft,
    versions_of_chosen,
    versions_of_sounds,
)
from narratives.publishing.pins import lock_publishing, sync_pins
from narratives.publishing.warming import warm_journey
from narratives.publishing.wishes import close_answered_wishes
from ttscache import warming
from ttscache.models import WarmRun
from ttscache.renditions.current import fixed_renditions
from ttscache.warming import ClipSpec
from ttscache.warming.rendition_switch import make_pending

logger = logging.getLogger(__name__)


# --- publishing ----------------------------------------------------------------------------------------
@transaction.atomic
def publish_journey(
    journey: Journey, *, requested_by: str = "publishing", at_once: bool = False
) -> list[Publication]:
    """Publish the whole draft: words, order, kinds, and which texts there are. One publication or none.

    Listeners keep the old version until all new clips are ready. It switches right away with `at_once`, if
    no clip is missing, and for the first publication of a journey. A publication that waits is replaced.
    """
    lock_publishing()
    version = version_of_draft(journey)  # read under the lock: somebody may have published meanwhile
    wanted = [] if version.changes.is_empty else [version]
    return _publish(wanted, requested_by=requested_by, at_once=at_once)


@transaction.atomic
def publish(
    narratives: Iterable[Narrative], *, requested_by: str = "publishing", at_once: bool = False
) -> list[Publication]:
    """Publish the drafts of these texts: one publication per journey, which keeps its other texts.

    Switches as `publish_journey` does. A publication that waits already is merged in.
    """
    lock_publishing()
    # Read again under the lock: somebody may have published or deleted meanwhile.
    fresh = Narrative.objects.filter(pk__in=[narrative.pk for narrative in narratives])
    versions = versions_of_chosen(fresh.select_related("journey"))
    wanted = [version for version in versions if version.changes.texts]
    return _publish(wanted, requested_by=requested_by, at_once=at_once)


@transaction.atomic
def publish_sounds(*, requested_by: str = "publishing") -> list[Publication]:
    """Publish the current lexicon's pronunciation of published texts. Edited drafts stay drafts."""
    lock_publishing()
    return _publish(versions_of_sounds(), requested_by=requested_by)


def next_version(journey: Journey) -> NextVersion:
    """The version that `publish_journey` would publish, to show and to price it."""
    version = version_of_draft(journey)
    return replace(version, agreed=_texts_agreed_to(journey))


def next_versions(narratives: Iterable[Narrative]) -> list[NextVersion]:
    """The versions that `publish` would publish of these texts, to show and to price it."""
    return [
        replace(version, agreed=_texts_agreed_to(version.journey))
        for version in versions_of_chosen(narratives)
    ]


def _texts_agreed_to(journey: Journey) -> frozenset[int]:
    """The texts of a waiting publication whose run is active: somebody agreed to that price already."""
    waiting = journey.waiting
    if waiting is None or not _runs_of(waiting).exclude(paused_because=WarmRun.Pause.STAFF).exists():
        return frozenset()
    return frozenset(waiting.revisions.values_list("narrative", flat=True))


@fixed_renditions()  # read after the lock, so no voice can change meanwhile
def _publish(
    versions: Iterable[NextVersion], *, requested_by: str, at_once: bool = False
) -> list[Publication]:
    publications = []
    for version in sorted(versions, key=lambda version: version.journey.pk):
        publication = _create_publication(version, requested_by)
        if publication is None:
            continue  # the edits were undone, so listeners have exactly this already
        publications.append(publication)
        if at_once or not version.live:
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


def _create_publication(version: NextVersion, requested_by: str) -> Publication | None:
    """Create the publication of this version; None if listeners have all of it."""
    journey = version.journey
    before = journey.waiting
    # A constraint allows one waiting publication per journey, so withdraw the old one first.
    if before is not None:
        _withdraw(before)
    if version.is_live_already:
        return None
    publication = Publication.objects.create(
        journey=journey, number=journey.next_number, requested_by=requested_by
    )
    live = version.live_revisions
    entries = []
    for position, line in enumerate(version.lines):
        revision = live.get(line.narrative.pk)
        if revision is None or revision.said != line.said:
            revision = _add_pending_revision(publication, line)
        entries.append(
            PublicationEntry(
                publication=publication,
                narrative=line.narrative,
                revision=revision,
                position=position,
                kind=line.kind,
                slug=line.slug,
                theme=line.theme,
            )
        )
    PublicationEntry.objects.bulk_create(entries)
    return publication


def _add_pending_revision(publication: Publication, line: VersionLine) -> Revision:
    revision = Revision.objects.create(publication=publication, narrative=line.narrative, **line.said)
    # Deleted drafts too: listeners keep the text until its deletion is published.
    Narrative.everything.filter(pk=line.narrative.pk).update(pending=revision)
    return revision


# --- waiting -------------------------------------------------------------------------------------------
def make_publication_clips(publication: Publication, *, requested_by: str = "") -> WarmRun:
    """Make the missing clips, and retry those that failed."""
    return warming.start_run(
        publication.scope,
        makeable_publication_clips(publication),
        name=publication.run_name,
        requested_by=requested_by,
    )


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
    """Give listeners this version instead of the one before, words and audio of all its texts."""
    now = timezone.now()
    before = Publication.objects.live().filter(journey=publication.journey_id)
    kept = publication.entries.values("revision")
    dropped = list(
        PublicationEntry.objects.filter(publication__in=before)
        .exclude(revision__in=kept)
        .values_list("revision", flat=True)
    )
    # A constraint allows one live publication per journey, so retire the old one first.
    before.update(retired_at=now)
    Revision.objects.filter(pk__in=dropped).update(retired_at=now)
    Narrative.everything.filter(live__in=dropped).update(live=None)
    publication.revisions.update(published_at=now)
    Narrative.everything.filter(pending__publication=publication).update(live=F("pending"), pending=None)
    publication.state, publication.live_at = Publication.State.PUBLISHED, now
    publication.save(update_fields=["state", "live_at"])
    logger.info("Listeners have %s, publication %d.", publication.journey.slug, publication.number)


def _withdraw(publication: Publication) -> None:
    """Turn the texts of a publication into drafts again, including deleted ones."""
    Narrative.everything.filter(pending__publication=publication).update(pending=None)
    mark_withdrawn(publication)
