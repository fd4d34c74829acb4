"""What is still to be made before a voice that listeners hear is switched off."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from ttscache.renditions import retirement
from ttscache.reports.cached import remembered
from ttscache.warming.last_takes import find_last_takes, retiring_models


@dataclass(frozen=True, slots=True)
class MissingTakes:
    """How many of the last takes are missing, and the first day on which nobody can make them."""

    clips: int
    from_day: date


def missing_last_takes() -> MissingTakes | None:
    """None where none is missing, or no voice that listeners hear is switched off soon. Raises Error."""
    soon = [model for model in retiring_models() if retirement.retires_soon(model)]
    from_day = retirement.shutdown_date(soon[0]) if soon else None
    if from_day is None:
        return None
    by_model: dict[str, int] = remembered("last-takes", _missing_by_model).found
    missing = sum(by_model.get(model, 0) for model in soon)
    return MissingTakes(missing, from_day) if missing else None


def _missing_by_model() -> dict[str, int]:
    return dict(Counter(clip.model for clip in find_last_takes().planned.missing))
