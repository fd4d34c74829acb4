"""Rows for tests of the reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from harness.clips import speech
from ttscache.models import Clip
from ttscache.reports.scope import Scope

NOW = datetime(2026, 11, 23, 10, 42, 30, tzinfo=UTC)  # a Monday
BEGINS = {  # the start of each range at that moment, not computed by the product
    "24h": datetime(2026, 11, 22, 11, tzinfo=UTC),
    "7d": datetime(2026, 11, 17, tzinfo=UTC),
    "30d": datetime(2026, 10, 25, tzinfo=UTC),
    "90d": datetime(2026, 8, 26, tzinfo=UTC),
    "365d": datetime(2025, 11, 25, tzinfo=UTC),
}


def clip_with(text: str, voice: str = "nova", kind: str = "question", **fields: Any) -> Clip:
    clip = Clip.objects.record(speech(text, voice), kind)
    Clip.objects.filter(pk=clip.pk).update(**fields)
    clip.refresh_from_db()
    return clip


def sound(days_ago: float = 0, size: int = 1_000) -> dict[str, Any]:
    """The fields of a clip that was made `days_ago`, with `size` bytes at rest."""
    stored_at = timezone.now() - timedelta(days=days_ago)
    return {"stored_at": stored_at, "stored_size": size, "audio_file_size": 2 * size}


def usual(**given: str) -> Scope:
    return Scope.from_query(given)
