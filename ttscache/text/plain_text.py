"""The one form of a text: composed, and without characters that nobody sees or hears."""

# ruff: noqa: RUF001 - invisible and typographic characters are what this is about

from __future__ import annotations

import re
import unicodedata

# Control characters except white space, soft hyphen, invisible operators, Hangul fillers, annotation marks
# and zero-width characters that no script needs. A flag like Scotland's is a black flag with invisible tags.
_UNSEEN = re.compile(
    "(\U0001f3f4[\U000e0020-\U000e007e]{1,10}\U000e007f)"
    "|[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u17b4\u17b5\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
# They order right-to-left text and do nothing in a text that has none.
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What follows depends on the characters beside such a run: joiners, zero-width spaces, variation selectors.
_RUN = re.compile("[\u034f\u180b-\u180f\u200b-\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

# Scripts in which a joiner changes the shape of a letter or separates parts of a word: from Arabic to N'Ko,
# those of India and South-East Asia, Mongolian.
_JOINING = re.compile(
    "[\u0600-\u07ff\u0840-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1a20-\u1aaf\u1b00-\u1c4f\u1cd0-\u1cff"
    "\ua840-\ua8ff\ua900-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00010aff\U00010d00-\U00010eff"
    "\U00010f30-\U00011fff\U0001e900-\U0001e95f]"
)
# Scripts without spaces between words, in which people type a zero-width space there.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf]"
)
_MONGOLIAN = re.compile("[\u1800-\u18af]")
_EMOJI = re.compile("[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]")
_EMOJI_ENDINGS = "\u20e3\ufe0f\U000e007f"

_ZERO_WIDTH_SPACE, _NON_JOINER, _JOINER = "\u200b", "\u200c", "\u200d"
_GRAPHEME_JOINER, _VOWEL_SEPARATOR = "\u034f", "\u180e"


def clean_text(text: str) -> str:
    """Compose the text (NFC) and remove invisible characters. A second pass changes nothing.

    Joiners stay where a script or an emoji needs them, as in Persian and Hindi. White space stays as it is.
    """
    text = _UNSEEN.sub(_flag, text)
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    if _DIRECTION_MARKS.search(text) and not _is_right_to_left(text):
        text = _DIRECTION_MARKS.sub("", text)
    text = _RUN.sub(_needed, text)
    return unicodedata.normalize("NFC", text)  # letters and accents may now be neighbours


def has_words(text: str) -> bool:
    """Whether there is anything to say: at least one letter or digit, not only marks, signs and emoji."""
    return any(char.isalnum() and char not in "\u115f\u1160" for char in clean_text(text))


def _flag(found: re.Match[str]) -> str:
    return found[1] or ""


def _is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text)


def _needed(found: re.Match[str]) -> str:
    """The part of a run of invisible characters that does something between its neighbours.

    It is decided by visible neighbours alone, so that a second pass decides alike.
    """
    run, text = found[0], found.string
    before = text[found.start() - 1] if found.start() else " "
    after = text[found.end()] if found.end() < len(text) else " "
    selector = run[0] if _SELECTORS.match(run) and not before.isspace() else ""
    for joiner in (_JOINER, _NON_JOINER, _ZERO_WIDTH_SPACE, _GRAPHEME_JOINER, _VOWEL_SEPARATOR):
        if joiner in run and _does_something(joiner, selector or before, before, after):
            return selector + joiner
    return selector


def _does_something(joiner: str, last: str, before: str, after: str) -> bool:
    if joiner == _JOINER:
        is_between_emoji = (last in _EMOJI_ENDINGS or _EMOJI.match(before)) and _EMOJI.match(after)
        return bool(_JOINING.match(before) or _JOINING.match(after) or is_between_emoji)
    if joiner == _NON_JOINER:  # at the end of a word it shows that a sign such as the virama stands alone
        is_after_mark = unicodedata.category(before).startswith("M")
        return bool(_JOINING.match(before) and (is_after_mark or _JOINING.match(after)))
    if joiner == _ZERO_WIDTH_SPACE:
        return bool(_SPACELESS.match(before) and _SPACELESS.match(after))
    if joiner == _GRAPHEME_JOINER:
        return bool(unicodedata.combining(before) and unicodedata.combining(after))
    return bool(_MONGOLIAN.match(before) and _MONGOLIAN.match(after))


# --- comparing -------------------------------------------------------------------------------------------
# Marks that a keyboard has, and those that a word processor puts in their place. They sound alike. Dashes do
# not belong here: a voice pauses at a dash, and not at a hyphen.
_PLAIN_MARKS = str.maketrans(
    dict.fromkeys("‘’‚‛ʼʹ`´′＇", "'")
    | dict.fromkeys("“”„‟″＂", '"')
    | dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-")
    | {"\u2026": "..."}
    | dict.fromkeys(
        "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    )
)


def comparable(text: str) -> str:
    """The text as it is compared: clean, with plain marks, and without any invisible character."""
    if text.isascii():
        return clean_text(text).translate(_PLAIN_MARKS)
    text = _DIRECTION_MARKS.sub("", _RUN.sub("", clean_text(text)))
    return unicodedata.normalize("NFC", text.translate(_PLAIN_MARKS))


# Letters and marks that a Japanese or Chinese keyboard writes wide, and the stroke that only lengthens an
# Arabic word in its line.
_SPELLINGS = str.maketrans({chr(0xFF00 + low): chr(0x20 + low) for low in range(1, 95)} | {"\u0640": None})


def searchable(text: str) -> str:
    """The text as words are looked up in it: comparable, in any case and of any width."""
    return comparable(text).translate(_SPELLINGS).casefold()


def comparable_word(word: str) -> str:
    """The form by which a word is looked up: searchable, with single spaces."""
    return unicodedata.normalize("NFC", " ".join(searchable(word).split()))
