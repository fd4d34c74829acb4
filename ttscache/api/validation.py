"""Validation of request bodies. JSON values are never converted to another type."""

from __future__ import annotations

import re
from typing import Any

from django.http import UnreadablePostError
from rest_framework import exceptions, serializers, validators
from rest_framework.request import Request

from ttscache.api.errors import UnknownVoiceOf
from ttscache.conf import conf

_SURROGATE = re.compile("[\ud800-\udfff]")


class _NoSurrogates(validators.ProhibitSurrogateCharactersValidator):
    """DRF's validator takes each character in turn, a millisecond for a long text, so it only names them."""

    def __call__(self, value: Any) -> None:
        if _SURROGATE.search(value):
            super().__call__(value)


class StrictCharField(serializers.CharField):
    """A JSON string. Numbers are refused; blanks at both ends are kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"trim_whitespace": False, "allow_blank": True} | options))
        slow = validators.ProhibitSurrogateCharactersValidator
        self.validators = [_NoSurrogates() if type(each) is slow else each for each in self.validators]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class StrictIntegerField(serializers.IntegerField):
    """A whole JSON number. Strings, fractions and booleans are refused."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:  # a bool is an int as well
            self.fail("invalid")
        return data


class StrictBooleanField(serializers.BooleanField):
    """true or false. Strings and numbers are refused, so that "false" is never read as true."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; empty if there is no body. Raises ParseError for other JSON, null included."""
    try:
        data = request.data
    except UnreadablePostError as broken:  # the client has left, or was cut off because it is too slow
        raise exceptions.ParseError from broken
    if not isinstance(data, dict):
        raise exceptions.ParseError
    return data


def checked_voice(voice: str | None, voices: tuple[str, ...]) -> str:
    """The voice, or the default voice if none is named. Raises UnknownVoice."""
    if not voice:
        return conf().default_voice
    if voice not in voices:
        raise UnknownVoiceOf(voices)
    return voice
