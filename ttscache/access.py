"""Who may hear a clip, decided by its pins alone."""

from __future__ import annotations

from enum import Enum

from django.db.models import Exists, OuterRef, QuerySet

from ttscache.models import Clip, Pin


class Access(Enum):
    PUBLISHED = "published"  # anyone, and anyone's cache may keep it
    AUDIBLE = "audible"  # anyone who knows its address: live until lately, or a reflection
    RESTRICTED = "restricted"  # staff and token holders


def with_access(clips: QuerySet[Clip]) -> QuerySet[Clip]:
    """The clips with what their pins say, which `access_to` reads."""
    pins = Pin.objects.filter(content_hash=OuterRef("content_hash"))
    return clips.annotate(is_published=Exists(pins.published()), is_audible=Exists(pins.audible()))


def access_to(clip: Clip) -> Access:
    """Who may hear a clip that was loaded by `with_access`."""
    if clip.is_published:  # type: ignore[attr-defined]
        return Access.PUBLISHED
    if clip.is_audible or clip.is_shareable:  # type: ignore[attr-defined]
        return Access.AUDIBLE
    return Access.RESTRICTED
