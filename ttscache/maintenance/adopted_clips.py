"""Look at adopted clips before a listener asks for them, so that their length and version are known."""

from __future__ import annotations

import logging
from typing import NamedTuple

from ttscache.models import Clip
from ttscache.tiers.database import DatabaseTier

logger = logging.getLogger(__name__)

BATCH = 100


class Examined(NamedTuple):
    whole: int
    broken: int


def examine_adopted_clips(limit: int = BATCH) -> Examined:
    """Note length and checksum of the next clips, one at a time; a broken one is made anew when asked for.

    Raises TierError while the database cannot be reached. Who does it twice at once loses only time.
    """
    tier = DatabaseTier()
    due = Clip.objects.unexamined().order_by("pk").values_list("content_hash", flat=True)[:limit]
    found = [tier.get(content_hash) is not None for content_hash in due]
    examined = Examined(found.count(True), found.count(False))
    if found:
        logger.info("Of %d adopted clips %d are whole, %d broken.", len(found), *examined)
    return examined
