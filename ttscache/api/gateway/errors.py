"""Errors in the shape of OpenAI's API, which the official clients read.

https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any, cast

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from rest_framework import exceptions

from ttscache.api.errors import answer_error
from ttscache.delivery.http import NEVER
from ttscache.errors import (
    BadText,
    BudgetExhausted,
    EmptyText,
    RequestRefused,
    SpeedOutOfRange,
    TextRefused,
    TextTooLong,
    UnknownFormat,
    UnknownVoice,
)

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}")
MOST_RETRY_AFTER_SECONDS = 60  # the official clients wait no longer than a minute, and else not at all

_PARAMETERS: dict[type[RequestRefused], str] = {
    EmptyText: "input",
    BadText: "input",
    TextTooLong: "input",
    TextRefused: "input",
    UnknownVoice: "voice",
    UnknownFormat: "response_format",
    SpeedOutOfRange: "speed",
}
# Our codes, and those that clients of OpenAI know for the same.
_CODES = {
    "throttled": "rate_limit_exceeded",
    "budget_exhausted": "insufficient_quota",
    "not_authenticated": "invalid_api_key",
    "text_too_long": "string_above_max_length",
    "text_refused": "content_policy_violation",
    "parse_error": None,
    "not_found": "unknown_url",
    "method_not_allowed": None,
}
_KINDS = {"rate_limit_exceeded": "requests", "insufficient_quota": "insufficient_quota"}


class RefusedCall(exceptions.APIException):
    """A call with a wrong or missing parameter. `param` is its path in the body."""

    status_code = 400

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.error_code, self.status_code = message, param, code, status


class ModelNotFound(RefusedCall):
    """The message repeats a name only where a model could have it: anything else may be a caller's words."""

    def __init__(self, model: str) -> None:
        named = f"The model `{model}`" if MODEL_NAME.fullmatch(model) else "This model"
        super().__init__(
            f"{named} does not exist, or it is no longer offered.",
            param="model",
            code="model_not_found",
            status=404,
        )


def error_body(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> JsonResponse:
    """An error in OpenAI's shape. `param` is the path of the parameter that is wrong."""
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    error = {"message": message, "type": _KINDS.get(code or "", kind), "param": param, "code": code}
    return JsonResponse({"error": error}, status=status, headers={"Cache-Control": NEVER})


def answer_in_openai_shape(error: Exception, context: dict[str, Any]) -> HttpResponseBase:
    """DRF's exception handler for the gateway's views. It logs what `answer_error` logs."""
    if isinstance(error, RefusedCall):
        return error_body(error.status_code, error.message, param=error.param, code=error.error_code)
    answer = cast(HttpResponse, answer_error(error, context))
    told = json.loads(answer.content)
    # Some clients take a budget for a quota: both end for the day.
    status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, BudgetExhausted) else answer.status_code
    param = next((name for kind, name in _PARAMETERS.items() if isinstance(error, kind)), None)
    response = error_body(status, told["error"], param=param, code=_CODES.get(told["code"], told["code"]))
    for name in ("Retry-After", "WWW-Authenticate"):
        if name in answer:
            response[name] = answer[name]
    if "Retry-After" in response:
        response["Retry-After"] = str(min(int(response["Retry-After"]), MOST_RETRY_AFTER_SECONDS))
    if isinstance(error, BudgetExhausted):
        response["x-should-retry"] = "false"  # the official clients retry every other 429
    return response
