"""Examines adopted clips before a listener requests them: their length and checksum are not yet known."""

from __future__ import annotations

import logging
from typing import NamedTuple

from ttscache.connections import why_refused
from ttscache.errors import TierError
from ttscache.models import Clip
from ttscache.tiers.database import DatabaseTier

logger = logging.getLogger(__name__)

BATCH = 100


class Examined(NamedTuple):
    whole: int
    broken: int


def examine_adopted_clips(limit: int = BATCH) -> Examined:
    """Record length and checksum of the next clips. A broken clip is made anew at its next request.

    Two callers at once only lose time. Raises TierError while the database cannot be reached.
    """
    tier = DatabaseTier()
    due = Clip.objects.unexamined().order_by("pk").values_list("pk", "content_hash")
    found: list[bool] = []
    last = None
    while page := list((due.filter(pk__gt=last) if last else due)[: limit - len(found)]):
        for last, content_hash in page:  # noqa: B007 - the last one is where the next page begins
            try:
                found.append(tier.get(content_hash) is not None)  # reading a clip examines it
            except TierError as error:
                # It stays on the list, so it must not count: else a hundred of them would hold up all others.
                if not (reason := why_refused(error)):
                    raise
                logger.error("The adopted clip %s cannot be examined: %s.", content_hash, reason)
    examined = Examined(found.count(True), found.count(False))
    if found:
        logger.info("Examined %d adopted clips: %d are whole, %d are broken.", len(found), *examined)
    return examined
