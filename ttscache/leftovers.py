"""Objects in the bucket that no record names, or not yet; known before they are written until they are gone.

expect(new)   before it is uploaded: should we be killed now, it goes in an hour
named(new)    with the record that names it, in one transaction
leave(old)    with the record that names it no more, in one transaction
discard(old)  with the removal of the records that name them, in one transaction
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from ttscache.conf import conf
from ttscache.models import Clip, Keeper, Leftover

UPLOAD_TIME = timedelta(hours=1)
# A page that was loaded before holds the CDN's address of it for as long as somebody listens.
GRACE = timedelta(days=1)
PUBLIC = "public/"

_STORED = Q(kept_in=Keeper.STORAGE, kept_at__isnull=False)


def expect(name: str) -> None:
    Leftover.objects.update_or_create(name=name, defaults={"remove_after": timezone.now() + UPLOAD_TIME})


def named(*names: str) -> None:
    """Nothing is to be done about them any more."""
    Leftover.objects.filter(name__in=names).delete()


def leave(name: str) -> None:
    """It goes at the next opportunity; a while later where its address may be in use."""
    is_known_outside = name.startswith(PUBLIC) and conf().cdn_url
    remove_after = timezone.now() + (GRACE if is_known_outside else timedelta())
    Leftover.objects.update_or_create(name=name, defaults={"remove_after": remove_after})


def discard(names: Iterable[str]) -> None:
    """They go at once: what nobody has asked for in a long time is on no page that somebody listens to."""
    now = timezone.now()
    Leftover.objects.bulk_create(
        (Leftover(name=name, remove_after=now) for name in names),
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["remove_after"],
    )


def hasten(name: str) -> None:
    """Nobody may have it any longer."""
    Leftover.objects.filter(name=name).update(remove_after=timezone.now())


def due() -> QuerySet[Leftover]:
    """Those whose time has come."""
    return Leftover.objects.filter(remove_after__lte=timezone.now()).order_by("remove_after")


def named_among(names: Iterable[str]) -> set[str]:
    """Those of which a record says that its clip is this object."""
    stored = Clip.objects.filter(_STORED, audio_file_path__in=list(names))
    return {str(name) for name in stored.values_list("audio_file_path", flat=True)}


def unknown(names: list[str]) -> list[str]:
    """Those that neither a record nor a row here knows."""
    known = set(Leftover.objects.filter(name__in=names).values_list("name", flat=True)) | named_among(names)
    return [name for name in names if name not in known]
