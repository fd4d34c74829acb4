"""What the speech cache asks of an app above it, which knows the texts. The only way up: nothing else here
knows that such an app exists, and the cache works without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ttscache.models import Clip
    from ttscache.speech import ClipSpec, VoiceRendition


@dataclass(frozen=True, slots=True)
class ActionItem:
    """A sentence on the dashboard about something that staff should look at, and where it leads.

    `right` is the permission that the place requires. `about` is the kind of alert that would say the same,
    later or with fewer words; that alert is then left out.
    """

    says: str
    address: str  # a path, or the name of a route, which a query may follow
    right: str = ""
    is_urgent: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class ReflectionLink:
    """A link beside a reflection of the model that is heard often, e.g. to put it into the bank."""

    label: str
    address: Callable[[Clip], str]
    right: str = ""


class Hooks:
    """What one app overrides and installs once, in its AppConfig.ready(). As they are here, nothing follows a
    clip, and nobody is told anything.
    """

    def what_follows(self, content_hash: str) -> Sequence[ClipSpec]:
        """The clips that a listener probably requests after this one. Called in a thread of its own."""
        return ()

    def run_ended(self) -> None:
        """Called after the commit by the process that ended a warm run. Its errors are logged, no more."""

    def tidy_daily(self) -> None:
        """Called once a day, after the cache has deleted its own old rows."""

    def action_items(self) -> Iterable[ActionItem]:
        """Called each time somebody opens the dashboard. Raises Error."""
        return ()

    def clips_of_voice(self, listener_voice: str, rendition: VoiceRendition) -> Sequence[ClipSpec]:
        """Every clip that has to be there before this rendition may play this voice."""
        return ()

    def lock_texts(self) -> None:
        """Called first in a transaction that changes who plays a voice: nothing is published meanwhile."""

    def voices_changed(self) -> None:
        """Called last in such a transaction. A rendition was requested, given up, or took over."""

    def texts_to_keep(self) -> Iterable[ClipSpec]:
        """All that could ever be requested of the texts as they are now, in every listener voice. Called when
        a voice is about to be switched off. Raises Error.
        """
        return ()

    def readiness_warnings(self) -> Iterable[tuple[str, str]]:
        """Part and sentence of each line that /readyz adds. A warning takes nothing out of service."""
        return ()

    def reflection_links(self) -> Sequence[ReflectionLink]:
        """Links beside each of the most heard reflections that is not in a bank."""
        return ()


_installed = Hooks()


def install(hooks: Hooks) -> None:
    global _installed  # noqa: PLW0603 - there is one
    _installed = hooks


def installed() -> Hooks:
    return _installed
