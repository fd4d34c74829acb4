"""What takes the database long is asked now and then: the page shows what was found, and when."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.core.cache import cache
from django.db import Error, connections
from django.utils import timezone

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

FRESH = timedelta(minutes=1)
TOO_OLD = timedelta(days=1)  # to be shown at all
REFRESH_SECONDS = 120  # after which another may try


@dataclass(frozen=True, slots=True)
class Remembered(Generic[Found]):
    found: Found
    as_of: datetime


def remembered(name: str, find: Callable[[], Found], fresh: timedelta = FRESH) -> Remembered[Found]:
    """What `find` found lately; what is older, by a day at most, is shown while it is found anew.

    `find` may run in a thread of its own, one over all processes. Raises DatabaseError.
    """
    key = f"figures:{name}"
    known: Remembered[Found] | None = cache.get(key)
    if known is None or timezone.now() - known.as_of > TOO_OLD:
        return _find(key, find)
    if timezone.now() - known.as_of > fresh and cache.add(f"{key}:refreshing", True, REFRESH_SECONDS):
        threading.Thread(target=_refresh, args=[key, find], name="figures", daemon=True).start()
    return known


def _find(key: str, find: Callable[[], Found]) -> Remembered[Found]:
    result = Remembered(find(), timezone.now())
    cache.set(key, result, timeout=2 * TOO_OLD.total_seconds())
    return result


def _refresh(key: str, find: Callable[[], Found]) -> None:
    try:
        _find(key, find)
    except Error:
        logger.warning("Some figures stay as they are; the database does not answer.")
    finally:
        cache.delete(f"{key}:refreshing")
        connections.close_all()
