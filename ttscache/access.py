"""Access: decides from a clip's pins who may hear it."""

from __future__ import annotations

from enum import Enum

from django.db.models import Exists, OuterRef, QuerySet

from ttscache.models import Clip, Pin


class Access(Enum):
    PUBLISHED = "published"  # anyone, and anyone's cache may keep it
    AUDIBLE = "audible"  # anyone who knows its address: live until lately, or a reflection
    RESTRICTED = "restricted"  # staff and token holders


def with_access(clips: QuerySet[Clip]) -> QuerySet[Clip]:
    """Annotate the clips with their pins, in the same query; `access_to` needs that."""
    pins = Pin.objects.filter(content_hash=OuterRef("content_hash"))
    return clips.annotate(is_published=Exists(pins.published()), is_audible=Exists(pins.audible()))


def access_to(clip: Clip) -> Access:
    """Return who may hear this clip. Load it through `with_access`, otherwise this raises AttributeError."""
    if clip.is_published:  # type: ignore[attr-defined]
        return Access.PUBLISHED
    if clip.is_audible or clip.is_shareable:  # type: ignore[attr-defined]
        return Access.AUDIBLE
    return Access.RESTRICTED
