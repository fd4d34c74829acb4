"""Plans: which clips are missing, and what they cost, before anything is paid for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ttscache.accounting.prices import list_price_usd
from ttscache.models import Clip, in_batches
from ttscache.renditions.irreplaceable import retired_among
from ttscache.speech import ClipSpec, SpeechRequest


@dataclass(frozen=True, slots=True)
class Plan:
    """The clips that a run would make. With `remake`, it also makes those that are ready."""

    clips: tuple[Clip, ...]
    remake: bool = False

    @property
    def missing(self) -> list[Clip]:
        return [clip for clip in self.clips if self.remake or not clip.is_ready]

    @property
    def characters(self) -> int:
        return sum(len(clip.content_text) for clip in self.missing)

    @property
    def cost_usd(self) -> float:
        return sum(list_price_usd(clip.model, len(clip.content_text)) for clip in self.missing)


def plan(specs: Iterable[ClipSpec], *, remake: bool = False) -> Plan:
    """Look up each clip once, in the order given. Writes nothing: clips not on record are unsaved objects.

    With `remake`, clips whose model has retired are left out, because they cannot be made again.
    """
    in_order = {spec.speech.content_hash: spec for spec in specs}
    if remake:
        retired = retired_among(spec.speech.model for spec in in_order.values())
        in_order = {key: spec for key, spec in in_order.items() if spec.speech.model not in retired}
    known = {
        clip.content_hash: clip
        for some in in_batches(list(in_order))
        for clip in Clip.objects.filter(content_hash__in=some).defer("waveform")
    }
    return Plan(
        tuple(
            known.get(content_hash) or Clip.of(spec.speech, spec.content_type)
            for content_hash, spec in in_order.items()
        ),
        remake,
    )


def record(specs: Iterable[ClipSpec]) -> None:
    """Put new clips on record. All callers write in one order: any other could deadlock on PostgreSQL."""
    by_type: defaultdict[str, list[SpeechRequest]] = defaultdict(list)
    for spec in specs:
        by_type[spec.content_type].append(spec.speech)
    for content_type in sorted(by_type):
        Clip.objects.record_all(by_type[content_type], content_type)
