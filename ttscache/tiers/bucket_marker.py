"""The marker: an object that says which database's clips our part of the bucket holds.

Without it, a wrong bucket or folder in the settings would look like lost clips.
"""

from __future__ import annotations

from ttscache.errors import TierError
from ttscache.models import Clip, DatabaseIdentity, PermanentStore
from ttscache.tiers.bucket import Bucket

NAME = "lifereview.marker"
_HEADERS = {"ContentType": "text/plain", "CacheControl": "private, no-store"}


class NoMarker(TierError):
    """The bucket has no marker, or another database's."""


def ensure(bucket: Bucket) -> None:
    """Raise NoMarker unless this place is ours. A new, empty place is marked as ours."""
    found = bucket.get(NAME)
    if found is None and _is_new_or_known(bucket):
        write(bucket)
    elif found is None:
        raise NoMarker(
            f"The bucket has no {NAME}: did the bucket or AWS_LOCATION change? "
            "If both are right, run manage.py mark_bucket."
        )
    elif found.strip() != DatabaseIdentity.of_this_database().encode():
        raise NoMarker("The bucket's place belongs to another database: set another AWS_LOCATION.")


def write(bucket: Bucket) -> None:
    """Mark the place as ours. From now on a missing clip counts as lost."""
    bucket.put(NAME, DatabaseIdentity.of_this_database().encode(), _HEADERS)


def _is_new_or_known(bucket: Bucket) -> bool:
    """Whether no record names an object there, or the latest one is there under its unique name."""
    latest = Clip.objects.stored_by(PermanentStore.STORAGE).order_by("-stored_at").first()
    return latest is None or bucket.get(str(latest.audio_file_path)) is not None
