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

    @property
    def call_now_in_words(self) -> str:
        """The setting that this number is from."""
        return self.number if self.number_to_dial else self.emergency_number


def help_lines() -> HelpLines:
    return HelpLines(
        name=settings.HELP_LINE_NAME,
        number=settings.HELP_LINE_NUMBER,
        emergency_number=settings.EMERGENCY_NUMBER,
        local_contact=settings.LOCAL_CONTACT,
        line=settings.HELP_LINE,
        show_after_heavy=settings.HELP_AFTER_HEAVY,
    )


# Groups of digits with a single blank, dot or hyphen between them; a group may stand in brackets.
_NUMBER = re.compile(r"\+?(?:\(\d+\)|\d)(?:[ .\-\u00a0\u2010\u2011]?(?:\(\d+\)|\d))+", re.ASCII)
_HOURS = re.compile(r"\b24\s*(?:/\s*7|h(?:ou)?rs?|h)\b", re.IGNORECASE)
_TO_CALL = re.compile(r"\b(?:call|ring|phone|dial)\b", re.IGNORECASE)
_TO_TEXT = re.compile(r"\b(?:text|sms|whatsapp|fax)\b", re.IGNORECASE)


def _dialled(text: str) -> str:
    """The first number in this text that a telephone can call, for a `tel:` address (RFC 3966); or nothing.

    A setting may say more than a number, such as "Lifeline 13 11 14, text 0477 13 11 14". Dialling all of its
    digits would call nobody.
    """
    text = _HOURS.sub(",", text)
    read = 0
    for found in _NUMBER.finditer(text):
        before, read = text[read : found.start()], found.end()
        if re.match(r"-?[^\W\d_]", text[read:]):
            return ""  # 1-800-273-TALK: its letters are digits that not every telephone shows
        if _TO_TEXT.search(before) and not _TO_CALL.search(before):
            continue
        number = found.group()
        # The zero in brackets is for callers within the country.
        return re.sub(r"[^\d+]", "", number.replace("(0)", "") if number.startswith("+") else number)
    return ""
