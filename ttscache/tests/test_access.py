from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from harness.clips import KEY, speech
from ttscache.access import Access
from ttscache.delivery.playback import load_for_playback
from ttscache.errors import StoreUnavailable
from ttscache.models import Clip, Pin
from ttscache.pins import RECENT_DAYS, replace_pins

pytestmark = pytest.mark.django_db
LIVE, SYSTEM, DRAFT, RECENT = Pin.Reason.LIVE, Pin.Reason.SYSTEM, Pin.Reason.DRAFT, Pin.Reason.RECENT


def pins() -> set[tuple[str, str]]:
    return set(Pin.objects.values_list("content_hash", "reason"))


@pytest.fixture
def clip() -> Clip:
    return Clip.objects.record(speech(), "analysis")


def access_to(clip: Clip) -> Access:
    record = load_for_playback(clip.content_hash, hidden_too=True)
    assert record is not None
    return record.access


@pytest.mark.parametrize(
    ("reason", "access"),
    [
        (LIVE, Access.PUBLISHED),
        (SYSTEM, Access.PUBLISHED),
        (RECENT, Access.AUDIBLE),
        (Pin.Reason.BANK, Access.AUDIBLE),
        (DRAFT, Access.RESTRICTED),
    ],
)
def test_pins_say_who_may_hear_a_clip(clip: Clip, reason: str, access: Access) -> None:
    Pin.objects.create(content_hash=clip.content_hash, reason=reason)

    assert access_to(clip) is access


def test_a_clip_without_a_pin_is_for_staff_unless_it_may_be_shared(clip: Clip) -> None:
    assert access_to(clip) is Access.RESTRICTED
    Clip.objects.update(is_shareable=True)

    assert access_to(clip) is Access.AUDIBLE


def test_a_hidden_clip_is_not_loaded_for_everyone(clip: Clip) -> None:
    assert load_for_playback(clip.content_hash, hidden_too=False) is None
    Pin.objects.create(content_hash=clip.content_hash, reason=DRAFT)
    assert load_for_playback(clip.content_hash, hidden_too=False) is None
    Pin.objects.create(content_hash=clip.content_hash, reason=RECENT)

    assert load_for_playback(clip.content_hash, hidden_too=False) is not None


def test_access_is_decided_anew_at_each_request(clip: Clip) -> None:
    assert access_to(clip) is Access.RESTRICTED
    Pin.objects.create(content_hash=clip.content_hash, reason=LIVE)
    assert access_to(clip) is Access.PUBLISHED
    Pin.objects.all().delete()

    assert access_to(clip) is Access.RESTRICTED


def test_a_clip_that_is_not_on_record_cannot_be_played() -> None:
    Pin.objects.create(content_hash=KEY, reason=LIVE)

    assert load_for_playback(KEY, hidden_too=True) is None


def test_access_is_refused_while_the_database_is_away(clip: Clip) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("gone")

    with connection.execute_wrapper(refuse), pytest.raises(StoreUnavailable):
        access_to(clip)


def test_pins_are_replaced_for_the_reasons_that_are_named() -> None:
    Pin.objects.create(content_hash="bank", reason=Pin.Reason.BANK)
    replace_pins({LIVE: {"a", "b"}, SYSTEM: {"s"}, DRAFT: {"d"}})
    replace_pins({LIVE: {"a", "b"}, SYSTEM: {"s"}, DRAFT: set()})

    assert pins() == {("bank", "bank"), ("a", "live"), ("b", "live"), ("s", "system")}


def test_a_clip_stays_audible_for_a_while_after_it_was_live() -> None:
    replace_pins({LIVE: {"old"}, SYSTEM: set()})
    replace_pins({LIVE: {"new"}, SYSTEM: set()})

    assert pins() == {("new", "live"), ("old", "recent")}
    days = (Pin.objects.get(reason=RECENT).until - timezone.now()) / timedelta(days=1)  # type: ignore[operator]
    assert days == pytest.approx(RECENT_DAYS, abs=0.01)


def test_a_formerly_live_clip_becomes_private_after_that_while(clip: Clip) -> None:
    ended = timezone.now() - timedelta(seconds=1)
    Pin.objects.create(content_hash=clip.content_hash, reason=RECENT, until=ended)

    assert access_to(clip) is Access.RESTRICTED


def test_a_text_that_is_published_again_is_live_and_not_recent() -> None:
    for words in ("a", "b", "a"):
        replace_pins({LIVE: {words}, SYSTEM: set()})

    assert pins() == {("a", "live"), ("b", "recent")}
