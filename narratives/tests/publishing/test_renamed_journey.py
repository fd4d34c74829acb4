"""A journey keeps its runs, and what was paid for them, when staff change its slug."""

from __future__ import annotations

import pytest

from narratives import publishing
from narratives.admin.publications import Waiting
from narratives.models import Journey, Narrative, Publication
from ttscache.models import Clip, WarmItem, WarmRun


def rename(journey: Journey) -> Journey:
    journey.slug, journey.title = "your-story", "Your story"
    journey.save()
    return Journey.objects.get(pk=journey.pk)


@pytest.fixture
def waiting(heard_question: Narrative) -> Publication:
    """A second version whose two clips are being made while its journey gets another slug."""
    heard_question.text = "Where did it really begin?"
    heard_question.save()
    (publication,) = publishing.publish([heard_question])
    rename(heard_question.journey)
    return Publication.objects.get(pk=publication.pk)


def test_the_page_of_a_renamed_journey_shows_the_run_of_its_waiting_version(waiting: Publication) -> None:
    shown = Waiting.of(waiting.journey)
    assert shown is not None
    assert shown.run == WarmRun.objects.get()


def test_asking_again_for_the_version_of_a_renamed_journey_joins_its_run(waiting: Publication) -> None:
    run = WarmRun.objects.get()
    assert publishing.make_publication_clips(waiting) == run
    assert WarmItem.objects.count() == 2


def test_a_joined_run_is_shown_under_the_new_name_of_its_journey(waiting: Publication) -> None:
    publishing.make_publication_clips(waiting)
    assert WarmRun.objects.get().label == "your-story, publication 2"


def test_withdrawing_the_version_of_a_renamed_journey_cancels_its_run(waiting: Publication) -> None:
    assert publishing.withdraw(waiting)
    assert WarmRun.objects.get().state == WarmRun.State.CANCELLED


def test_publishing_anyway_resumes_the_paused_run_of_a_renamed_journey(waiting: Publication) -> None:
    WarmRun.objects.update(state=WarmRun.State.PAUSED, paused_because=WarmRun.Pause.STAFF)
    assert publishing.is_paused(waiting)
    assert publishing.publish_anyway(waiting)
    runs = WarmRun.objects.filter(items__clip__voice="nova").distinct()
    assert WarmRun.State.PAUSED not in runs.values_list("state", flat=True)


def test_a_voice_that_is_being_made_stays_so_when_its_journey_is_renamed(heard_journey: Journey) -> None:
    Clip.objects.update(stored_at=None)
    run = publishing.warm_journey(heard_journey, "nova")
    renamed = rename(heard_journey)
    assert publishing.is_warming(renamed, "nova")
    assert publishing.warm_journey(renamed, "nova") == run


def test_a_new_journey_under_the_old_slug_has_runs_of_its_own(heard_journey: Journey) -> None:
    Clip.objects.update(stored_at=None)
    publishing.warm_journey(heard_journey, "nova")
    slug = heard_journey.slug
    rename(heard_journey)
    another = Journey.objects.create(slug=slug, title="Another", is_live=True)
    assert not publishing.is_warming(another, "nova")
