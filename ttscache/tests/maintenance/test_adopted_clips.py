"""Adopted clips get their length in the background, and go stale no sooner than other clips."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from harness.clips import entry
from harness.earlier_databases import Found
from ttscache import tasks
from ttscache.maintenance.adopted_clips import examine_adopted_clips
from ttscache.maintenance.stale import stale_clips
from ttscache.models import Clip, ClipFile, PermanentStore, Pin
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.records import kept_clip

pytestmark = pytest.mark.django_db

FOUND = Found("Tell me.", "nova", "narrative")
YEARS_AGO = timezone.now() - timedelta(days=1_000)


def adopted(text: str, sound: bytes = FOUND.sound, **fields: Any) -> Clip:
    now = timezone.now()
    found = Found(text, "nova", "narrative")
    given = {"adopted_at": now, "stored_at": now, "last_accessed_at": now} | fields
    clip = Clip.objects.create(content_hash=found.content_hash, content_text=text, voice="nova", **given)
    ClipFile.objects.create(cache=clip, file_data=sound, file_size=len(sound))
    return clip


def test_an_adopted_clip_gets_its_length_and_version() -> None:
    clip = adopted("Once")

    assert examine_adopted_clips() == (1, 0)
    clip.refresh_from_db()
    assert clip.duration_ms and len(clip.checksum) == 64
    assert examine_adopted_clips() == (0, 0)


def test_an_adopted_clip_that_plays_despite_a_flaw_stays_as_it_is() -> None:
    clips = [adopted("Tag", FOUND.sound + bytes(512)), adopted("Cut", FOUND.sound[:-20])]

    assert examine_adopted_clips() == (2, 0)
    assert [bytes(clip.file.file_data) for clip in clips] == [FOUND.sound + bytes(512), FOUND.sound[:-20]]
    assert Clip.objects.with_audio().count() == 2


def test_a_clip_that_is_made_anew_meanwhile_is_described_as_it_is_now() -> None:
    clip = adopted("Once")
    database = DatabaseTier()
    found = kept_clip(clip.content_hash, PermanentStore.DATABASE)
    assert found is not None
    database.put(entry(clip.content_hash, b"newer"))
    database.read(found)

    assert database.get(clip.content_hash).audio == b"newer"  # type: ignore[union-attr]


def test_a_broken_adopted_clip_is_counted_reported_and_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    clip = adopted("Once", b"noise")
    with caplog.at_level("INFO"):
        assert examine_adopted_clips() == (0, 1)

    assert clip.content_hash in caplog.text and "Once" not in caplog.text
    clip.refresh_from_db()
    assert not clip.is_ready
    assert not Clip.objects.unexamined().exists()


def test_adopted_clips_are_examined_in_small_batches() -> None:
    for number in range(3):
        adopted(f"Text {number}")
    assert is_queued_by_the_heartbeat()
    assert examine_adopted_clips(limit=2) == (2, 0)
    tasks.examine_adopted()
    assert not Clip.objects.unexamined().exists()
    assert not is_queued_by_the_heartbeat()


def is_queued_by_the_heartbeat() -> bool:
    OrmQ.objects.all().delete()
    tasks.heartbeat()
    return any(task.task["func"] == "ttscache.tasks.examine_adopted" for task in OrmQ.objects.all())


def test_an_adopted_clip_without_requests_goes_stale_unless_pinned() -> None:
    old = adopted("Old", adopted_at=YEARS_AGO, last_accessed_at=YEARS_AGO)
    own = adopted("Never adopted", adopted_at=None, last_accessed_at=YEARS_AGO)
    held = adopted("Held", adopted_at=None, last_accessed_at=YEARS_AGO)
    freed = adopted("Held until lately", adopted_at=None, last_accessed_at=YEARS_AGO)
    adopted("Heard today", adopted_at=YEARS_AGO)
    Pin.objects.create(content_hash=held.content_hash, reason="draft")
    Pin.objects.create(content_hash=freed.content_hash, reason="recent", until=YEARS_AGO)

    assert set(stale_clips(90)) == {old, own, freed}
