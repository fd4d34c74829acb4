"""Turns the refusal of an OpenAI-compatible service into one of our errors.

Our errors never contain the service's message, which may quote the text or the key. Whether a refused call is
made again is decided in generation/synthesizer.py.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ttscache.errors import (
    KeyRefused,
    ModelRetired,
    ProviderError,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaUsedUp,
    SpeechError,
    TextRefused,
    VoiceNotInUse,
)

logger = logging.getLogger(__name__)

_OTHER_FIELD = re.compile(r"voice|model|speed|format|instructions|parameter|body|key|stream", re.IGNORECASE)
_POLICY = re.compile(r"policy|moderation|safety|content_filter", re.IGNORECASE)
# Services name it in `code`, `type` or `status`, or only in words.
_QUOTA = re.compile(
    r"^billing|insufficient[ _-]?(quota|balance|funds|credit)|quota_exceeded|payment_required|out_of_credit",
    re.IGNORECASE,
)
_QUOTA_IN_WORDS = re.compile(
    r"exceeded your current quota|check your plan and billing|insufficient (balance|funds|credits?)"
    r"|out of credits",
    re.IGNORECASE,
)
_TRY_AGAIN = re.compile(r"try again in (?:(\d{1,6})m)?(\d{1,9}(?:\.\d{1,9})?)(ms|s)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d*)?", re.ASCII)
_BUSY_STATUSES = (429, 503, 529)
LONGEST_WAIT_SECONDS = 3_600.0  # a service that asks for more is asked again after this


def refusal(
    error: Mapping[str, object],
    *,
    model: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> SpeechError:
    """Return our error for a refusal, and log what operators have to act on.

    `error` is the object of that name in an answer or event; `status` is the HTTP status, if there is one.
    `headers` are those of the answer.
    """
    code, kind = (str(error.get(name) or "") for name in ("code", "type"))
    message, field = str(error.get("message") or error.get("detail") or ""), str(error.get("param") or "")
    # First: OpenAI answers 403 or 404 with this code where the model is gone, and also where the project of
    # the key may not use it. Other models may still speak with this key.
    is_gone = status == 410 or "model_not_found" in (code, kind)
    if is_quota_used_up(error, status):  # before the key: some services answer 401 or 403 to this
        logger.error("The speech provider says that our quota is used up (HTTP %s).", status or "-")
        return QuotaUsedUp()
    if not is_gone and (status in (401, 403) or code == "invalid_api_key"):
        logger.error("The speech provider refuses our key. Nothing new can be spoken until it is changed.")
        return KeyRefused()
    if is_gone or (status == 404 and _names(model, message)):
        logger.error("The speech provider no longer has the model %s, or our key may not use it.", model)
        return ModelRetired(model)
    if status == 404:
        logger.error("The speech provider's address is wrong: it answers 404.")
        return _wrong_address()
    if _POLICY.search(code) or (status in (400, 422) and is_about_the_text(error)):
        return TextRefused()
    if field.rpartition(".")[2] == "voice":
        logger.error("The speech provider has no such voice for the model %s.", model)
        return VoiceNotInUse("The voice service does not have this voice.")
    if status in _BUSY_STATUSES or code.startswith(("rate_limit", "server_overloaded")):
        busy = ProviderUnavailable(retry_after_seconds=seconds_to_wait(headers) or _seconds_in(message))
        busy.cause = "provider_busy"
        return busy
    if status in (408, 504):
        return ProviderTimeout()
    failed = ProviderFailed(retry_after_seconds=seconds_to_wait(headers))
    failed.is_retryable = status >= 500 if status is not None else kind != "invalid_request_error"
    logger.warning("The speech provider failed (HTTP %s, %s).", status or "-", code or kind or "no code")
    return failed


def is_quota_used_up(error: Mapping[str, object], status: int | None = None) -> bool:
    """Whether the service wants to be paid first. Vendors say so by status 402, a code, a type or words."""
    detail = error.get("detail")
    objects = [error, detail] if isinstance(detail, Mapping) else [error]
    named = [str(each.get(name) or "") for each in objects for name in ("code", "type", "status")]
    told = [str(each.get(name) or "") for each in objects for name in ("message", "detail")]
    is_refusal_of_calls = status in (None, 401, 403, *_BUSY_STATUSES)
    return (
        status == 402
        or any(map(_QUOTA.search, named))
        or (is_refusal_of_calls and any(map(_QUOTA_IN_WORDS.search, told)))
    )


def is_about_the_text(error: Mapping[str, object]) -> bool:
    """Whether the text was refused: `param` or the code says so, or nothing points to anything else.

    The status does not tell: servers refuse an unknown voice or model with the same one.
    """
    message, code = str(error.get("message") or ""), str(error.get("code") or "")
    if error.get("param") == "input" or _POLICY.search(code) or "'loc': ('body', 'input'" in message:
        return True
    is_plain = error.get("type") == "invalid_request_error" and not code and not error.get("param")
    return is_plain and not _OTHER_FIELD.search(message)


def _names(model: str, message: str) -> bool:
    """Whether the message names the model. The ?model=… of a repeated Realtime address does not count."""
    return bool(model) and model in message.replace(f"model={model}", "")


def _wrong_address() -> ProviderError:
    error = ProviderUnavailable("The voice service is not at the address that is set.")
    error.is_retryable = False
    error.cause = "wrong_address"
    return error


def _seconds_in(message: str) -> float | None:
    """The wait in a message of OpenAI, "Please try again in 6.2s": Realtime events have no headers."""
    found = _TRY_AGAIN.search(message)
    if found is None:
        return None
    minutes, number, unit = found.groups()
    return _bounded(int(minutes or 0) * 60 + float(number) / (1_000 if unit.lower() == "ms" else 1))


def seconds_to_wait(headers: Mapping[str, str] | None) -> float | None:
    """The wait that an answer asks for, at most LONGEST_WAIT_SECONDS; None if it names none that can be read.

    `retry-after-ms` is OpenAI's and Azure's own header and the more exact one. Pass headers whose names can
    be looked up in small letters.
    """
    if headers is None:
        return None
    milliseconds = _number_in(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1_000)
    return seconds_until(headers.get("retry-after", ""))


def seconds_until(retry_after: str) -> float | None:
    """Read Retry-After, a number of seconds or a date, as seconds from now (RFC 9110, section 10.2.3).

    Services also send fractions. The result is at most LONGEST_WAIT_SECONDS, and None for an impossible date.
    """
    number = _number_in(retry_after)
    if number is not None:
        return _bounded(number)
    try:
        at = parsedate_to_datetime(retry_after)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return _bounded((at - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # the library raises each for some bad date
        return None


def _number_in(value: str) -> float | None:
    value = value.strip()
    return float(value) if _NUMBER.fullmatch(value) else None  # infinite for 400 digits


def _bounded(seconds: float) -> float:
    return 0.0 if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_WAIT_SECONDS)
