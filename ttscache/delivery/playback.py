"""One query loads what has to be known of a clip before it is played."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import Error
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from ttscache.access import Access, access_to, with_access
from ttscache.errors import StoreUnavailable
from ttscache.models import ACCESS_PRECISION, Clip
from ttscache.wiring import speech_cache


@dataclass(frozen=True, slots=True)
class PlaybackRecord:
    """A clip on record, and who may hear it. `is_touched`: it was asked for within the last hour."""

    clip: Clip
    access: Access
    is_touched: bool

    def touch(self) -> bool:
        """Note that the clip is asked for now; False if it was removed meanwhile. Raises StoreUnavailable.

        Call it before the bytes are looked for: from then on no prune takes the clip. One statement, and
        none if the last one is less than an hour old. A prune that is removing the row makes the statement
        wait, and then match nothing.
        """
        if self.is_touched:
            return True
        try:
            return bool(Clip.objects.filter(pk=self.clip.pk).update(last_accessed_at=Now()))
        except Error as error:
            raise StoreUnavailable from error


def load_for_playback(content_hash: str, *, hidden_too: bool) -> PlaybackRecord | None:
    """The record, with the bytes if only the database has them. Raises StoreUnavailable.

    `hidden_too`: also a clip that only staff and token holders may hear.
    """
    is_touched = ExpressionWrapper(
        Q(last_accessed_at__gte=Now() - ACCESS_PRECISION), output_field=BooleanField()
    )
    clips = with_access(Clip.objects.filter(content_hash=content_hash)).annotate(is_touched=is_touched)
    if not hidden_too:
        clips = clips.filter(Q(is_published=True) | Q(is_audible=True) | Q(is_shareable=True))
    if not speech_cache().tiers.is_local(content_hash):
        clips = clips.select_related("file")
    try:
        clip = clips.first()
    except Error as error:
        raise StoreUnavailable from error
    if clip is None:
        return None
    return PlaybackRecord(clip, access_to(clip), clip.is_touched)
