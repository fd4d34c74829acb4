"""The badge of a clip that is held up says why, and who can help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from harness.staff_pages import clip_of, run_of
from ttscache import warming
from ttscache.models import Clip, LastProviderOutcome, Lease, WarmItem, WarmRun
from ttscache.staff.badges import Badge, badges_of
from ttscache.warming.worker import RATE_LIMIT

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

State = WarmItem.State


def badge_of(clip: Clip) -> Badge:
    return badges_of([clip])[clip.content_hash]


def cool_down(code: str, seconds: float = 60) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    Lease.objects.create(name=RATE_LIMIT, owner="", until=until, error=code)


@pytest.fixture
def waiting() -> Clip:
    """A clip that waits for its turn and was not tried yet."""
    clip = clip_of("One")
    run_of(clip, State.QUEUED)
    return clip


@pytest.mark.parametrize(
    ("code", "says", "helper"),
    [
        ("key_refused", "refuses our key", "Your administrator"),
        ("quota_used_up", "quota at the voice service is used up", "Your administrator"),
        ("wrong_address", "not at the address that is set", "Your administrator"),
        ("provider_busy", "busy until", "by itself"),
        ("provider_unavailable", "not available just now", "by itself"),
        ("provider_timeout", "did not answer in time", "try again later"),
        ("store_unavailable", "cannot be looked up just now", "in a moment"),
    ],
)
def test_badge_of_a_waiting_clip_names_the_trouble_and_who_can_help(
    waiting: Clip, code: str, says: str, helper: str
) -> None:
    cool_down(code)
    badge = badge_of(waiting)
    assert badge.word == "Held up"
    assert says in badge.held_up
    assert helper in badge.held_up
    assert not badge.is_settled, "the page goes on looking"


def test_badge_says_until_when_the_voice_service_is_busy(waiting: Clip) -> None:
    until = timezone.now() + timedelta(minutes=7)
    cool_down("provider_busy", 7 * 60)
    shown = {f"{timezone.localtime(until + timedelta(minutes=late)):%H:%M}" for late in (0, 1)}
    assert any(f"busy until {each}." in badge_of(waiting).held_up for each in shown)


def test_badge_never_names_a_time_that_is_over(waiting: Clip) -> None:
    cool_down("provider_busy", 5)
    said = badge_of(waiting).held_up.partition("until ")[2][:5]
    assert said >= f"{timezone.localtime():%H:%M}" or said == "00:00"


@pytest.mark.parametrize(
    ("outcome", "says"),
    [("key_refused", "refuses our key"), ("quota_used_up", "quota at the voice service is used up")],
)
def test_badge_still_says_so_between_two_tries(waiting: Clip, outcome: str, says: str) -> None:
    LastProviderOutcome.objects.note("ok", timezone.now() - timedelta(minutes=2))
    LastProviderOutcome.objects.note(outcome, timezone.now() - timedelta(minutes=1))
    assert says in badge_of(waiting).held_up


def test_badge_says_being_made_again_once_a_call_has_succeeded(waiting: Clip) -> None:
    LastProviderOutcome.objects.note("key_refused", timezone.now() - timedelta(minutes=2))
    LastProviderOutcome.objects.note("ok", timezone.now() - timedelta(minutes=1))
    assert badge_of(waiting).word == "Being made"


def test_badge_of_a_clip_that_is_tried_again_still_says_what_went_wrong() -> None:
    clip = clip_of("One")
    run_of(clip, State.MAKING, "Waits: The voice service refuses our key.")
    badge = badge_of(clip)
    assert (badge.word, badge.held_up) == ("Held up", "The voice service refuses our key.")


def test_badge_of_a_clip_under_way_is_not_touched_by_the_trouble_of_others() -> None:
    clip = clip_of("One")
    run_of(clip, State.MAKING)
    cool_down("provider_busy")
    assert badge_of(clip).word == "Being made"


def test_badge_names_the_person_who_paused_the_job(waiting: Clip) -> None:
    warming.pause(WarmRun.objects.get(), WarmRun.Pause.STAFF, by="Ana")
    badge = badge_of(waiting)
    assert (badge.word, badge.held_up) == ("Paused", "Paused by Ana. Press Resume to continue.")
    warming.resume(WarmRun.objects.get())
    assert badge_of(waiting).word == "Being made"
    assert not WarmRun.objects.get().paused_by


def test_badge_of_a_job_that_waits_for_the_budget_says_who_can_help(waiting: Clip) -> None:
    warming.pause(WarmRun.objects.get(), WarmRun.Pause.BUDGET)
    badge = badge_of(waiting)
    assert badge.word == "Held up"
    assert badge.held_up.startswith("Today's budget is spent.")
    assert badge.held_up.endswith("Your administrator can raise the budget.")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("broken_audio_again:silence", "The recording was silent, twice, so it was not kept."),
        ("broken_audio:pace:short", "The recording was far too short for its text, so it was not kept."),
        ("broken_audio:pace:long", "The recording was far too long for its text, so it was not kept."),
        ("broken_audio:wholeness", "The recording was damaged or incomplete, so it was not kept."),
        ("reworded", "The voice said other words than the text has, so the recording was not kept."),
        ("text_refused", "The voice service declined to speak this text. Please change the text."),
    ],
)
def test_badge_of_a_clip_that_a_listener_asked_for_in_vain_says_why(code: str, says: str) -> None:
    clip = clip_of("One")
    until = timezone.now() + timedelta(minutes=5)
    Lease.objects.create(name=clip.content_hash, owner="", until=until, error=code)
    badge = badge_of(clip)
    assert badge.word == "Failed"
    assert badge.note.startswith(says)


def test_badge_of_a_clip_in_the_making_for_a_listener_shows_no_failure() -> None:
    clip = clip_of("One")
    until = timezone.now() + timedelta(minutes=5)
    Lease.objects.create(name=clip.content_hash, owner="a host", until=until, error="")
    assert badge_of(clip).word == "Not made"
