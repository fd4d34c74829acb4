"""prune on real tiers: it removes what its dry run listed, and never what anybody may want."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.utils import timezone

from harness.s3 import S3Server
from ttscache import wiring
from ttscache.models import Claim, Clip, ClipFile, Pin
from ttscache.pruning import Stale, begin, find_stale, prune
from ttscache.tests.fakes import entry, speech
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

DAYS = 90
LONG_AGO = timezone.now() - timedelta(days=DAYS + 1)


def keep(words: str, *, asked_for_at: object = LONG_AGO) -> str:
    """A clip in every tier; its hash."""
    request = speech(words)
    Clip.objects.record(request, "question")
    kept = entry(request.content_hash)
    speech_cache().permanent.put(kept)
    for tier in speech_cache().local:
        tier.put(kept)
    Clip.objects.filter(content_hash=request.content_hash).update(last_accessed_at=asked_for_at)
    return request.content_hash


def said(*options: str) -> str:
    out = StringIO()
    call_command("prune", *options, stdout=out)
    return out.getvalue()


def is_known(content_hash: str) -> bool:
    return Clip.objects.filter(content_hash=content_hash).exists()


def removed_of(listed: Stale) -> list[str]:
    run = begin(listed, DAYS, "a test")
    return [content_hash for gone in prune(run, listed, speech_cache()) for content_hash in gone]


def test_a_dry_run_counts_and_writes_nothing() -> None:
    stale = keep("Nobody asks for this.")
    told = said("--dry-run")

    assert told.startswith("1 clips were not asked for in 90 days: 5\xa0bytes, 0.0006 USD to make again.")
    assert is_known(stale) and speech_cache().find(stale)


def test_what_is_stale_goes_from_every_tier_and_its_hash_is_unknown_afterwards() -> None:
    stale, fresh = keep("Nobody asks for this."), keep("This is new.", asked_for_at=timezone.now())

    assert "1 clips were removed." in said()
    assert (is_known(stale), is_known(fresh)) == (False, True)
    assert [tier.get(stale) for tier in speech_cache().tiers] == [None] * len(speech_cache().tiers)
    assert ClipFile.objects.count() == 1


@pytest.mark.parametrize("reason", Pin.Reason.values)
def test_what_a_pin_holds_stays(reason: str) -> None:
    held = keep("Held.")
    Pin.objects.create(content_hash=held, reason=reason)

    assert "1 more are as old" in said()
    assert speech_cache().find(held)


def test_what_was_held_until_lately_goes() -> None:
    keep("Held once.")
    Pin.objects.create(content_hash=speech("Held once.").content_hash, reason="recent", until=LONG_AGO)
    assert "1 clips were removed." in said()


def test_what_was_asked_for_or_pinned_or_is_being_made_since_it_was_listed_stays() -> None:
    asked_for, pinned, made, stale = (keep(f"Text {number}.") for number in range(4))
    listed = find_stale(DAYS)
    Clip.objects.filter(content_hash=asked_for).update(last_accessed_at=timezone.now())
    Pin.objects.create(content_hash=pinned, reason="draft")
    Claim.objects.create(name=made, owner="somebody", until=Now() + timedelta(seconds=60))

    assert len(listed.content_hashes) == 4
    assert removed_of(listed) == [stale]
    assert all(map(is_known, (asked_for, pinned, made)))


def test_what_became_stale_since_it_was_listed_is_not_removed() -> None:
    keep("Listed.")
    listed = find_stale(DAYS)
    later = keep("Not listed.")
    removed_of(listed)
    assert is_known(later)


@pytest.mark.parametrize("days", ["0", "-1"])
def test_days_begin_with_one(days: str) -> None:
    stale = keep("Nobody asks for this.")
    with pytest.raises(CommandError, match="from 1"):
        said("--days", days)
    assert is_known(stale)


def test_in_object_storage_no_object_is_left(s3: S3Server, clips_bucket: str) -> None:
    keep("Nobody asks for this.")
    assert s3.objects(clips_bucket)
    said()
    assert not any("/" in name for name in s3.objects(clips_bucket))


def test_while_the_store_is_down_records_go_and_objects_follow(s3: S3Server, clips_bucket: str) -> None:
    stale = keep("Nobody asks for this.")
    s3.stop()
    said()
    assert not is_known(stale)
    s3.start()
    wiring.forget()
    storage = wiring.storage_tier()
    assert storage is not None
    storage.sweep()
    assert not any("/" in name for name in s3.objects(clips_bucket))
