"""The status of a narrative for staff: the clip of each voice, and what listeners get."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from narratives.models import Journey, Narrative, share_lexicon
from narratives.publishing import DraftChanges, draft_changes_of
from ttscache.conf import conf
from ttscache.models import Clip, WarmItem
from ttscache.renditions.irreplaceable import retired_among
from ttscache.staff.badges import FAILED, MADE, NOT_MADE, Badge, badges_of
from ttscache.staff.clip_widgets import player
from ttscache.staff.refused_takes import ShownTake, undecided_takes
from ttscache.warming import remaking

UP_TO_DATE = Badge("Up to date", "check_circle", "success", "Listeners hear exactly this text.")
READY = Badge(
    "Ready to publish",
    "task_alt",
    "info",
    "The new audio is ready. Listeners get it when you publish.",
)
READY_AND_WAITING = Badge(
    "Ready", "task_alt", "info", "Published. It goes live together with the other new clips."
)
OUT_OF_DATE = Badge(
    "Out of date", "sync_problem", "warning", "The text has changed. Listeners still hear the old recording."
)

_UNTIL_THEN = "The old clip plays until the new one is ready."
BEING_MADE_AGAIN = Badge("Being made again", "autorenew", "info", _UNTIL_THEN, is_settled=False)
NOT_MADE_AGAIN = Badge("Not made again", "error", "danger")

MAKE_AGAIN = "Make again"
MADE_WORDS = (UP_TO_DATE.word, READY.word, READY_AND_WAITING.word)
# The button beside each badge; a clip that is being made has none.
OPERATIONS = {
    FAILED.word: "Try again",
    NOT_MADE.word: "Make now",
    OUT_OF_DATE.word: "Make now",
    **dict.fromkeys(MADE_WORDS, MAKE_AGAIN),
}
CANNOT_BE_MADE = {
    True: "cannot be made again: its voice model has been switched off",
    False: "cannot be made: the voice model has been switched off",
}

LIVE = Badge("Live", "check_circle", "success")
PUBLISHED = Badge("Published", "check_circle", "neutral", "Listeners get it when the journey goes live.")
COMING = Badge(
    "Waiting for audio",
    "hourglass_top",
    "info",
    "Published. It goes live when its audio is ready; until then listeners keep the old version.",
    is_settled=False,
)
CHANGED = Badge(
    "Draft with changes", "edit", "warning", "Listeners keep the published text until you publish again."
)
NOT_LIVE = Badge("Not live", "visibility_off", "neutral", "Listeners cannot use this journey.")
UNPUBLISHED = Badge("Not published", "visibility_off", "neutral", "Listeners cannot hear it yet.")


@dataclass(frozen=True, slots=True)
class ClipStatus:
    """A narrative in one voice: whether its audio matches the text, and the clip that can be heard now."""

    voice: str
    badge: Badge
    clip: Clip | None
    title: str
    remade: Badge | None = None  # set while it is being made again, or if that failed
    changed: str = ""  # why it is out of date, and since when
    refused: ShownTake | None = None  # a take that a check refused, if it waits for a decision
    is_model_retired: bool = False  # its voice model has been switched off, so no clip can be made

    @property
    def operation(self) -> str:
        """The label of the button that makes this clip; empty while that is under way or impossible."""
        is_not_offered = self.is_model_retired or self.remade == BEING_MADE_AGAIN
        return "" if is_not_offered else OPERATIONS.get(self.badge.word, "")

    @property
    def is_to_be_made_again(self) -> bool:
        return self.operation == MAKE_AGAIN

    @property
    def reasons(self) -> list[str]:
        """Why it is out of date, could not be made, or is not being made just now."""
        failed = [badge.note for badge in (self.badge, self.remade) if badge and badge.tone == "danger"]
        impossible = CANNOT_BE_MADE[self.badge.word in MADE_WORDS] if self.is_model_retired else ""
        return [said for said in (self.changed, self.badge.held_up, *failed, impossible) if said]

    @property
    def player(self) -> SafeString:
        return player(self.clip, voice=self.voice, says=self.title)

    @property
    def says(self) -> str:
        """Voice and title, which tell its buttons apart for a screen reader."""
        return f"{self.voice}, {self.title}"

    @property
    def is_up_to_date(self) -> bool:
        return self.badge == UP_TO_DATE


def clips_and_badges(content_hashes: Iterable[str]) -> tuple[dict[str, Clip], dict[str, Badge]]:
    """The recorded clips and their badges, by content hash. Two queries for any number of clips."""
    clips = Clip.objects.defer("waveform").in_bulk(list(content_hashes), field_name="content_hash")
    return clips, badges_of(clips.values())


def add_clip_statuses(narratives: Iterable[Narrative]) -> None:
    """Set `clip_statuses` on each narrative, one per listener voice, with three queries for all."""
    narratives = share_lexicon(narratives)
    clips, badges = clips_and_badges({each for narrative in narratives for each in _hashes(narrative)})
    remakes = remaking.latest_remakes(clip for clip in clips.values() if clip.is_ready)
    takes = takes_of_failed(clips, badges, remakes)
    # The model depends on the voice alone, so one text stands for all.
    models = {each.draft_speech(voice).model for each in narratives[:1] for voice in conf().listener_voices}
    retired = retired_among(models)
    for narrative in narratives:
        narrative.clip_statuses = [  # type: ignore[attr-defined]
            _clip_status(narrative, voice, clips, badges, remakes, takes=takes, retired=retired)
            for voice in conf().listener_voices
        ]


def takes_of_failed(
    clips: Mapping[str, Clip], badges: Mapping[str, Badge], remakes: Container[UUID] = ()
) -> dict[UUID, ShownTake]:
    """The refused takes of the clips that failed, by the clip's id. No query if none failed."""
    failed = [
        clip
        for content_hash, clip in clips.items()
        if badges[content_hash].word == FAILED.word or clip.pk in remakes
    ]
    return undecided_takes(failed) if failed else {}


def clip_statuses_of(narrative: Narrative) -> list[ClipStatus]:
    if not hasattr(narrative, "clip_statuses"):
        add_clip_statuses([narrative])
    return narrative.clip_statuses  # type: ignore[attr-defined, no-any-return]


def count_up_to_date(narratives: Iterable[Narrative]) -> tuple[int, int]:
    """The number of clips that are up to date, and of all clips, over every listener voice."""
    statuses = [status for narrative in narratives for status in clip_statuses_of(narrative)]
    return sum(status.is_up_to_date for status in statuses), len(statuses)


def _hashes(narrative: Narrative) -> Iterable[str]:
    for voice in conf().listener_voices:
        yield narrative.draft_speech(voice).content_hash
        if narrative.live is not None:
            yield narrative.live.speech(voice).content_hash


def _clip_status(
    narrative: Narrative,
    voice: str,
    clips: dict[str, Clip],
    badges: dict[str, Badge],
    remakes: dict[UUID, WarmItem],
    *,
    takes: dict[UUID, ShownTake],
    retired: Container[str],
) -> ClipStatus:
    speech = narrative.draft_speech(voice)
    draft = speech.content_hash
    live = narrative.live.speech(voice).content_hash if narrative.live is not None else ""
    badge = _standing(badges.get(draft, NOT_MADE), is_published=draft == live, was_published=bool(live))
    # The draft equals the waiting revision, so there is nothing left to publish.
    if badge == READY and not narrative.has_unpublished_changes:
        badge = READY_AND_WAITING
    heard = draft if badge in (UP_TO_DATE, READY, READY_AND_WAITING) else live
    clip = clips.get(heard)
    remake = remakes.get(clip.pk) if clip is not None and heard == draft else None
    remade = _remade(clip, remake) if clip is not None and remake is not None else None
    draft_clip = clips.get(draft)
    refused = takes.get(draft_clip.pk) if draft_clip is not None else None
    changed = _what_changed(narrative) if badge == OUT_OF_DATE else ""
    return ClipStatus(
        voice,
        badge,
        clip,
        narrative.title,
        remade,
        changed,
        refused=refused,
        is_model_retired=speech.model in retired,
    )


def _what_changed(narrative: Narrative) -> str:
    # The words are the same, so only the lexicon can make the clip differ.
    if narrative.live is not None and narrative.live.text == narrative.text:
        return "the pronunciation has changed"
    ago = timesince(narrative.edited_at, depth=1)  # "0 minutes" in the first minute
    return "text changed just now" if ago.startswith("0") else f"text changed {ago} ago"


def _remade(clip: Clip, remake: WarmItem) -> Badge | None:
    if remaking.is_under_way(remake):
        return BEING_MADE_AGAIN
    # A clip stored after the request was made by a later one, so that failure no longer matters.
    requested_at, has_failed = remake.newer_than, remake.state == WarmItem.State.FAILED
    if not has_failed or requested_at is None or not clip.stored_at or clip.stored_at > requested_at:
        return None
    return replace(NOT_MADE_AGAIN, note=f"{remake.reason} The old clip still plays.".strip())


def _standing(badge: Badge, *, is_published: bool, was_published: bool) -> Badge:
    """Turn the badge of the draft's clip into one that says how it relates to the published text."""
    if badge == MADE:
        return UP_TO_DATE if is_published else READY
    if badge == NOT_MADE and was_published and not is_published:
        return OUT_OF_DATE
    if is_published or not was_published:
        return badge
    return replace(badge, note=f"{badge.note} Listeners still hear the old recording.".strip())


def add_draft_changes(
    narratives: Iterable[Narrative], changes: Mapping[int, DraftChanges] | None = None
) -> None:
    """Set `is_ahead` and `place_says` on each narrative: whether it differs, and how beside its words.

    Three queries for any number of texts, none where the changes of their journeys are given.
    """
    given = list(narratives)
    found = changes or draft_changes_of({narrative.journey_id for narrative in given})
    ahead = {text.pk for each in found.values() for text in each.texts}
    for narrative in given:
        narrative.is_ahead = narrative.pk in ahead  # type: ignore[attr-defined]
        narrative.place_says = found[narrative.journey_id].place_says(narrative)  # type: ignore[attr-defined]


def state_of(narrative: Narrative) -> Badge:
    """Whether the text is published, has changes of any kind, or waits for its audio."""
    if not hasattr(narrative, "is_ahead"):
        add_draft_changes([narrative])
    is_ahead: bool = narrative.is_ahead  # type: ignore[attr-defined]
    if narrative.pending is not None and not is_ahead:
        return COMING
    if narrative.live is None:
        return UNPUBLISHED
    if is_ahead:
        return CHANGED
    return LIVE if narrative.journey.is_live else PUBLISHED


def state_of_journey(journey: Journey, changes: DraftChanges) -> Badge:
    """Whether the journey has changes to publish, an order or a deletion too; if not, whether it is live."""
    if not changes.is_empty:
        return CHANGED
    return LIVE if journey.is_live else NOT_LIVE
