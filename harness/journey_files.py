"""Journeys as files, for tests of the import."""

from __future__ import annotations

import json
from typing import Any

from narratives.editing import import_export
from narratives.models import Journey

A_ROW = {"slug": "a", "kind": "question", "title": "A", "text": "Why?"}


def rows_of(journey: Journey) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(import_export.as_json(journey))["narratives"]
    return rows


def a_file(rows: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"format": import_export.FORMAT, "version": 1, "narratives": rows, **more}).encode()
