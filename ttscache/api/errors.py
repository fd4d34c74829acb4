"""Errors of the API, all in one shape. They never repeat a text that somebody sent."""

from __future__ import annotations

import logging
import math
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import Error
from django.http import Http404, HttpResponseBase, JsonResponse
from rest_framework import exceptions, serializers

from ttscache.delivery.http import NEVER
from ttscache.errors import Busy, ProviderUnavailable, SpeechError, StoreUnavailable, UnknownVoice

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = {Busy: 2, StoreUnavailable: 5, ProviderUnavailable: 15}


class UnknownVoiceOf(UnknownVoice):
    """The requested voice is none of `voices`; the response lists them."""

    def __init__(self, voices: tuple[str, ...]) -> None:
        super().__init__(f"There is no such voice. Voices: {', '.join(voices)}.")
        self.voices = voices


class ErrorSerializer(serializers.Serializer[Any]):
    error = serializers.CharField(help_text="One sentence for a person.")
    code = serializers.CharField(help_text="snake_case, for programs.")


def error_response(status: int, code: str, sentence: str, **extra: Any) -> JsonResponse:
    return JsonResponse(
        {"error": sentence, "code": code, **extra}, status=status, headers={"Cache-Control": NEVER}
    )


def answer_error(error: Exception, context: dict[str, Any]) -> HttpResponseBase:
    """DRF's exception handler. An unknown error is logged without its message, which may quote a text."""
    if isinstance(error, SpeechError):
        return _answer_speech_error(error)
    # Any query of any view raises this while the database is down.
    if isinstance(error, Error):
        return _answer_speech_error(StoreUnavailable())
    if isinstance(error, Http404 | exceptions.NotFound):
        return error_response(404, "not_found", "There is nothing at this address.")
    if isinstance(error, PermissionDenied):
        return error_response(403, "forbidden", "You may not do this.")
    if isinstance(error, RecursionError):  # JSON nested too deeply for Python's parser
        return error_response(400, "parse_error", "The body has to be a JSON object.")
    if isinstance(error, RequestDataTooBig):
        return error_response(413, "too_large", "The request is too large.")
    if isinstance(error, SuspiciousOperation):
        return error_response(400, "bad_request", "The request cannot be understood.")
    if isinstance(error, exceptions.APIException):
        return _answer_api_exception(error)
    logger.error(
        "%s %s failed: %s",
        context["request"].method,
        context["request"].path,
        type(error).__name__,
        # Log another exception with this traceback: the original message may quote a text.
        exc_info=RuntimeError(type(error).__name__).with_traceback(error.__traceback__),
    )
    return error_response(500, "server_error", "Something went wrong on this server.")


def _answer_speech_error(error: SpeechError) -> HttpResponseBase:
    extra = {"voices": list(error.voices)} if isinstance(error, UnknownVoiceOf) else {}
    response = error_response(error.status, error.code, str(error.args[0]), **extra)
    default = next(
        (seconds for kind, seconds in RETRY_AFTER_SECONDS.items() if isinstance(error, kind)), None
    )
    seconds = error.retry_after_seconds if error.retry_after_seconds is not None else default
    if seconds is not None:
        # Whole seconds (RFC 9110 section 10.2.3), rounded up so that no caller returns too early.
        response["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def _answer_api_exception(error: exceptions.APIException) -> HttpResponseBase:
    if isinstance(error, exceptions.ValidationError):
        field, sentence = _first_problem(error.detail)
        response = error_response(400, "invalid", f"{field}: {sentence}" if field else sentence)
    elif isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response = error_response(error.status_code, "not_authenticated", "This needs a valid API token.")
    elif isinstance(error, exceptions.PermissionDenied):
        response = error_response(403, "forbidden", str(error.detail))
    elif isinstance(error, exceptions.ParseError):
        response = error_response(400, "parse_error", "The body has to be a JSON object.")
    else:
        code = str(error.default_code)
        response = error_response(error.status_code, code, str(error.detail))
    auth_header = getattr(error, "auth_header", None)
    if auth_header:
        response["WWW-Authenticate"] = auth_header
    return response


def _first_problem(detail: Any) -> tuple[str, str]:
    if isinstance(detail, dict):
        field, problems = next(iter(detail.items()))
        name = "" if field == "non_field_errors" else str(field)
        return name, _first_problem(problems)[1]
    if isinstance(detail, list):
        return _first_problem(detail[0])
    return "", str(detail)
