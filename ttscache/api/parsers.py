"""Reads JSON bodies."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Mapping
from typing import IO, Any

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
        return super().parse(io.BytesIO(body), media_type, parser_context)


class UnambiguousJsonParser(JsonBodyParser):
    """Refuses a field that is given twice, of which JSON's readers silently take the last."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read()
        read = super().parse(io.BytesIO(body), media_type, parser_context)
        json.loads(body.removeprefix(codecs.BOM_UTF8), object_pairs_hook=_without_repetition)
        return read


def _without_repetition(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise ParseError("A field is given twice.")
