"""Which clips a prune may remove: not requested for long, not pinned, and not being made.

Irreplaceable clips are never stale, in use or not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThan

from ttscache.models import Clip, Lease, Pin, WarmItem
from ttscache.renditions.irreplaceable import irreplaceable_clips, irreplaceable_condition, models_to_keep

OUT_OF_USE_DAYS = 7  # after which a clip that was taken out of use is removed


def stale_clips(days: int) -> QuerySet[Clip]:
    """Clips not requested for so many days. Clips out of use are stale after OUT_OF_USE_DAYS.

    The clock of an adopted clip starts at its adoption, not at the earlier system's last request.
    """
    clips = Clip.objects.filter(_last_requested_before(days) | _is_out_of_use())
    return _stale(clips, models_to_keep())


def stale_lists(days: int, kept_models: Collection[str]) -> tuple[QuerySet[Clip], QuerySet[Clip]]:
    """The clips of `stale_clips` in two lists that are quick to read: old clips, oldest first, by an index;
    and clips out of use, in one pass over the table. `kept_models` is the result of `models_to_keep`."""
    is_old = _last_requested_before(days)
    old = Clip.objects.filter(is_old)
    others = Clip.objects.filter(_is_out_of_use()).exclude(is_old)
    return (
        _stale(old, kept_models).order_by("last_accessed_at"),
        _stale(others, kept_models).order_by(),
    )


def held_though_stale(days: int, kept_models: Collection[str]) -> QuerySet[Clip]:
    """Clips that are old enough to be stale but stay: pinned, or irreplaceable."""
    return Clip.objects.filter(_last_requested_before(days)).filter(
        _is_held() | irreplaceable_condition(kept_models)
    )


def removable_irreplaceable_clips() -> QuerySet[Clip]:
    """Irreplaceable clips that no text uses. Only a person may have them removed."""
    return _unprotected(irreplaceable_clips())


def held_irreplaceable_clips() -> QuerySet[Clip]:
    """Irreplaceable clips that a text uses. No command removes them."""
    return irreplaceable_clips().filter(_is_held())


def _stale(clips: QuerySet[Clip], kept_models: Collection[str]) -> QuerySet[Clip]:
    return _unprotected(clips).filter(~irreplaceable_condition(kept_models))


def _unprotected(clips: QuerySet[Clip]) -> QuerySet[Clip]:
    """Clips that no pin holds, that no process is making, and for which no run waits."""
    return clips.filter(~_is_held(), ~_is_leased(), ~_waits_in_a_run())


def _last_requested_before(days: int) -> Q:
    return Q(last_accessed_at__lt=Now() - timedelta(days=days))


def _is_out_of_use() -> Q:
    """Out of use for OUT_OF_USE_DAYS, and not requested since."""
    # An expression keeps the database from using the index of the column, which would read almost all rows.
    last_accessed_at = Coalesce("last_accessed_at", Now())
    return Q(LessThan(last_accessed_at, Now() - timedelta(days=OUT_OF_USE_DAYS)), is_active=False)


def _is_held() -> Exists:
    """Pinned: the audio of a draft, a live or recently live text, a system clip, or a popular reflection.

    The reflection bank and voices that are being prepared are pinned, too.
    """
    return Exists(Pin.objects.in_force().filter(content_hash=OuterRef("content_hash")))


def _is_leased() -> Exists:
    """Being made now. A lease with an error only records that the clip could not be made."""
    return Exists(Lease.objects.filter(name=OuterRef("content_hash"), until__gt=Now(), error=""))


def _waits_in_a_run() -> Exists:
    return Exists(WarmItem.objects.open().filter(clip=OuterRef("pk")))
