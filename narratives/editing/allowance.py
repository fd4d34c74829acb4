"""Make a draft heard within the daily allowance, for editors who may not make clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from narratives import publishing
from narratives.editing.drafts import draft_clips
from narratives.models import DraftAllowance, Narrative
from ttscache import warming
from ttscache.models import WarmItem, in_batches
from ttscache.warming import ClipSpec, Plan


@dataclass(frozen=True, slots=True)
class DraftInOneVoice:
    """The clips of some drafts in the first listener voice that can speak new words.

    `planned` leaves out clips under way: somebody has paid for them. `voice` is empty if no voice can speak.
    """

    voice: str
    specs: Sequence[ClipSpec]
    planned: Plan
    under_way: int

    @classmethod
    def of(cls, narratives: Iterable[Narrative]) -> DraftInOneVoice:
        with publishing.making_new_words() as voices:
            specs = draft_clips(narratives, voices[:1])
        planned = warming.plan(specs)
        under_way = _under_way([clip.content_hash for clip in planned.missing])
        rest = tuple(clip for clip in planned.clips if clip.content_hash not in under_way)
        return cls(voices[0] if voices else "", specs, Plan(rest), len(under_way))


def make_within_allowance(draft: DraftInOneVoice, *, requested_by: str) -> bool:
    """Book the price of the missing clips and make them. False, and nothing is made, if too little is left.

    Both in one transaction: money is never booked for a run that could not start.
    """
    missing = {clip.content_hash for clip in draft.planned.missing}
    with transaction.atomic():
        if not DraftAllowance.current().spend(draft.planned.cost_usd):
            return False
        specs = [spec for spec in draft.specs if spec.speech.content_hash in missing]
        # A scope of its own: joining an active run would not try its failed clips again.
        scope = f"heard draft, {timezone.now():%d %b %Y %H:%M:%S}"
        warming.start_run(scope, specs, requested_by=requested_by)
    return True


def _under_way(content_hashes: Sequence[str]) -> set[str]:
    """Select the clips that an active run makes or is about to make."""
    items = WarmItem.objects.open()
    return {
        content_hash
        for some in in_batches(content_hashes)
        for content_hash in items.filter(clip__content_hash__in=some).values_list(
            "clip__content_hash", flat=True
        )
    }
