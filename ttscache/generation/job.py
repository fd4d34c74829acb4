"""GenerationJob: all facts about a clip that has to be made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ttscache.speech import SpeechRequest

PARTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """A clip to make. Jobs with equal content hashes are one job.

    `parts_at_once` limits the provider calls at once for a text that is too long for one call. `made_ahead`:
    no listener has asked for it. `newer_than`: make the clip again unless the stored one is newer than this;
    the old clip plays until the new one is stored, and stays if that fails. `is_on_record`: the caller has
    just touched the clip's row, so it exists and no prune can remove it meanwhile.
    """

    request: SpeechRequest
    content_type: str
    parts_at_once: int = PARTS_AT_ONCE
    made_ahead: bool = False
    newer_than: datetime | None = None
    is_on_record: bool = False

    @property
    def content_hash(self) -> str:
        return self.request.content_hash
