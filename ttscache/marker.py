"""The marker: an object in our part of the bucket that says which database's clips lie there.

Without it a wrong bucket or folder in the settings would look like clips that are lost.
"""

from __future__ import annotations

from ttscache.bucket import Bucket
from ttscache.errors import TierError
from ttscache.models import Clip, Identity, Keeper

NAME = "lifereview.marker"
_HEADERS = {"ContentType": "text/plain", "CacheControl": "private, no-store"}


class NoMarker(TierError):
    """There is none, or another database's."""


def ensure(bucket: Bucket) -> None:
    """Raises NoMarker unless this is our place; one that nobody has marked yet is marked."""
    found = bucket.get(NAME)
    if found is None and _is_new_or_known(bucket):
        write(bucket)
    elif found is None:
        raise NoMarker(
            f"The bucket has no {NAME}: is it another one than before, or AWS_LOCATION? "
            "If both are right, run manage.py mark_bucket."
        )
    elif found.strip() != Identity.of_this_database().encode():
        raise NoMarker("The bucket's place belongs to another database: set another AWS_LOCATION.")


def write(bucket: Bucket) -> None:
    """From now on the place is ours, and what is missing there is lost."""
    bucket.put(NAME, Identity.of_this_database().encode(), _HEADERS)


def _is_new_or_known(bucket: Bucket) -> bool:
    """Nothing is kept there, as far as we know; or what was kept last is there, under its unique name."""
    latest = Clip.objects.kept_by(Keeper.STORAGE).order_by("-kept_at").first()
    return latest is None or bucket.get(str(latest.audio_file_path)) is not None
