"""The time estimate for new clips follows the time of recent runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from harness.clips import speech
from ttscache.models import Clip, WarmItem, WarmRun
from ttscache.warming.time_estimate import FIRST_SECONDS, seconds_to_make

pytestmark = pytest.mark.django_db


def ended_run(clips: int, seconds: float, *, held_up: bool = False) -> None:
    started, second = timezone.now(), timedelta(seconds=1)
    run = WarmRun.objects.create(
        scope=f"{clips} clips",
        state=WarmRun.State.DONE,
        started_at=started,
        at_work_since=started + second * held_up,
        finished_at=started + second * seconds,
    )
    for position in range(clips):
        clip = Clip.objects.record(speech(f"Number {position} of {clips}."), "question")
        WarmItem.objects.create(run=run, clip=clip, position=position, state="done", characters=1)


def test_an_unmeasured_round_of_clips_is_estimated_at_two_seconds() -> None:
    assert (seconds_to_make(0), seconds_to_make(5), seconds_to_make(6)) == (
        0,
        FIRST_SECONDS,
        2 * FIRST_SECONDS,
    )


def test_the_estimate_is_the_recent_time_of_a_round_of_five() -> None:
    ended_run(5, 3)
    ended_run(6, 9)  # two rounds
    assert seconds_to_make(11) == pytest.approx(12)


def test_runs_that_were_held_up_do_not_count() -> None:
    ended_run(5, 600, held_up=True)
    assert seconds_to_make(5) == FIRST_SECONDS
