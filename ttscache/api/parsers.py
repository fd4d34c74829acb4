"""Reads JSON bodies."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class JsonBodyParser(JSONParser):
    """Takes a byte order mark at the start (RFC 8259, section 8.1): some programs on Windows write one."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read().removeprefix(codecs.BOM_UTF8)
        content = super().parse(io.BytesIO(body), media_type, parser_context)
        self.check(body, (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET))
        return content

    def check(self, body: bytes, charset: str) -> None:
        """Raise ParseError for a body that can be read and is refused all the same. Here there is none."""


class UnambiguousJsonParser(JsonBodyParser):
    """Refuses a field that is given twice, of which JSON's readers silently take the last."""

    def check(self, body: bytes, charset: str) -> None:
        json.loads(body.decode(charset), object_pairs_hook=_without_repetition)


def _without_repetition(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise ParseError("A field is given twice.")
