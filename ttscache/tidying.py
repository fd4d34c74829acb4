"""What is done once a day, so that what a year leaves behind stays small."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import Success

from ttscache import readiness
from ttscache.models import Clip, ClipDay, Receipt
from ttscache.rollup import first_day_kept, roll_up, start_of_day

SUCCESSES_KEPT = timedelta(days=7)
RECEIPTS_KEPT = timedelta(days=30)  # far longer than any process waits for its database


def tidy() -> None:
    """Each step is done again tomorrow if it is cut off today."""
    roll_up()
    forget_old_days_of_removed_clips()
    Receipt.objects.filter(signed_at__lt=Now() - RECEIPTS_KEPT).delete()
    Success.objects.filter(stopped__lt=Now() - SUCCESSES_KEPT).delete()
    readiness.forget_the_dead()


def forget_old_days_of_removed_clips() -> None:
    """Their requests stay in Usage; a hash that nobody knows any more says nothing."""
    on_record = Clip.objects.filter(content_hash=OuterRef("content_hash"))
    old = ClipDay.objects.filter(day__lt=first_day_kept(start_of_day(timezone.now())))
    old.filter(~Exists(on_record)).delete()
