"""Turns the refusal of an OpenAI-compatible service into one of our errors.

Our errors never contain the service's message, which may quote the text or the key.
"""

from __future__ import annotations

import logging
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
_TRY_AGAIN = re.compile(r"try again in (?:(\d+)m)?(\d+(?:\.\d+)?)(ms|s)\b", re.IGNORECASE)
_BUSY_STATUSES = (429, 503, 529)


def refusal(
    error: Mapping[str, object], *, model: str, status: int | None = None, retry_after: str = ""
) -> SpeechError:
    """Return our error for a refusal, and log what operators have to act on.

    `error` is the object of that name in an answer or event; `status` is the HTTP status, if there is one.
    """
    code, kind = (str(error.get(name) or "") for name in ("code", "type"))
    message, field = str(error.get("message") or error.get("detail") or ""), str(error.get("param") or "")
    # First: OpenAI answers 403 or 404 with this code where the model is gone, and also where the project of
    # the key may not use it. Other models may still speak with this key.
    is_gone = status == 410 or "model_not_found" in (code, kind)
    if not is_gone and (status in (401, 403) or code == "invalid_api_key"):
        logger.error("The speech provider refuses our key. Nothing new can be spoken until it is changed.")
        return KeyRefused()
    if code.startswith(("billing", "insufficient_quota")):
        logger.error("The speech provider says that our quota is used up (%s).", code)
        return QuotaUsedUp()
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
        busy = ProviderUnavailable(retry_after_seconds=seconds_until(retry_after) or _seconds_in(message))
        busy.cause = "provider_busy"
        return busy
    if status in (408, 504):
        return ProviderTimeout()
    failed = ProviderFailed(retry_after_seconds=seconds_until(retry_after))
    failed.is_retryable = status >= 500 if status is not None else kind != "invalid_request_error"
    logger.warning("The speech provider failed (HTTP %s, %s).", status or "-", code or kind or "no code")
    return failed


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
    return int(minutes or 0) * 60 + float(number) / (1_000 if unit.lower() == "ms" else 1)


def seconds_until(retry_after: str) -> float | None:
    """Read Retry-After, a number of seconds or a date, as seconds from now (RFC 9110, section 10.2.3)."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
