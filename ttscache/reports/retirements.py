"""Models in use that the provider switches off soon, or has switched off."""

from __future__ import annotations

from ttscache.renditions.retirement import ModelOutlook, watched_models

VOICES_PAGE = "admin:ttscache_rendition_changelist"


def ending_models() -> list[ModelOutlook]:
    """Models that are retired or retire within AHEAD_DAYS, the earliest first. Raises Error."""
    return sorted((each for each in watched_models() if each.is_ending), key=lambda each: each.days_left or 0)
