"""Compares all tiers with the records, in both directions, and repairs differences.

The site may serve meanwhile: each repair looks again, and leaves alone what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.db.models import F, Q, QuerySet

from ttscache.cache import SpeechCache
from ttscache.maintenance.files_to_keep import files_to_keep
from ttscache.models import Clip, ClipFile, ContentType, PermanentStore, Pin, is_stored_in
from ttscache.renditions.irreplaceable import cannot_be_made_again, irreplaceable_clips
from ttscache.tiers import Entry, pages_of
from ttscache.tiers.files import FileTier
from ttscache.tiers.records import (
    PermanentTier,
    as_tier_error,
    forget_damaged_audio,
    kept_clip,
    why_too_short,
)
from ttscache.tiers.storage import StorageTier

BATCH = 500
STAYS = "cannot be made again; it stays as it is"


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference. `name` is a content hash, or the tier's name for something that has none.

    `remedy` says in words what `mend` does. Without `mend`, a person has to act.
    """

    tier: str
    problem: str
    name: str
    remedy: str
    mend: Callable[[], None] | None = None


def findings(cache: SpeechCache) -> Iterator[Finding]:
    """Find all differences. It may take hours, because it reads every stored byte. Raises TierError."""
    for tier in cache.tiers.permanents:
        if isinstance(tier, StorageTier):
            tier.check()
        yield from _records_without_good_bytes(cache, tier)
    yield from _records_of_no_tier(cache)
    yield from _forgotten_clips()
    yield from _rows_without_record()
    for tier in cache.tiers.permanents:
        if isinstance(tier, StorageTier):
            yield from _objects_without_record(tier)
    for local in cache.tiers.local:
        if isinstance(local, FileTier):  # what is in memory goes with its process
            yield from _local_clips(cache, local)
            yield from _files_of_no_clip(local)


# --- the permanent tiers ----------------------------------------------------------------------------------
def _records_without_good_bytes(cache: SpeechCache, tier: PermanentTier) -> Iterator[Finding]:
    kept = Clip.objects.stored_by(PermanentStore(tier.name))
    for content_hash in _hashes(kept):
        with as_tier_error():
            clip = kept_clip(content_hash, PermanentStore(tier.name))
        if clip is None:
            continue  # it was removed meanwhile
        entry = tier.read(clip)
        if entry is None:
            yield _lost(cache, tier, clip)
        elif (reason := why_too_short(entry, clip)) and cannot_be_made_again(clip):
            yield Finding(tier.name, f"short: {reason}", content_hash, STAYS)
        elif reason:
            forget = partial(_forget_everywhere, cache, clip)
            yield Finding(tier.name, f"short: {reason}", content_hash, "is made again when asked for", forget)
        elif _is_size_wrong(clip, entry):
            correct = partial(_correct_size, clip, entry)
            yield Finding(tier.name, "a wrong size in the record", content_hash, "is corrected", correct)


def _is_size_wrong(clip: Clip, entry: Entry) -> bool:
    row: ClipFile | None = getattr(clip, "file", None)
    return clip.audio_file_size != entry.size or (row is not None and row.file_size != len(row.file_data))


def _correct_size(clip: Clip, entry: Entry) -> None:
    row: ClipFile | None = getattr(clip, "file", None)
    with as_tier_error():
        Clip.objects.filter(pk=clip.pk, checksum=entry.checksum).update(audio_file_size=entry.size)
        if row is not None:
            ClipFile.objects.filter(pk=row.pk, created_at=row.created_at).update(file_size=len(row.file_data))


def _lost(cache: SpeechCache, tier: PermanentTier, clip: Clip) -> Finding:
    problem = "damaged bytes" if tier.has_bytes(clip) else "a record without bytes"
    copy = _local_copy(cache, clip)
    if copy is None and cannot_be_made_again(clip):
        return Finding(tier.name, problem, clip.content_hash, STAYS)
    if copy is None:
        forget = partial(_forget, clip)
        return Finding(tier.name, problem, clip.content_hash, "is made again when asked for", forget)
    put_back = partial(cache.tiers.permanent.put, copy)
    return Finding(tier.name, problem, clip.content_hash, "is put back from this host's files", put_back)


def _local_copy(cache: SpeechCache, clip: Clip) -> Entry | None:
    """This host's copy, if its bytes are those of the record."""
    found = (tier.get(clip.content_hash) for tier in cache.tiers.local)
    return next((entry for entry in found if entry and entry.checksum == clip.checksum), None)


def _forget(clip: Clip) -> None:
    with as_tier_error():
        forget_damaged_audio(clip)  # it checks again whether the model has retired since


def _forget_everywhere(cache: SpeechCache, clip: Clip) -> None:
    """Forget the audio and drop this host's copies, which would otherwise be stored again."""
    _forget(clip)
    for tier in cache.tiers.local:
        held = tier.get(clip.content_hash)
        if held is not None and held.checksum == clip.checksum:
            tier.delete(clip.content_hash)


def _records_of_no_tier(cache: SpeechCache) -> Iterator[Finding]:
    at_hand = {tier.name for tier in cache.tiers.permanents}
    out_of_reach = Clip.objects.filter(stored_at__isnull=False).exclude(stored_in__in=at_hand)
    for content_hash in _hashes(out_of_reach):
        yield Finding(
            "records", "stored in a tier that is not set up here", content_hash, "set up its bucket"
        )


def _forgotten_clips() -> Iterator[Finding]:
    """Damaged clips that were to be made again, but whose model retired before their next request."""
    with as_tier_error():
        forgotten = list(irreplaceable_clips().filter(stored_at__isnull=True).defer("waveform"))
    for clip in filter(cannot_be_made_again, forgotten):
        yield Finding(clip.stored_in, "damaged bytes", clip.content_hash, STAYS)


def _rows_without_record() -> Iterator[Finding]:
    """Bytes in the database that no record claims.

    Bytes of an adopted or an irreplaceable clip stay until the clip is made anew, even if they are damaged,
    because there may be no others.
    """
    is_meant = is_stored_in(PermanentStore.DATABASE, "cache__")
    is_adopted = Q(cache__adopted_at__isnull=False)
    with as_tier_error():
        unmeant = ClipFile.objects.exclude(is_meant | is_adopted).exclude(cache__in=irreplaceable_clips())
        unmeant = unmeant.annotate(content_hash=F("cache__content_hash"))
        found = list(unmeant.values_list("pk", "content_hash"))
    for row, content_hash in found:
        drop = partial(_drop_row, unmeant.filter(pk=row))
        yield Finding(PermanentStore.DATABASE, "bytes without a record", content_hash, "are removed", drop)


def _drop_row(rows: QuerySet[ClipFile]) -> None:
    with as_tier_error():
        ClipFile.objects.filter(pk__in=rows.values("pk")).delete()


def _objects_without_record(tier: StorageTier) -> Iterator[Finding]:
    for name, _size in tier.strays():
        drop = partial(tier.remove_stray, name)
        yield Finding(tier.name, "an object without a record", name, "is removed", drop)


# --- the local tiers --------------------------------------------------------------------------------------
def _local_clips(cache: SpeechCache, tier: FileTier) -> Iterator[Finding]:
    for page in pages_of(tier, BATCH):
        with as_tier_error():
            records = {clip.content_hash: clip for clip in Clip.objects.filter(content_hash__in=page)}
            pins = Pin.objects.published().filter(content_hash__in=page)
            published = set(pins.values_list("content_hash", flat=True))
        for content_hash in page:
            entry = tier.get(content_hash)
            found = _local_finding(cache, tier, content_hash, entry, records.get(content_hash))
            if found is not None:
                yield found
                entry = tier.get(content_hash)  # the caller may have repaired it
            yield from _exposed(tier, entry, content_hash in published)


def _local_finding(
    cache: SpeechCache, tier: FileTier, content_hash: str, entry: Entry | None, clip: Clip | None
) -> Finding | None:
    drop = partial(tier.delete, content_hash)
    if clip is not None and (problem := _problem_of_last_copy(cache, clip, entry)):
        return Finding(tier.name, problem, content_hash, STAYS)
    if entry is None:
        return Finding(tier.name, "damaged bytes", content_hash, "are removed", drop)
    if clip is None and _may_be_the_only_copy(entry):
        return Finding(tier.name, "bytes without a record", content_hash, STAYS)
    if clip is None or clip.content_type == ContentType.RESPONSE:
        return Finding(tier.name, "bytes without a record", content_hash, "are removed", drop)
    if clip.stored_at is None and (reason := why_too_short(entry, clip)):
        return Finding(tier.name, f"short: {reason}", content_hash, "is removed", drop)
    if clip.stored_at is None and clip.is_active:
        keep = partial(cache.tiers.permanent.put, entry)
        return Finding(tier.name, "bytes that only this host has", content_hash, "are stored for all", keep)
    if clip.checksum and entry.checksum != clip.checksum:
        return Finding(tier.name, "other bytes than the record's", content_hash, "are removed", drop)
    return None


def _may_be_the_only_copy(entry: Entry) -> bool:
    with as_tier_error():
        return bool(files_to_keep([entry]))


def _problem_of_last_copy(cache: SpeechCache, clip: Clip, entry: Entry | None) -> str:
    """The problem of a local copy that may be the last one of an irreplaceable clip; "" if there is none."""
    is_as_recorded = entry is not None and entry.checksum == clip.checksum
    if is_as_recorded or clip.content_type == ContentType.RESPONSE or not cannot_be_made_again(clip):
        return ""
    if _is_whole(cache, clip):
        return ""  # the permanent tier has it, so this copy can go
    if entry is None:
        return "damaged bytes"
    return "other bytes than the record's" if clip.checksum else why_too_short(entry, clip)


def _is_whole(cache: SpeechCache, clip: Clip) -> bool:
    for tier in cache.tiers.permanents:
        with as_tier_error():
            kept = kept_clip(clip.content_hash, PermanentStore(tier.name))
        if kept is not None and tier.read(kept) is not None:
            return True
    return False


def _exposed(tier: FileTier, entry: Entry | None, is_published: bool) -> Iterator[Finding]:
    if entry is not None and entry.is_published and not is_published:
        hide = partial(tier.put, replace(entry, is_published=False))
        yield Finding(tier.name, "open to anyone though not published", entry.content_hash, "is moved", hide)


def _files_of_no_clip(tier: FileTier) -> Iterator[Finding]:
    for path in tier.strays():
        drop = partial(path.unlink, missing_ok=True)
        yield Finding(tier.name, "a file of no clip", path.name, "is removed", drop)


def _hashes(clips: QuerySet[Clip]) -> Iterator[str]:
    """Content hashes, page by page, so that no query stays open while bytes are read."""
    last: Sequence[object] = ()
    while True:
        with as_tier_error():
            rows = clips.order_by("pk").values_list("pk", "content_hash")
            page = list((rows.filter(pk__gt=last[0]) if last else rows)[:BATCH])
        if not page:
            return
        yield from (content_hash for _pk, content_hash in page)
        last = page[-1]
