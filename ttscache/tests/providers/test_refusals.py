"""Refusals of every vendor's shape, and waits that cannot be taken at their word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ttscache.errors import KeyRefused, ProviderUnavailable, QuotaUsedUp
from ttscache.providers.refusals import LONGEST_WAIT_SECONDS, refusal, seconds_to_wait, seconds_until

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"code": "insufficient_quota"}),
        (429, {"type": "insufficient_quota", "code": None}),
        (402, {}),
        (402, {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}),
        (401, {"detail": {"status": "quota_exceeded", "message": "0 credits left"}}),
        (403, {"code": "billing_not_active"}),
        (429, {"message": "You exceeded your current quota, please check your plan and billing details."}),
        (None, {"type": "insufficient_quota"}),
    ],
)
def test_a_quota_that_is_used_up_is_known_in_every_vendors_words(
    status: int | None, body: dict[str, object]
) -> None:
    error = refusal(body, model="tts-1", status=status)
    assert type(error) is QuotaUsedUp and not error.is_retryable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {"code": "rate_limit_exceeded", "type": "requests"}, ProviderUnavailable),
        (429, {"message": "Rate limit reached for requests per min."}, ProviderUnavailable),
        (401, {"code": "invalid_api_key"}, KeyRefused),
    ],
)
def test_a_busy_service_or_a_wrong_key_is_no_used_up_quota(
    status: int, body: dict[str, object], kind: type[Exception]
) -> None:
    assert type(refusal(body, model="tts-1", status=status)) is kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2.5", 2.5),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 23, LONGEST_WAIT_SECONDS),
        ("9" * 400, LONGEST_WAIT_SECONDS),
        ("9" * 5_000, LONGEST_WAIT_SECONDS),
        ("Wed, 31 Feb 2026 25:61:61 GMT", None),
        ("Wed, 99 Foo 99999 25:61:61 +99999999", None),
        ("Fri, 01 Jan 99999 00:00:00 GMT", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("\u0663", None),
        ("", None),
    ],
)
def test_retry_after_is_read_within_bounds(value: str, seconds: float | None) -> None:
    assert seconds_until(value) == seconds


def test_a_date_in_the_past_or_far_ahead_is_bounded() -> None:
    now = datetime.now(UTC)
    assert seconds_until(format_datetime(now - timedelta(days=9), usegmt=True)) == 0
    assert seconds_until(format_datetime(now + timedelta(days=9), usegmt=True)) == LONGEST_WAIT_SECONDS


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "2500"}, 2.5),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after-ms": "9" * 400}, LONGEST_WAIT_SECONDS),
        ({}, None),
    ],
)
def test_milliseconds_are_read_first(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_to_wait(headers) == seconds


@pytest.mark.parametrize("digits", [6, 23, 400, 5_000])
def test_a_wait_in_a_message_is_bounded(digits: int) -> None:
    message = f"Please try again in {'9' * digits}m{'9' * digits}s."
    error = refusal({"code": "rate_limit_exceeded", "message": message}, model="tts-1")
    assert error.retry_after_seconds is None or error.retry_after_seconds <= LONGEST_WAIT_SECONDS
