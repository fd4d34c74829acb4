"""Files of this host that stay although they have no record."""

from __future__ import annotations

from collections.abc import Iterable

from ttscache.models import ContentType, Invalidation
from ttscache.renditions.irreplaceable import kept_among
from ttscache.tiers import Entry


def files_to_keep(files: Iterable[Entry]) -> frozenset[str]:
    """The content hashes of files of this host that stay although they have no record. Raises Error.

    Such a file may be the only copy of an irreplaceable clip, for example after an older backup of the
    database was restored; once its record is made anew, it plays. It stays only if an author wrote its text
    (a reflection may quote a person) and if the record was not removed on purpose within the last days.
    """
    by_authors = [
        file for file in files if file.content_type in (ContentType.NARRATIVE, ContentType.QUESTION)
    ]
    kept_models = kept_among({file.model for file in by_authors})
    found = frozenset(file.content_hash for file in by_authors if file.model in kept_models)
    removed = Invalidation.objects.filter(content_hash__in=found) if found else Invalidation.objects.none()
    return found.difference(removed.values_list("content_hash", flat=True))
