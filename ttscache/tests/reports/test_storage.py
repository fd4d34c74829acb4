"""The report on coverage, stored bytes and their growth, and clips that were never heard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from harness.report_rows import clip_with, sound, usual
from ttscache.models import (
    DailyRequests,
    Pin,
    PruneRun,
)
from ttscache.reports import storage

DAY = timedelta(days=1)


@pytest.mark.django_db
class TestStorageReport:
    def test_coverage_counts_only_published_clips(self):
        for number, fields in enumerate([sound(), {}, sound()]):
            clip = clip_with(f"Text {number}", **fields)
            reason = Pin.Reason.DRAFT if number == 2 else Pin.Reason.LIVE
            Pin.objects.create(content_hash=clip.content_hash, reason=reason)
        covered = storage.published_coverage(usual())
        assert (covered.ready, covered.total, covered.tone) == (1, 2, "far")

    @pytest.mark.parametrize(
        "reason", [Pin.Reason.BANK, Pin.Reason.RECENT, Pin.Reason.POPULAR, Pin.Reason.DRAFT]
    )
    @pytest.mark.parametrize("voice", ["", "nova"], ids=["all-voices", "one-voice"])
    def test_clips_pinned_for_other_reasons_are_neither_covered_nor_missing(self, reason, voice):
        for text, of, fields in (
            ("Live", Pin.Reason.LIVE, sound()),
            ("Made", reason, sound()),
            ("Not", reason, {}),
        ):
            Pin.objects.create(content_hash=clip_with(text, **fields).content_hash, reason=of)
        covered = storage.published_coverage(usual(voice=voice))
        assert (covered.ready, covered.total) == (1, 1)
        assert storage.published_clip_rows().count() == 1

    def test_coverage_counts_a_clip_that_is_published_twice_once(self):
        clip = clip_with("In the bank and in a journey.", **sound())
        for reason in (Pin.Reason.LIVE, Pin.Reason.SYSTEM, Pin.Reason.BANK):
            Pin.objects.create(content_hash=clip.content_hash, reason=reason)
        assert storage.published_coverage(usual()).total == 1

    def test_coverage_of_one_voice_counts_only_its_clips(self):
        for voice, fields in (("nova", sound()), ("onyx", {})):
            clip = clip_with("Text", voice, **fields)
            Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        covered = storage.published_coverage(usual(voice="nova"))
        assert (covered.ready, covered.total, covered.tone) == (1, 1, "good")

    def test_stored_bytes_are_counted_by_kind(self):
        clip_with("One", **sound(size=300))
        clip_with("Two", voice="onyx", **sound(size=500))
        clip_with("Three", kind="analysis", **sound(size=100))
        clip_with("Not made")
        assert storage.storage(usual()).bytes_by_kind == {"question": 800, "analysis": 100}
        assert storage.storage(usual(voice="nova")).bytes_by_kind == {"question": 300, "analysis": 100}

    def test_days_of_storage_left_follow_two_weeks_of_growth(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 30_000}
        clip_with("Old", **sound(20, size=2_000))
        clip_with("New", **sound(1, size=28_000))
        PruneRun.objects.create(days=90, freed_bytes=14_000)
        space = storage.storage(usual())
        assert (space.bytes_a_day, space.days_left, space.is_nearly_full) == (1_000, 0, True)

    def test_storage_is_nearly_full_where_its_alert_begins(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 10_000}
        clip_with("New", **sound(1, size=9_000))
        assert storage.storage(usual()).is_nearly_full

    def test_days_of_storage_left_count_all_voices(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 30_000}
        clip_with("New", **sound(1, size=14_000))
        clip_with("New", "onyx", **sound(1, size=14_000))
        assert storage.storage(usual(voice="nova")).days_left == 1

    def test_storage_without_a_limit_has_no_days_left(self):
        clip_with("New", **sound(1))
        assert storage.storage(usual()).days_left is None

    def test_never_heard_counts_old_clips_without_requests(self):
        clip_with("Never heard", **sound(31))
        clip_with("Young", **sound(29))
        clip_with("Taken over lately", adopted_at=timezone.now(), **sound(300))
        played = clip_with("Heard", **sound(31))
        DailyRequests.objects.create(content_hash=played.content_hash, day=timezone.now().date(), requests=1)
        found = storage.never_heard(usual()).found
        assert found.clips == 1
        assert found.usd == pytest.approx(len("Never heard") * 30 / 1e6)
