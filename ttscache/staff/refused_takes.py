"""Refused takes on staff pages (there: recordings): what was wrong, a player, the links to decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from ttscache.generation.refused_takes import KEPT_DAYS
from ttscache.models import Clip, RefusedTake, in_batches
from ttscache.staff.clip_widgets import length


@dataclass(frozen=True, slots=True)
class ShownTake:
    """A refused take as the template ttscache/staff/refused_take.html shows it."""

    take: RefusedTake

    @property
    def reason(self) -> str:
        part = " (one part of the text)" if self.take.is_part else ""
        return f"{self.take.get_reason_display()}{part}, so it was not kept."

    @property
    def help(self) -> str:
        """Tell staff what they can do."""
        if self.take.is_usable:
            return "Listen first. If it is good after all, use it: that costs nothing more."
        if self.take.reason == RefusedTake.Reason.REWORDED:
            return "A recording with other words can never be used. Make it again, or change the text."
        return "It cannot be used. Make it again, or change the text."

    @property
    def until(self) -> datetime:
        """When it is removed unless somebody decides."""
        return self.take.made_at + timedelta(days=KEPT_DAYS)

    @property
    def is_usable(self) -> bool:
        return self.take.is_usable

    @property
    def length(self) -> str:
        return length(self.take.duration_ms)

    @property
    def sound_address(self) -> str:
        # The moment tells a new take from an earlier one that the browser has played.
        moment = urlencode({"made": int(self.take.made_at.timestamp())})
        return f"{self._address('refused')}?{moment}"

    @property
    def use_address(self) -> str:
        return self._address("use_refused")

    @property
    def again_address(self) -> str:
        return self._address("make_refused_again")

    def _address(self, name: str) -> str:
        return reverse(f"admin:ttscache_clip_{name}", args=[self.take.clip_id])


def undecided_takes(clips: Iterable[Clip]) -> dict[UUID, ShownTake]:
    """The refused takes that wait for a decision, by the clip's id. Loads no audio. Raises Error."""
    undecided = RefusedTake.objects.undecided().defer("audio")
    return {
        take.clip_id: ShownTake(take)
        for some in in_batches([clip.pk for clip in clips])
        for take in undecided.filter(clip__in=some)
    }
