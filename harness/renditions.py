"""Hooks with a few texts, for tests of renditions without an app above the speech cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ttscache import hooks
from ttscache.speech import VoiceRendition
from ttscache.warming import ClipSpec


class OneText(hooks.Hooks):
    """An app with these texts. `changes` counts the calls of `voices_changed`."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts or ["Where did it begin?"])
        self.changes = 0

    def clips_of_voice(self, listener_voice: str, rendition: VoiceRendition) -> Sequence[ClipSpec]:
        return [ClipSpec(rendition.request(text), "question") for text in self.texts]

    def voices_changed(self) -> None:
        self.changes += 1


@contextmanager
def installed_hooks(given: OneText) -> Iterator[OneText]:
    """Install these hooks within the block."""
    before = hooks.installed()
    hooks.install(given)
    try:
        yield given
    finally:
        hooks.install(before)
