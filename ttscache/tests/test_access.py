from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from harness.clips import KEY, speech
from ttscache.access import Access, access_to, forget_decisions
from ttscache.errors import StoreUnavailable
from ttscache.models import Clip, Pin
from ttscache.pinning import RECENT_DAYS, replace_pins

pytestmark = pytest.mark.django_db
LIVE, SYSTEM, DRAFT, RECENT = Pin.Reason.LIVE, Pin.Reason.SYSTEM, Pin.Reason.DRAFT, Pin.Reason.RECENT


def pins() -> set[tuple[str, str]]:
    return set(Pin.objects.values_list("content_hash", "reason"))


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
def test_pins_say_who_may_hear_a_clip(reason: str, access: Access) -> None:
    Pin.objects.create(content_hash=KEY, reason=reason)

    assert access_to(KEY) is access


def test_a_clip_without_a_pin_is_for_staff_unless_it_may_be_shared() -> None:
    clip = Clip.objects.record(speech(), "analysis")
    assert access_to(clip.content_hash) is Access.RESTRICTED
    Clip.objects.update(is_shareable=True)

    assert access_to(clip.content_hash) is Access.AUDIBLE


def test_a_yes_is_remembered_and_a_no_is_not(django_assert_num_queries: object) -> None:
    assert access_to(KEY) is Access.RESTRICTED
    Pin.objects.create(content_hash=KEY, reason=LIVE)
    assert access_to(KEY) is Access.PUBLISHED
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert access_to(KEY) is Access.PUBLISHED


def test_nobody_is_let_in_while_the_database_cannot_be_asked() -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("gone")

    with connection.execute_wrapper(refuse), pytest.raises(StoreUnavailable):
        access_to(KEY)


def test_pins_are_replaced_for_the_reasons_that_are_named() -> None:
    Pin.objects.create(content_hash="bank", reason=Pin.Reason.BANK)
    replace_pins({LIVE: {"a", "b"}, SYSTEM: {"s"}, DRAFT: {"d"}})
    replace_pins({LIVE: {"a", "b"}, SYSTEM: {"s"}, DRAFT: set()})

    assert pins() == {("bank", "bank"), ("a", "live"), ("b", "live"), ("s", "system")}


def test_what_was_live_stays_audible_for_a_while() -> None:
    replace_pins({LIVE: {"old"}, SYSTEM: set()})
    replace_pins({LIVE: {"new"}, SYSTEM: set()})

    assert pins() == {("new", "live"), ("old", "recent")}
    days = (Pin.objects.get(reason=RECENT).until - timezone.now()) / timedelta(days=1)  # type: ignore[operator]
    assert days == pytest.approx(RECENT_DAYS, abs=0.01)


def test_after_that_while_it_is_heard_no_more() -> None:
    Pin.objects.create(content_hash=KEY, reason=RECENT, until=timezone.now() - timedelta(seconds=1))
    forget_decisions()

    assert access_to(KEY) is Access.RESTRICTED


def test_words_that_come_back_are_live_again_and_not_recent() -> None:
    for words in ("a", "b", "a"):
        replace_pins({LIVE: {words}, SYSTEM: set()})

    assert pins() == {("a", "live"), ("b", "recent")}
