"""Loads all that playback needs to know about a clip, in one query, or in none if it was loaded just now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cachebox import TTLCache
from django.db import Error
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from ttscache.access import Access, access_to, with_access
from ttscache.errors import StoreUnavailable
from ttscache.models import ACCESS_PRECISION, Clip
from ttscache.tiers.chain import Hit
from ttscache.wiring import speech_cache

# Far less than the day that a prune waits at least, so that no clip is removed unseen in the meantime.
REMEMBERED_SECONDS = 5.0
_touched: TTLCache[str, bool] = TTLCache(10_000, REMEMBERED_SECONDS)


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
        try:
            is_there = self.is_touched or bool(
                Clip.objects.filter(pk=self.clip.pk).update(last_accessed_at=Now())
            )
        except Error as error:
            raise StoreUnavailable from error
        if is_there:
            _touched[self.clip.content_hash] = True
        return is_there


def load_for_playback(content_hash: str, *, hidden_too: bool) -> PlaybackRecord | None:
    """The record, or None. Bytes in the database are loaded with it unless this host has a copy.

    `hidden_too` includes clips that only staff and token holders may hear. Raises StoreUnavailable.
    """
    clips = _clips(hidden_too=hidden_too, with_bytes=not speech_cache().has_local(content_hash))
    try:
        clip = next(iter(clips.filter(content_hash=content_hash)), None)
    except Error as error:
        raise StoreUnavailable from error
    if clip is None:
        return None
    is_touched = clip.is_touched  # type: ignore[attr-defined]
    return PlaybackRecord(clip, access_to(clip), is_touched)


@cache
def _clips(*, hidden_too: bool, with_bytes: bool) -> QuerySet[Clip]:
    """The query without its hash, kept because Django takes longer to put it together than to run it."""
    is_touched = ExpressionWrapper(
        Q(last_accessed_at__gte=Now() - ACCESS_PRECISION), output_field=BooleanField()
    )
    clips = with_access(Clip.objects.order_by()).annotate(is_touched=is_touched)
    if not hidden_too:
        clips = clips.filter(Q(is_published=True) | Q(is_audible=True) | Q(is_shareable=True))
    return clips.select_related("file") if with_bytes else clips


def find_known(content_hash: str) -> Hit | None:
    """Find a copy on this host of a clip that is certainly on record, without a query.

    Either the clip is published, so that its pins hold it, or this process touched it a few seconds ago. Ask
    only for callers who may hear every clip.
    """
    if content_hash in _touched:
        return speech_cache().tiers.find_local(content_hash)
    return speech_cache().find_published(content_hash)


def find_touched(content_hash: str, record: PlaybackRecord | None) -> Hit | None:
    """Find the bytes of a clip whose record was just touched.

    None for a clip that is not on record any more: this host drops the copy that it may still hold.
    """
    if record is None:
        speech_cache().forget([content_hash])
        return None
    return speech_cache().find(content_hash, loaded=record.clip)
