"""The queue of objects in the bucket that no record names (yet). Each has a row here until it is deleted.

register_upload(new)  before the upload: if the process is killed now, the object is deleted in an hour
confirm(new)          in one transaction with the record that names it
schedule(old)         in one transaction with the record that no longer names it
schedule_now(old)     in one transaction with the deletion of the records that name them
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from ttscache.conf import conf
from ttscache.models import Clip, PendingDeletion, PermanentStore, is_stored_in
from ttscache.tiers import PUBLIC

UPLOAD_TIME = timedelta(hours=1)
# An open page holds the object's CDN address for as long as somebody listens.
GRACE = timedelta(days=1)

_STORED = is_stored_in(PermanentStore.STORAGE)


def register_upload(name: str) -> None:
    PendingDeletion.objects.update_or_create(
        name=name, defaults={"remove_after": timezone.now() + UPLOAD_TIME}
    )


def confirm(name: str) -> None:
    """Take the object off the queue, because a record names it now."""
    dequeue([name])


def dequeue(names: Iterable[str]) -> None:
    """Take objects off the queue, because they are deleted or a record names them. Deletes no object."""
    PendingDeletion.objects.filter(name__in=list(names)).delete()


def schedule(name: str) -> None:
    """Queue an object for deletion: soon, or after GRACE if an open page may use its address."""
    is_known_outside = name.startswith(f"{PUBLIC}/") and conf().cdn_url
    remove_after = timezone.now() + (GRACE if is_known_outside else timedelta())
    PendingDeletion.objects.update_or_create(name=name, defaults={"remove_after": remove_after})


def schedule_now(names: Iterable[str]) -> None:
    """Queue objects for deletion without GRACE. Only for clips so old that no open page plays them."""
    now = timezone.now()
    PendingDeletion.objects.bulk_create(
        (PendingDeletion(name=name, remove_after=now) for name in names),
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["remove_after"],
    )


def expedite(name: str) -> None:
    """End the object's GRACE: nobody may hear it any longer."""
    PendingDeletion.objects.filter(name=name).update(remove_after=timezone.now())


def due() -> QuerySet[PendingDeletion]:
    return PendingDeletion.objects.filter(remove_after__lte=timezone.now()).order_by("remove_after")


def in_use(names: Iterable[str]) -> set[str]:
    """The objects among these that a clip's record names."""
    stored = Clip.objects.filter(_STORED, audio_file_path__in=list(names))
    return {str(name) for name in stored.values_list("audio_file_path", flat=True)}


def unknown(names: list[str]) -> list[str]:
    """The objects among these that neither a clip's record nor this queue knows."""
    known = set(PendingDeletion.objects.filter(name__in=names).values_list("name", flat=True)) | in_use(names)
    return [name for name in names if name not in known]
