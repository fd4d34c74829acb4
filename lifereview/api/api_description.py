"""Completes the OpenAPI schema: examples, and the errors of each call in the shape in which they come.

drf-spectacular describes the serializers of the views. It knows neither the errors that the exception
handlers write nor the formats of a clip.
"""

from __future__ import annotations

from typing import Any

from lifereview.api.api_examples import REQUESTS, RESPONSES
from ttscache.audio import FORMATS

_CLIP = {"type": "string", "format": "binary"}
_API_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "One sentence for a person."},
        "code": {"type": "string", "description": "snake_case, for programs."},
        "voices": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The voices that exist, if the requested one does not.",
        },
    },
    "required": ["error", "code"],
}
_GATEWAY_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": "string", "nullable": True, "description": "The path of a wrong field."},
                "code": {"type": "string", "nullable": True},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}

# By status: what the error says, and its code in the API and in the gateway.
_ERRORS: dict[int, tuple[str, str, str | None]] = {
    400: ("The body has to be a JSON object.", "parse_error", None),
    401: ("This needs a valid API token.", "not_authenticated", "invalid_api_key"),
    403: ("You may not do this.", "forbidden", "forbidden"),
    404: ("There is nothing at this address.", "not_found", "unknown_url"),
    413: ("The request is too large.", "too_large", "too_large"),
    416: ("The clip has no such part.", "", None),
    429: ("Too many requests in a short time.", "throttled", "rate_limit_exceeded"),
    502: ("The voice service gave no usable answer.", "provider_failed", "provider_failed"),
    503: ("The store does not answer.", "store_unavailable", "store_unavailable"),
    504: ("The voice service took too long.", "provider_timeout", "provider_timeout"),
}
_CLIP_ADDRESS = "/api/audio/{content_hash}.{extension}"
_SPEAKING = ("/v1/audio/speech", "/api/text-to-speech", _CLIP_ADDRESS)
_NAMES_SOMETHING = ("/api/narratives", "/api/pre-cache-narratives", "/v1/audio/speech", "/v1/audio/prefetch")


def complete(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add what is missing to a generated schema (a postprocessing hook of drf-spectacular)."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components["Error"], components["GatewayError"] = _API_ERROR, _GATEWAY_ERROR
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            _add_clips(path, operation)
            _add_errors(path, operation)
            _add_examples(path, method, operation)
    return result


def _add_clips(path: str, operation: dict[str, Any]) -> None:
    if path not in _SPEAKING:
        return
    content = operation["responses"]["200"]["content"]
    content.update({each.media_type: {"schema": _CLIP} for each in FORMATS.values()})
    if "text/event-stream" in content:
        data = {"type": "string", "description": "JSON of `speech.audio.delta` or `speech.audio.done`."}
        event = {"type": "object", "properties": {"data": data}}
        content["text/event-stream"]["schema"] = event
    if path == _CLIP_ADDRESS:
        clip = {each.media_type: {"schema": _CLIP} for each in FORMATS.values()}
        operation["responses"] |= {
            "206": {"description": "The requested part of the clip.", "content": clip},
            "304": {"description": "The caller's copy is still right."},
            "416": {"description": _ERRORS[416][0]},
        }


def _add_errors(path: str, operation: dict[str, Any]) -> None:
    if path == "/api/health":
        return
    statuses = {400, 429, 503}
    if {} not in operation["security"]:
        statuses |= {401, 403}
    if "requestBody" in operation:
        statuses.add(413)
    if "{" in path or path in _NAMES_SOMETHING:
        statuses.add(404)
    if path in _SPEAKING:
        statuses |= {502, 504}
    statuses |= {status for status in _ERRORS if str(status) in operation["responses"]} - {416}
    for status in sorted(statuses):
        operation["responses"][str(status)] = _error(path, status)


def _error(path: str, status: int) -> dict[str, Any]:
    sentence, code, gateway_code = _ERRORS[status]
    if path.startswith("/v1/"):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        kind = "requests" if status == 429 else kind
        shown: Any = {"error": {"message": sentence, "type": kind, "param": None, "code": gateway_code}}
        schema = "GatewayError"
    else:
        shown, schema = {"error": sentence, "code": code}, "Error"
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": {code: {"value": shown}}}
    return {"description": sentence, "content": {"application/json": content}}


def _add_examples(path: str, method: str, operation: dict[str, Any]) -> None:
    call = f"{method.upper()} {path}"
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]
        body["examples"] = {
            name: {"value": value, "summary": name.capitalize()} for name, value in REQUESTS[call].items()
        }
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        shown = RESPONSES.get(f"{call} {status}", RESPONSES.get(call))
        for media_type, described in content.items():
            if status.startswith("2") and shown is not None and not media_type.startswith("audio/"):
                described["examples"] = {"answer": {"value": shown}}
