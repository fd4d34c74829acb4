"""GenerationJob: one clip to be made, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ttscache.speaking import PARTS_AT_ONCE
from ttscache.speech import SpeechRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationJob:
    """`is_on_record`: the caller has just touched its record. `made_ahead`: no listener has asked for it."""

    request: SpeechRequest
    content_type: str
    parts_at_once: int = PARTS_AT_ONCE
    made_ahead: bool = False
    newer_than: datetime | None = None
    is_on_record: bool = False
