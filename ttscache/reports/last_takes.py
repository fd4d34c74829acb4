"""How many last takes are missing before a listener voice is switched off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ttscache.conf import conf
from ttscache.renditions.current import live_rendition
from ttscache.renditions.retirement import ModelOutlook
from ttscache.reports.cached import remembered
from ttscache.warming.last_takes import find_last_takes


@dataclass(frozen=True, slots=True)
class MissingTakes:
    """The number of missing last takes, and the first day on which they cannot be made any more."""

    clips: int
    from_day: date


def missing_last_takes(ending: Sequence[ModelOutlook]) -> MissingTakes | None:
    """None if no last take is missing, or no listener voice is switched off soon. Raises Error.

    `ending` are the models that have retired or retire soon, the earliest first.
    """
    spoken = {live_rendition(voice).model for voice in conf().listener_voices}
    soon = [each for each in ending if each.model in spoken and not each.is_retired]
    from_day = soon[0].shutdown_date if soon else None
    if from_day is None:
        return None
    by_model: dict[str, int] = remembered("last-takes", _missing_by_model).found
    missing = sum(by_model.get(each.model, 0) for each in soon)
    return MissingTakes(missing, from_day) if missing else None


def _missing_by_model() -> dict[str, int]:
    return dict(Counter(clip.model for clip in find_last_takes().planned.missing))
