"""Implements the hooks through which ttscache calls narratives, which it must not import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from narratives import publishing
from narratives.editing.deleting import remove_for_good
from narratives.help_lines import NO_HELP_LINE, help_lines
from narratives.listener.what_follows import what_follows
from narratives.models import OfferedReflection
from narratives.publishing import lock_publishing
from narratives.publishing.renditions import clips_of_voice, voices_changed
from narratives.staff.action_items import action_items_of_texts, address_in_bank
from narratives.staff.wishes import action_items_of_wishes
from ttscache.conf import conf
from ttscache.hooks import ActionItem, Hooks, ReflectionLink
from ttscache.speech import VoiceRendition
from ttscache.warming import ClipSpec
from ttscache.warming.rendition_switch import switch_ready_renditions


class NarrativeHooks(Hooks):
    def what_follows(self, content_hash: str) -> Sequence[ClipSpec]:
        return what_follows(content_hash)

    def run_ended(self) -> None:
        """Switch versions and renditions whose last clip this run may have made."""
        publishing.activate_ready_publications()
        switch_ready_renditions()

    def do_upkeep(self) -> None:
        remove_for_good()
        OfferedReflection.objects.forget_rare(conf().stale_days)

    def action_items(self) -> Iterable[ActionItem]:
        return chain(action_items_of_wishes(), action_items_of_texts())

    def texts_to_keep(self) -> Iterable[ClipSpec]:
        return publishing.everything_spoken()

    def readiness_warnings(self) -> Iterable[tuple[str, str]]:
        return () if help_lines().are_set else (("help line", NO_HELP_LINE),)

    def reflection_links(self) -> Sequence[ReflectionLink]:
        return (ReflectionLink("Add to bank…", address_in_bank, "narratives.add_bankreflection"),)

    def clips_of_voice(self, listener_voice: str, rendition: VoiceRendition) -> Sequence[ClipSpec]:
        return clips_of_voice(listener_voice, rendition)

    def lock_texts(self) -> None:
        lock_publishing()

    def voices_changed(self) -> None:
        voices_changed()
