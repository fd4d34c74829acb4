"""Who may hear a clip, decided by its pins alone."""

from __future__ import annotations

from enum import Enum

from cachebox import TTLCache
from django.db import DatabaseError

from ttscache.errors import StoreUnavailable
from ttscache.models import Clip, Pin

REMEMBER_SECONDS = 10


class Access(Enum):
    PUBLISHED = "published"  # anyone, and anyone's cache may keep it
    AUDIBLE = "audible"  # anyone who knows its address: lately live, or a reflection
    RESTRICTED = "restricted"  # staff and token holders


_allowed: TTLCache[str, Access] = TTLCache(10_000, REMEMBER_SECONDS)


def access_to(content_hash: str) -> Access:
    """What the pins say. A yes is remembered for a few seconds, a no never. Raises StoreUnavailable."""
    remembered = _allowed.get(content_hash)
    if remembered is not None:
        return remembered
    try:
        found = _look_up(content_hash)
    except DatabaseError as error:
        raise StoreUnavailable from error
    if found is not Access.RESTRICTED:
        _allowed[content_hash] = found
    return found


def _look_up(content_hash: str) -> Access:
    reasons = set(Pin.objects.audible().filter(content_hash=content_hash).values_list("reason", flat=True))
    if reasons & {Pin.Reason.LIVE, Pin.Reason.SYSTEM}:
        return Access.PUBLISHED
    if reasons or Clip.objects.filter(content_hash=content_hash, is_shareable=True).exists():
        return Access.AUDIBLE
    return Access.RESTRICTED


def forget_decisions() -> None:
    """For whoever changes pins and wants this process to see it at once."""
    _allowed.clear()
