"""Sets the pins of clips. The app that owns the texts names the present ones; this adds the recent ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from ttscache.conf import conf
from ttscache.models import Clip, PermanentStore, Pin, RefusedTake

RECENT_DAYS = 30

_PUBLISHED = (Pin.Reason.LIVE, Pin.Reason.SYSTEM)


@transaction.atomic
def replace_pins(wanted: Mapping[Pin.Reason, set[str]]) -> None:
    """Replace the pins of each named reason by exactly these clips.

    Clips that are no longer published stay audible and protected for RECENT_DAYS. Create the clips' records
    in the same transaction, after `Clip.objects.protect`.
    """
    held: dict[str, set[str]] = {reason: set() for reason in wanted}
    for content_hash, reason in Pin.objects.filter(reason__in=list(wanted)).values_list(
        "content_hash", "reason"
    ):
        held[reason].add(content_hash)
    published = set().union(*(wanted.get(reason, set()) for reason in _PUBLISHED))
    retired = set().union(*(held.get(reason, set()) for reason in _PUBLISHED)) - published

    for reason, content_hashes in wanted.items():
        Pin.objects.filter(reason=reason, content_hash__in=held[reason] - content_hashes).delete()
        _add(content_hashes - held[reason], reason)
    Pin.objects.filter(reason=Pin.Reason.RECENT, content_hash__in=published | retired).delete()
    _add(retired, Pin.Reason.RECENT)
    RefusedTake.objects.without_text().delete()
    # A clip's pins decide whether its object is public. The cluster moves objects once this is committed.
    if conf().bucket and Clip.objects.stored_by(PermanentStore.STORAGE).exists():
        async_task("ttscache.tasks.tend_clips", task_name="tend the clips", save=False)


def _add(content_hashes: set[str], reason: Pin.Reason) -> None:
    until = timezone.now() + timedelta(days=RECENT_DAYS) if reason == Pin.Reason.RECENT else None
    pins = (Pin(content_hash=each, reason=reason, until=until) for each in sorted(content_hashes))
    Pin.objects.bulk_create(pins, ignore_conflicts=True)
