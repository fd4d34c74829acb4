"""Whom a listener can call in a hard moment: settings, shown on the page and never spoken."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings

NO_HELP_LINE = (
    "No help number is shown. Ask your administrator to add one "
    "(HELP_LINE_NAME and HELP_LINE_NUMBER, or LOCAL_CONTACT)."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HelpLines:
    """Settings; each is empty where it is not set. `line` is the older HELP_LINE.

    `show_after_heavy`: whether the reply to a heavy answer shows them too.
    """

    name: str
    number: str
    emergency_number: str
    local_contact: str
    line: str
    show_after_heavy: bool

    @property
    def are_set(self) -> bool:
        """Whether there is anybody to talk to. An emergency number alone is nobody to talk to."""
        return bool(self.number or self.line or self.local_contact)

    @property
    def number_to_dial(self) -> str:
        return _dialled(self.number)

    @property
    def emergency_number_to_dial(self) -> str:
        return _dialled(self.emergency_number)

    @property
    def call_now(self) -> str:
        """The number that the button "Call now" dials; empty where there is none."""
        return self.number_to_dial or self.emergency_number_to_dial


def help_lines() -> HelpLines:
    return HelpLines(
        name=settings.HELP_LINE_NAME,
        number=settings.HELP_LINE_NUMBER,
        emergency_number=settings.EMERGENCY_NUMBER,
        local_contact=settings.LOCAL_CONTACT,
        line=settings.HELP_LINE,
        show_after_heavy=settings.HELP_AFTER_HEAVY,
    )


def _dialled(number: str) -> str:
    """Keep the digits and plus signs, as a `tel:` address needs them (RFC 3966)."""
    return re.sub(r"[^\d+]", "", number)
