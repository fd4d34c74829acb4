from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from harness.clips import entry, speech
from harness.statements import recorded_statements
from ttscache.delivery.playback import PlaybackRecord, load_for_playback
from ttscache.models import Clip
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db


@pytest.fixture
def content_hash() -> str:
    """The hash of a clip that was requested two hours ago and that only the database has."""
    content_hash = Clip.objects.record(speech(), "question").content_hash
    speech_cache().tiers.permanent.put(entry(content_hash))
    Clip.objects.update(last_accessed_at=timezone.now() - timedelta(hours=2))
    return content_hash


def loaded(content_hash: str) -> PlaybackRecord:
    record = load_for_playback(content_hash, hidden_too=True)
    assert record is not None
    return record


def test_a_clip_and_its_bytes_load_in_one_statement(content_hash: str) -> None:
    with recorded_statements() as made:
        hit = speech_cache().find(content_hash, loaded=loaded(content_hash).clip)

    assert hit is not None
    assert (hit.tier, hit.entry.audio) == ("database", b"sound")
    assert len(made) == 1


def test_bytes_that_this_host_has_are_not_loaded(content_hash: str) -> None:
    speech_cache().tiers.local[0].put(entry(content_hash))

    assert "file" not in loaded(content_hash).clip._state.fields_cache


def test_damaged_bytes_are_dropped_on_playback(content_hash: str) -> None:
    Clip.objects.update(checksum="0" * 64)

    assert speech_cache().find(content_hash, loaded=loaded(content_hash).clip) is None
    assert not loaded(content_hash).clip.is_ready


def test_the_last_request_of_a_clip_is_written_once_an_hour(content_hash: str) -> None:
    with recorded_statements() as made:
        assert loaded(content_hash).touch()
        assert loaded(content_hash).touch()

    assert [sql.split()[0] for sql in made] == ["SELECT", "UPDATE", "SELECT"]
    assert Clip.objects.get().last_accessed_at > timezone.now() - timedelta(minutes=1)


def test_touching_a_clip_that_was_just_removed_returns_false(content_hash: str) -> None:
    record = loaded(content_hash)
    Clip.objects.all().delete()

    assert not record.touch()
