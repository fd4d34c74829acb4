"""Reads JSON bodies."""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping
from typing import IO, Any

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
