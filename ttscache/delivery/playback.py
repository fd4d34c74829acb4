"""Loads all that playback needs to know about a clip, in one query."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import Error
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from ttscache.access import Access, access_to, with_access
from ttscache.errors import StoreUnavailable
from ttscache.models import ACCESS_PRECISION, Clip
from ttscache.tiers.chain import Hit
from ttscache.wiring import speech_cache


@dataclass(frozen=True, slots=True)
class PlaybackRecord:
    """A clip on record, and who may hear it. `is_touched`: it was requested within the last hour."""

    clip: Clip
    access: Access
    is_touched: bool

    def touch(self) -> bool:
        """Note that the clip is requested now; False if it was removed meanwhile. Raises StoreUnavailable.

        Call it before looking for the bytes: from then on no prune removes the clip. It costs one statement,
        or none within an hour of the last. If a prune is removing the row, the statement waits for it and
        then matches nothing.
        """
        if self.is_touched:
            return True
        try:
            return bool(Clip.objects.filter(pk=self.clip.pk).update(last_accessed_at=Now()))
        except Error as error:
            raise StoreUnavailable from error


def load_for_playback(content_hash: str, *, hidden_too: bool) -> PlaybackRecord | None:
    """The record, or None. Bytes in the database are loaded with it unless this host has a copy.

    `hidden_too` includes clips that only staff and token holders may hear. Raises StoreUnavailable.
    """
    is_touched = ExpressionWrapper(
        Q(last_accessed_at__gte=Now() - ACCESS_PRECISION), output_field=BooleanField()
    )
    clips = with_access(Clip.objects.filter(content_hash=content_hash)).annotate(is_touched=is_touched)
    if not hidden_too:
        clips = clips.filter(Q(is_published=True) | Q(is_audible=True) | Q(is_shareable=True))
    if not speech_cache().has_local(content_hash):
        clips = clips.select_related("file")
    try:
        clip = clips.first()
    except Error as error:
        raise StoreUnavailable from error
    if clip is None:
        return None
    return PlaybackRecord(clip, access_to(clip), clip.is_touched)


def find_touched(content_hash: str, record: PlaybackRecord | None) -> Hit | None:
    """Find the bytes of a clip whose record was just touched.

    None for a clip that is not on record any more: this host drops the copy that it may still hold.
    """
    if record is None:
        speech_cache().forget([content_hash])
        return None
    return speech_cache().find(content_hash, loaded=record.clip)
