"""A process drops its copies of clips that another process removed or replaced."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from harness.clips import entry, speech
from ttscache.cache import SpeechCache
from ttscache.delivery.playback import load_for_playback
from ttscache.maintenance import invalidation
from ttscache.maintenance.invalidation import InvalidationFollower
from ttscache.models import Clip, Invalidation
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db


@pytest.fixture
def cache() -> SpeechCache:
    return speech_cache()


@pytest.fixture
def follower(cache: SpeechCache) -> InvalidationFollower:
    """Follows for a process that has run for a while."""
    follower = InvalidationFollower(cache)
    follower.follow()
    return follower


def held(cache: SpeechCache, words: str) -> str:
    """Store a clip on record, in memory and in files, and return its hash."""
    content_hash = Clip.objects.record(speech(words), "question").content_hash
    for tier in cache.tiers.local:
        tier.put(entry(content_hash))
    return content_hash


def tiers_with(cache: SpeechCache, content_hash: str) -> list[str]:
    return [tier.name for tier in cache.tiers.local if tier.get(content_hash)]


def remove(content_hash: str, *, seconds_ago: float = 0) -> None:
    """Remove the clip as another host would."""
    Clip.objects.filter(content_hash=content_hash).delete()
    Invalidation.objects.create(
        content_hash=content_hash, removed_at=timezone.now() - timedelta(seconds=seconds_ago)
    )


def test_a_clip_removed_elsewhere_leaves_memory_and_files(cache, follower) -> None:
    gone, stays = held(cache, "Gone."), held(cache, "Stays.")
    remove(gone)
    follower.follow()
    assert (tiers_with(cache, gone), tiers_with(cache, stays)) == ([], ["memory", "file"])


def test_an_invalidation_committed_late_is_still_seen(cache, follower) -> None:
    early, late = held(cache, "Early."), held(cache, "Late.")
    remove(early)
    follower.follow()
    remove(late, seconds_ago=20)
    follower.follow()
    assert tiers_with(cache, late) == []


def test_an_invalidation_leaves_a_clip_that_was_made_again(cache, follower) -> None:
    content_hash = held(cache, "Gone, and back.")
    remove(content_hash)
    follower.follow()
    held(cache, "Gone, and back.")
    follower.follow()
    assert tiers_with(cache, content_hash) == ["memory", "file"]


def test_old_invalidations_are_not_read_again(cache, follower, monkeypatch) -> None:
    remove(held(cache, "Gone."))
    follower.follow()
    assert follower._seen
    monkeypatch.setattr(invalidation, "LATE_SECONDS", -1)
    follower.follow()
    assert follower._seen == set()
    assert not Invalidation.objects.filter(removed_at__gt=follower._after).exists()


def test_a_host_back_from_an_absence_compares_its_files_with_the_records(cache) -> None:
    """The host was away for so long that the invalidation itself has been deleted."""
    gone, stays = held(cache, "Gone."), held(cache, "Stays.")
    Clip.objects.filter(content_hash=gone).delete()
    InvalidationFollower(cache).follow()
    assert (tiers_with(cache, gone), tiers_with(cache, stays)) == ([], ["memory", "file"])


def test_old_files_without_a_clip_are_removed(cache, settings, monkeypatch) -> None:
    held(cache, "Stays.")
    (folder,) = Path(settings.TTSCACHE["files_dir"]).glob("private/*")
    (folder / "left.mp3").write_bytes(b"half a clip")
    monkeypatch.setattr("ttscache.tiers.files._YOUNG_SECONDS", -1)
    InvalidationFollower(cache).follow()
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".mp3"]


def test_a_clip_removed_elsewhere_is_unknown_before_its_copies_go(cache) -> None:
    content_hash = held(cache, "Shared.")
    assert load_for_playback(content_hash, hidden_too=True) is not None
    remove(content_hash)
    assert tiers_with(cache, content_hash) == ["memory", "file"]
    assert load_for_playback(content_hash, hidden_too=True) is None
