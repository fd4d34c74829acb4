"""How many last takes are missing before a listener voice is switched off."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from ttscache.renditions import retirement
from ttscache.reports.cached import remembered
from ttscache.warming.last_takes import find_last_takes, retiring_models


@dataclass(frozen=True, slots=True)
class MissingTakes:
    """The number of missing last takes, and the first day on which they cannot be made any more."""

    clips: int
    from_day: date


def missing_last_takes() -> MissingTakes | None:
    """None if no last take is missing, or no listener voice is switched off soon. Raises Error."""
    soon = [model for model in retiring_models() if retirement.retires_soon(model)]
    from_day = retirement.shutdown_date(soon[0]) if soon else None
    if from_day is None:
        return None
    by_model: dict[str, int] = remembered("last-takes", _missing_by_model).found
    missing = sum(by_model.get(model, 0) for model in soon)
    return MissingTakes(missing, from_day) if missing else None


def _missing_by_model() -> dict[str, int]:
    return dict(Counter(clip.model for clip in find_last_takes().planned.missing))
