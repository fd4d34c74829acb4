"""The fields of a call of /v1/audio/speech, checked as OpenAI checks them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ttscache.api.gateway.errors import MODEL_NAME, ModelNotFound, RefusedCall
from ttscache.audio import FORMATS
from ttscache.conf import conf
from ttscache.errors import EmptyText
from ttscache.renditions.current import live_rendition
from ttscache.speech import (
    MOST_CHARACTERS_OF_A_CALL,
    OPENAI_VOICES,
    REALTIME_NAMESAKES,
    REALTIME_VOICES,
    SpeechRequest,
    VoiceRendition,
    is_realtime,
)
from ttscache.text.plain_text import has_words

OWN_MODEL = "life-review"  # plays the live rendition of a listener voice
MOST_INSTRUCTIONS = 4_096
LEAST_SPEED, MOST_SPEED = 0.25, 4.0

_VOICE_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,50}")


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """A checked call. `model` and `voice` are the names that the caller gave.

    `as_events`: the clip is sent as server-sent events.
    """

    speech: SpeechRequest
    model: str
    voice: str
    as_events: bool = False

    def spoken_by_live_rendition(self) -> SpeechRequest | None:
        """These words in the live rendition of the listener voice of that name; None if there is none.

        Raises SpeedOutOfRange later, where that rendition cannot speak at the requested speed.
        """
        if self.voice not in conf().listener_voices:
            return None
        found = _in_rendition(self.speech, live_rendition(self.voice))
        return None if found.model == self.speech.model else found


def checked_call(body: Mapping[str, Any], at: str = "") -> SpeechCall:
    """Check the body of a call. `at` is its path in a larger body. Raises RefusedCall or SpeechError."""
    fields = _Fields(body, at)
    model = fields.text("model", needed=True)
    if MODEL_NAME.fullmatch(model) is None:
        raise ModelNotFound(model)
    text = fields.text("input", needed=True)
    if not text:
        raise fields.refused("input", "`input` must hold at least one character.", "string_below_min_length")
    if len(text) > MOST_CHARACTERS_OF_A_CALL:
        message = f"`input` must have at most {MOST_CHARACTERS_OF_A_CALL:,} characters; it has {len(text):,}."
        raise fields.refused("input", message, "string_above_max_length")
    if not has_words(text):
        raise EmptyText
    voice = fields.voice()
    audio_format = fields.choice("response_format", tuple(FORMATS), "mp3")
    speed = fields.number("speed", LEAST_SPEED, MOST_SPEED, 1.0)
    instructions = fields.text("instructions")
    if len(instructions) > MOST_INSTRUCTIONS:
        message = f"`instructions` must have at most {MOST_INSTRUCTIONS:,} characters."
        raise fields.refused("instructions", message, "string_above_max_length")
    stream_format = fields.choice("stream_format", ("audio", "sse"), "audio")
    ignores_instructions = model.startswith("tts-1")
    if stream_format == "sse" and ignores_instructions:
        message = f"`stream_format` `sse` is not supported for the model `{model}`."
        raise fields.refused("stream_format", message, "unsupported_value")
    speech = SpeechRequest(
        text=text,
        voice=voice,
        model=model,
        audio_format=audio_format,
        speed=speed,
        instructions="" if ignores_instructions else instructions,
    )
    if model == OWN_MODEL:
        fields.require_voice(voice, conf().listener_voices)
        speech = _in_rendition(speech, live_rendition(voice))
    else:
        speech = replace(speech, voice=_voice_of_model(fields, voice, model))
    return SpeechCall(speech, model, voice, stream_format == "sse")


def _in_rendition(speech: SpeechRequest, live: VoiceRendition) -> SpeechRequest:
    """The words, format, speed and instructions of the call, in the voice and model of the rendition."""
    return replace(
        live.request(speech.text),
        audio_format=speech.audio_format,
        speed=live.speed if speech.speed == 1 else speech.speed,
        instructions=speech.instructions or live.instructions,
    )


def _voice_of_model(fields: _Fields, voice: str, model: str) -> str:
    """The name under which the model knows this voice. Raises RefusedCall."""
    given = conf()
    fields.require_voice(
        voice, tuple(dict.fromkeys((*given.voices, *OPENAI_VOICES, *given.voices_by_role.values())))
    )
    if not is_realtime(model) or voice in REALTIME_VOICES:
        return voice
    played_by = live_rendition(voice) if voice in given.listener_voices else None
    if played_by is not None and played_by.model == model:
        return played_by.voice
    return REALTIME_NAMESAKES.get(voice, voice)


class _Fields:
    """Reads the fields of one body. JSON values are never converted to another type; null means absent."""

    def __init__(self, body: Mapping[str, Any], at: str) -> None:
        self._body, self._at = body, at

    def refused(self, name: str, message: str, code: str | None = None) -> RefusedCall:
        return RefusedCall(message, param=f"{self._at}{name}", code=code)

    def text(self, name: str, *, needed: bool = False) -> str:
        value = self._body.get(name)
        if value is None and needed:
            raise self.refused(name, f"Missing required parameter: `{name}`.", "missing_required_parameter")
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong_type(name, "a string")
        return value

    def voice(self) -> str:
        """The voice's name, which may also come as {"id": "<name>"}."""
        value = self._body.get("voice")
        if isinstance(value, dict):
            value = value.get("id")
        if value is None:
            raise self.refused("voice", "Missing required parameter: `voice`.", "missing_required_parameter")
        if not isinstance(value, str):
            raise self._wrong_type("voice", 'a string or {"id": "<name>"}')
        return value

    def require_voice(self, voice: str, voices: tuple[str, ...]) -> None:
        if _VOICE_NAME.fullmatch(voice) is None or voice not in voices:
            message = f"There is no such voice here. Supported values are: {_listed(voices)}."
            raise self.refused("voice", message, "invalid_value")

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in allowed:
            message = f"Invalid value for `{name}`. Supported values are: {_listed(allowed)}."
            raise self.refused(name, message, "invalid_value")
        return value

    def number(self, name: str, least: float, most: float, default: float) -> float:
        value = self._body.get(name)
        if value is None:
            return default
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # isfinite() cannot take a whole number of more than 308 digits.
        if not is_number or (isinstance(value, float) and not math.isfinite(value)):
            raise self._wrong_type(name, "a number")
        if not least <= value <= most:
            message = f"`{name}` must be from {least} to {most}."
            raise self.refused(name, message, "invalid_value")
        return float(value)

    def _wrong_type(self, name: str, expected: str) -> RefusedCall:
        return self.refused(name, f"Invalid type for `{name}`: expected {expected}.", "invalid_type")


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
