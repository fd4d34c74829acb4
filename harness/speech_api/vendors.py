"""Vendors: services with OpenAI's protocol that differ from it as real ones do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.speech_api import protocol, realtime
from harness.speech_api.protocol import Refused, Speech, json_body, parse_speech
from harness.speech_api.sound import CODINGS


@dataclass(frozen=True, kw_only=True)
class VendorProfile:
    """The abilities of one service. The defaults are OpenAI's.

    `formats` are the formats that it sends. It refuses others, or with `is_deaf_to_format` always sends the
    first one. With `is_without_shutdown_dates` its list of models has no such field.
    """

    models: tuple[str, ...] = (*protocol.MODELS, *realtime.MODELS)
    voices: tuple[str, ...] = ()
    takes_speed: bool = True
    most_characters: int = protocol.MOST_CHARACTERS
    formats: tuple[str, ...] = tuple(CODINGS)
    is_deaf_to_format: bool = False
    media_type: str = ""  # sent for every clip instead of the true one
    is_without_shutdown_dates: bool = False

    def parse(self, body: bytes, extra_voices: tuple[str, ...] = ()) -> Speech:
        """Read a request. Raises Refused, with messages of its own where OpenAI would accept it."""
        if not self.voices:
            return parse_speech(body, extra_voices)
        given = json_body(body)
        speech = self._speech(given)
        if "speed" in given and not self.takes_speed:
            raise _forbidden("speed")
        if len(speech.text) > self.most_characters:
            raise Refused(400, "The input is too long.", code="input_too_long")
        if self.is_deaf_to_format:
            return speech
        if speech.audio_format not in self.formats:
            raise Refused(400, f"response_format must be one of {list(self.formats)}")
        return speech

    def _speech(self, given: dict[str, object]) -> Speech:
        model, voice, text = (given.get(name) for name in ("model", "voice", "input"))
        if model not in self.models:
            raise Refused(404, f"The model `{model}` does not exist.", code="model_not_found")
        if voice not in self.voices:
            raise Refused(400, f"Voice '{voice}' not found. Available: {', '.join(self.voices)}")
        if not isinstance(text, str) or not text:
            raise Refused(400, "input must be a text")
        speed = given.get("speed", 1)
        return Speech(
            text=text,
            voice=str(voice),
            model=str(model),
            audio_format=self.formats[0]
            if self.is_deaf_to_format
            else str(given.get("response_format", "mp3")),
            speed=float(speed) if isinstance(speed, int | float) else 1.0,
            instructions=str(given.get("instructions") or ""),
        )


def _forbidden(field: str) -> Refused:
    problem: dict[str, object] = {
        "type": "extra_forbidden",
        "loc": ["body", field],
        "msg": "Extra inputs are not permitted",
    }
    return Refused(422, "", detail=[problem])


def _other(**differences: Any) -> VendorProfile:
    return VendorProfile(
        models=("my-model",), voices=("ada", "karl"), is_without_shutdown_dates=True, **differences
    )


_DEAF = {"formats": ("pcm",), "is_deaf_to_format": True}

# Started with `OpenAIServer(profile="no_speed")`, or `python -m harness.openai_server --profile no_speed`.
VENDORS = {
    "openai": VendorProfile(),
    "no_speed": _other(takes_speed=False),
    "limit_500": _other(most_characters=500),
    "pcm_only": _other(formats=("pcm",)),
    "always_pcm": _other(**_DEAF),
    "raw_pcm": _other(**_DEAF, media_type="application/octet-stream"),
    # All limits in one: a sentence or two, only WAV, no speed.
    "short_wav": _other(takes_speed=False, most_characters=200, formats=("wav",)),
}
