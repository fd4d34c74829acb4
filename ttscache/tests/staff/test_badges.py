"""The badge of a clip shows its state."""

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

    def test_badge_shows_whether_a_clip_is_made(self):
        assert self.badge(clip_of("One")) == badges.NOT_MADE
        assert self.badge(made(clip_of("Two"))) == badges.MADE

    @pytest.mark.parametrize("state", [WarmItem.State.QUEUED, WarmItem.State.MAKING])
    def test_badge_shows_being_made_while_an_item_is_open(self, state):
        clip = clip_of("One")
        run_of(clip, state)
        assert self.badge(clip) == badges.BEING_MADE

    def test_badge_does_not_show_being_made_after_a_cancelled_run(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.QUEUED, run_state=WarmRun.State.CANCELLED)
        assert self.badge(clip) == badges.NOT_MADE

    def test_badge_of_a_failed_clip_says_why(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.FAILED, "The voice service is not available just now.")
        badge = self.badge(clip)
        assert (badge.word, badge.note) == ("Failed", "The voice service is not available just now.")

    def test_badge_shows_being_made_during_another_try(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.FAILED, run_state=WarmRun.State.FAILED)
        run_of(clip, WarmItem.State.QUEUED)
        assert self.badge(clip) == badges.BEING_MADE

    def test_badges_of_many_clips_take_three_queries(self, django_assert_num_queries):
        clips = [clip_of(f"Text {number}") for number in range(20)]
        with django_assert_num_queries(3):
            badges.badges_of(clips)
