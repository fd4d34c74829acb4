"""How a narrative stands, for staff: what its draft sounds like in each voice, what listeners get of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.utils.safestring import SafeString

from narratives.models import Narrative, share_lexicon
from ttscache.admin_widgets import MADE, NOT_MADE, Badge, badges_of, player
from ttscache.conf import conf
from ttscache.models import Clip

UP_TO_DATE = Badge("Up to date", "check_circle", "success", "Listeners hear exactly these words.")
READY = Badge(
    "Ready to publish", "task_alt", "info", "This is the new text; listeners get it when you publish."
)
READY_AND_WAITING = Badge(
    "Ready", "task_alt", "info", "Published; listeners get it together with the other new clips."
)
OUT_OF_DATE = Badge(
    "Out of date", "sync_problem", "warning", "The text has changed since; this is what listeners hear."
)

LIVE = Badge("Live", "check_circle", "success")
WAITING = Badge("Published", "check_circle", "neutral", "Listeners get it once the journey is live.")
COMING = Badge(
    "Waiting for its sound",
    "hourglass_top",
    "info",
    "Published. Listeners keep the old words and sound until every new clip is there.",
    is_settled=False,
)
CHANGED = Badge(
    "Draft with changes", "edit", "warning", "Listeners keep the published words until you publish."
)
UNPUBLISHED = Badge("Not published", "visibility_off", "neutral", "Listeners do not get it yet.")


@dataclass(frozen=True, slots=True)
class Sound:
    """A narrative in one voice: how its sound stands to the text, and what can be heard now."""

    voice: str
    badge: Badge
    clip: Clip | None
    title: str

    @property
    def player(self) -> SafeString:
        return player(self.clip, voice=self.voice, says=self.title)

    @property
    def is_up_to_date(self) -> bool:
        return self.badge == UP_TO_DATE


def add_sounds(narratives: Iterable[Narrative]) -> None:
    """Give each narrative its `sounds`, one a listener voice: two queries, however many there are."""
    narratives = share_lexicon(narratives)
    hashes = {content_hash for narrative in narratives for content_hash in _hashes(narrative)}
    clips = Clip.objects.defer("waveform").in_bulk(hashes, field_name="content_hash")
    badges = badges_of(clips.values())
    for narrative in narratives:
        narrative.sounds = [  # type: ignore[attr-defined]
            _sound(narrative, voice, clips, badges) for voice in conf().listener_voices
        ]


def sounds_of(narrative: Narrative) -> list[Sound]:
    if not hasattr(narrative, "sounds"):
        add_sounds([narrative])
    return narrative.sounds  # type: ignore[attr-defined, no-any-return]


def count_up_to_date(narratives: Iterable[Narrative]) -> tuple[int, int]:
    """How many of their sounds are up to date, and how many sounds there are."""
    sounds = [sound for narrative in narratives for sound in sounds_of(narrative)]
    return sum(sound.is_up_to_date for sound in sounds), len(sounds)


def _hashes(narrative: Narrative) -> Iterable[str]:
    for voice in conf().listener_voices:
        yield narrative.draft_speech(voice).content_hash
        if narrative.live is not None:
            yield narrative.live.speech(voice).content_hash


def _sound(narrative: Narrative, voice: str, clips: dict[str, Clip], badges: dict[str, Badge]) -> Sound:
    draft = narrative.draft_speech(voice).content_hash
    live = narrative.live.speech(voice).content_hash if narrative.live is not None else ""
    badge = _standing(badges.get(draft, NOT_MADE), is_published=draft == live, was_published=bool(live))
    if badge == READY and not narrative.is_ahead:
        badge = READY_AND_WAITING
    heard = draft if badge in (UP_TO_DATE, READY, READY_AND_WAITING) else live
    return Sound(voice, badge, clips.get(heard), narrative.title)


def _standing(badge: Badge, *, is_published: bool, was_published: bool) -> Badge:
    """What the state of the draft's clip means to whoever reads the draft beside it."""
    if badge == MADE:
        return UP_TO_DATE if is_published else READY
    if badge == NOT_MADE and was_published and not is_published:
        return OUT_OF_DATE
    if badge.note or is_published or not was_published:
        return badge
    return replace(badge, note="Until it is there, this is what listeners hear.")


def state_of(narrative: Narrative) -> Badge:
    """What listeners get of it."""
    if narrative.pending is not None and not narrative.is_ahead:
        return COMING
    if narrative.live is None:
        return UNPUBLISHED
    if narrative.has_changes:
        return CHANGED
    return LIVE if narrative.journey.is_live else WAITING
