"""Hooks: the speech cache calls them to ask an app above it that knows the texts.

Nothing else in this package knows of such an app, and the cache works without one.
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
    """A sentence on the dashboard about something that staff should look at, with a link.

    `right` is the permission that the linked page requires. `about` is the kind of alert that would say this
    later or with fewer words; the dashboard then leaves that alert out.
    """

    says: str
    address: str  # a path, or the name of a route, which a query may follow
    right: str = ""
    is_urgent: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class ReflectionLink:
    """A link beside a model's reflection that is heard often, such as one to put it into the bank."""

    label: str
    address: Callable[[Clip], str]
    right: str = ""


class Hooks:
    """The protocol: an app overrides methods and calls `install` once, in its AppConfig.ready().

    The methods here do nothing.
    """

    def what_follows(self, content_hash: str) -> Sequence[ClipSpec]:
        """The clips that a listener probably requests after this one. Called in a thread of its own."""
        return ()

    def run_ended(self) -> None:
        """Called after the commit by the process that ended a warm run. Its errors are only logged."""

    def do_upkeep(self) -> None:
        """Called once a day, after the cache has deleted its own old rows."""

    def action_items(self) -> Iterable[ActionItem]:
        """Called each time somebody opens the dashboard. Raises django.db.Error."""
        return ()

    def clips_of_voice(self, listener_voice: str, rendition: VoiceRendition) -> Sequence[ClipSpec]:
        """All clips that must be stored before this rendition may play this voice."""
        return ()

    def lock_texts(self) -> None:
        """Called first in a transaction that changes who plays a voice: nobody may publish meanwhile."""

    def voices_changed(self) -> None:
        """Called last in such a transaction: a rendition was requested, cancelled, or took over."""

    def texts_to_keep(self) -> Iterable[ClipSpec]:
        """All clips that could ever be requested of the present texts, in every listener voice.

        Called before a provider switches a voice off. Raises django.db.Error.
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
    global _installed  # noqa: PLW0603 - one for the whole process
    _installed = hooks


def installed() -> Hooks:
    return _installed
