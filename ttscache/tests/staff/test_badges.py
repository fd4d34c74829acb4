"""How a clip stands, as a badge."""

from __future__ import annotations

import pytest

from harness.staff_pages import clip_of, made, run_of
from ttscache.models import (
    Clip,
    WarmItem,
    WarmRun,
)
from ttscache.staff import badges

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


class TestBadges:
    def badge(self, clip: Clip) -> badges.Badge:
        return badges.badges_of([clip])[clip.content_hash]

    def test_made_and_not_made(self):
        assert self.badge(clip_of("One")) == badges.NOT_MADE
        assert self.badge(made(clip_of("Two"))) == badges.MADE

    @pytest.mark.parametrize("state", [WarmItem.State.QUEUED, WarmItem.State.MAKING])
    def test_being_made(self, state):
        clip = clip_of("One")
        run_of(clip, state)
        assert self.badge(clip) == badges.BEING_MADE

    def test_what_a_cancelled_run_left_is_not_being_made(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.QUEUED, run_state=WarmRun.State.CANCELLED)
        assert self.badge(clip) == badges.NOT_MADE

    def test_a_failure_says_why(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.FAILED, "The voice service is not available just now.")
        badge = self.badge(clip)
        assert (badge.word, badge.note) == ("Failed", "The voice service is not available just now.")

    def test_another_try_after_a_failure_is_being_made(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.FAILED, run_state=WarmRun.State.FAILED)
        run_of(clip, WarmItem.State.QUEUED)
        assert self.badge(clip) == badges.BEING_MADE

    def test_many_clips_take_two_queries(self, django_assert_num_queries):
        clips = [clip_of(f"Text {number}") for number in range(20)]
        with django_assert_num_queries(2):
            badges.badges_of(clips)
