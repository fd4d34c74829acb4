"""OpenAI's rules for a request, and its errors word for word."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from harness.speech_api.sound import CODINGS

# OpenAI's models and voices. The services of harness/speech_api/vendors.py have others.
MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
PLAIN_VOICES = ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
VOICES = (*PLAIN_VOICES, "ballad", "cedar", "marin", "verse")  # only gpt-4o-mini-tts has all of them
MOST_CHARACTERS = 4096


class Refused(Exception):
    """An error in OpenAI's form. With `detail` it has the form of FastAPI instead."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        detail: list[dict[str, object]] | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.kind: str | None = None  # in place of the type that goes with the status
        self.detail = detail

    @property
    def body(self) -> bytes:
        if self.detail is not None:
            return json.dumps({"detail": self.detail}).encode()
        kind = self.kind or {429: "requests", 500: "server_error", 503: "server_error"}.get(
            self.status, "invalid_request_error"
        )
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()


FAULT_STATUSES = {
    400: ("Your request was rejected as a result of our safety system.", "content_policy_violation"),
    402: ("Your account has no credit left.", None),
    401: (
        "Incorrect API key provided: sk-test********.",
        "invalid_api_key",
    ),
    403: ("Country, region, or territory not supported", "unsupported_country_region_territory"),
    404: ("The model does not exist or you do not have access to it.", "model_not_found"),
    405: ("Method not allowed for this address.", None),
    410: ("This model has been shut down. See the deprecations page for its replacement.", "model_not_found"),
    429: ("Rate limit reached for this model on requests per min (RPM).", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", None),
    503: ("The server is currently overloaded with other requests. Please try again later.", None),
}


def fault(status: int) -> Refused:
    message, code = FAULT_STATUSES[status]
    return Refused(status, message, code=code)


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A request that OpenAI would accept."""

    text: str
    voice: str
    model: str
    audio_format: str
    speed: float
    instructions: str


def require_key(authorization: str | None) -> None:
    scheme, _, key = (authorization or "").partition(" ")
    if scheme != "Bearer" or not key.strip():
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header using"
            " Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        raise Refused(401, message)


def json_body(body: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises Refused."""
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "We could not parse the JSON body of your request. It must be an object.")
    return given


def parse_speech(body: bytes, extra_voices: tuple[str, ...] = ()) -> Speech:
    """Read a request. Raises Refused, checking the fields in OpenAI's order."""
    given = json_body(body)
    model = _model(given)
    return Speech(
        model=model,
        text=_text(given),
        voice=_voice(given, model, extra_voices),
        audio_format=_audio_format(given),
        speed=_speed(given),
        instructions=_instructions(given),
    )


def _model(given: dict[str, Any]) -> str:
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "you must provide a model parameter")
    if model not in MODELS:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(404, message, code="model_not_found")
    return model


def _text(given: dict[str, Any]) -> str:
    text = given.get("input")
    if not isinstance(text, str):
        raise _invalid("input", "missing", "Field required")
    if not text:
        raise _invalid("input", "string_too_short", "String should have at least 1 character")
    if len(text) > MOST_CHARACTERS:
        raise _invalid("input", "string_too_long", f"String should have at most {MOST_CHARACTERS} characters")
    return text


def _voice(given: dict[str, Any], model: str, extra_voices: tuple[str, ...]) -> str:
    known = (VOICES if model.startswith("gpt-") else PLAIN_VOICES) + extra_voices
    voice = given.get("voice")
    if voice is None:
        raise _invalid("voice", "missing", "Field required")
    if voice not in known:
        raise _invalid("voice", "enum", f"Input should be {_one_of(known)}")
    return str(voice)


def _audio_format(given: dict[str, Any]) -> str:
    audio_format = given.get("response_format", "mp3")
    if audio_format not in CODINGS:
        raise _invalid("response_format", "enum", f"Input should be {_one_of(tuple(CODINGS))}")
    return str(audio_format)


def _speed(given: dict[str, Any]) -> float:
    speed = given.get("speed", 1)
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise _invalid("speed", "float_type", "Input should be a valid number")
    if speed < 0.25:
        raise _invalid("speed", "greater_than_equal", "Input should be greater than or equal to 0.25")
    if speed > 4:
        raise _invalid("speed", "less_than_equal", "Input should be less than or equal to 4")
    return float(speed)


def _instructions(given: dict[str, Any]) -> str:
    instructions = given.get("instructions") or ""
    if not isinstance(instructions, str):
        raise _invalid("instructions", "string_type", "Input should be a valid string")
    return instructions


def _invalid(field: str, kind: str, message: str) -> Refused:
    return Refused(400, str([{"type": kind, "loc": ("body", field), "msg": message}]))


def _one_of(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
