"""Decode an uploaded file, whatever program wrote it, or say why it cannot be read.

Spreadsheets write UTF-8, UTF-16 ("Unicode text"), Windows-1252 or, on a Mac, Mac Roman. The last two have no
mark, and the same byte is a different letter in each. A guess counts only if the words that it gives are
possible; if both guesses are possible, the file is refused. Staff are told of each guess.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise

HOW_TO_SAVE = (
    "Save it as CSV in UTF-8. Excel: File, Save As, “CSV UTF-8”. Numbers: File, Export To, CSV, “Unicode"
    " (UTF-8)”. Google Sheets: File, Download, “Comma-separated values”. LibreOffice: File, Save As,"
    " “Text CSV”, character set “Unicode (UTF-8)”."
)

# The first bytes of files that are neither CSV nor JSON, whatever their name says.
_OTHER_FILES = (
    (b"PK\x03\x04", "an Excel or Numbers workbook that cannot be read, or a ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook in the old format (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a document in rich text (.rtf)"),
    (b"\x1f\x8b", "a compressed file (.gz)"),
    (b"<", "a web page or an XML file"),
)
# UTF-32 comes first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSES = {
    "cp1252": "the older Windows encoding (Windows-1252)",
    "mac_roman": "the older Mac encoding (Mac Roman)",
}

_SMALL = "àâäáåãæçèéêëìíîïñòóôöõøœùúûüýÿßðþšž"
_LETTERS = frozenset(_SMALL + _SMALL.replace("ß", "").upper())
_WORDS_OF_ONE_LETTER = frozenset("àÀéÉèÈåÅöÖøØæÆ")
_ENDS_OF_WORDS = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\xa0«»"
_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_ENDS_OF_ELISIONS = re.compile(r"(?:s|t|d|m|re|ve|ll)\b", re.IGNORECASE)
_STARTS_OF_ELISIONS = re.compile(r"\b(?:[ldjnmtsc]|qu)$", re.IGNORECASE)


def _misreadings() -> Iterator[str]:
    """How common letters look after UTF-8 was read as Windows-1252 or Mac Roman."""
    for letter in sorted(_LETTERS | set("\u2018\u2019\u201c\u201d\u2013\u2014\u2026€™£°")):
        told = letter.encode()
        windows = "".join(
            bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte)) for byte in told
        )
        # A word in capitals may end with the first of two such letters, before a closing quote or a dash.
        if len(told) > 2 or windows[-1] not in _ENDS_OF_WORDS:
            yield windows
        yield told.decode("mac_roman")


_MISREAD = re.compile("|".join(map(re.escape, _misreadings())))


class UnreadableFile(ValueError):
    """The file cannot be read. The message is shown to staff and says how to save it right."""


def decoded(content: bytes) -> tuple[str, str]:
    """Return the text of the file and a note on a guess, empty if nothing was guessed."""
    if not content.strip():
        raise UnreadableFile("The file is empty. Choose the file again, and check that it was saved.")
    start = content.lstrip()[:8]
    for beginning, what in _OTHER_FILES:
        if start.startswith(beginning):
            raise UnreadableFile(
                f"This is {what}, although its name may end with .csv or .json. {HOW_TO_SAVE}"
            )
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "") or _utf16_without_mark(
        content
    )
    try:
        return content.decode(encoding or "utf-8").removeprefix("\ufeff"), ""
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
    if encoding:
        raise UnreadableFile(f"The file is damaged or cut off near line {line}. {HOW_TO_SAVE}")
    return _guessed(content, line)


def _utf16_without_mark(content: bytes) -> str:
    """Every second byte of English text in UTF-16 is zero."""
    sample = content[:400]
    if sample[1::2].count(0) * 2 > len(sample[1::2]):
        return "utf-16-le"
    return "utf-16-be" if sample[::2].count(0) * 2 > len(sample[::2]) else ""


def _guessed(content: bytes, line: int) -> tuple[str, str]:
    refusal = UnreadableFile(
        f"The letters with accents in line {line} cannot be read for certain. {HOW_TO_SAVE}"
    )
    if b"\x00" in content:  # no program writes it into text in these encodings
        raise UnreadableFile(f"This is not a text file: line {line} cannot be read. {HOW_TO_SAVE}")
    found: list[tuple[int, str, str]] = []
    for encoding, name in _GUESSES.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        score = _plausibility(text)
        if score is not None:
            found.append((score, text, name))
    found.sort(reverse=True)
    if not found or (len(found) > 1 and found[0][0] == found[1][0]):
        raise refusal
    _, text, name = found[0]
    return (
        text,
        f"The file is not in UTF-8. It was read in {name}: check the letters with accents.",
    )


def _plausibility(text: str) -> int | None:
    """How well these letters fit words of Western European languages; None if they cannot be right."""
    score = 0
    for found in _FOREIGN.finditer(text):
        before, after = text[max(0, found.start() - 3) : found.start()], text[found.end() : found.end() + 3]
        mark = _score_of_character(found[0], before, after)
        if mark is None:
            return None
        score += mark
    is_possible = all(_is_possible(word[0]) for word in _WORD.finditer(text) if not word[0].isascii())
    return score if is_possible else None


def _score_of_character(char: str, before: str, after: str) -> int | None:
    """1 for what is possible, 3 for a typographic mark in its place, None for what cannot be."""
    follows, precedes = before[-1:].isalpha(), after[:1].isalpha()
    if char.isalpha() and char not in "ªº":
        return 1 if char in _LETTERS else None
    if char in "\u2019\u2018":
        is_elision = _ENDS_OF_ELISIONS.match(after) or _STARTS_OF_ELISIONS.search(before)
        return 3 if follows and precedes and is_elision else 1
    if char in "\u201c\u201e«\u2039":
        return None if follows else 3
    if char in "\u201d»\u203a":
        return None if precedes else 3
    if char in "\u2013\u2014":
        return 1 if follows or precedes else 3
    if char == "…":
        return 1 if precedes else 3
    if char in "¿¡":
        return None if follows else 1
    if char in "\xa0£€¥§©®°ªº½¼¾•·™":
        return None if follows and precedes and char != "\xa0" else 1
    return None


def _is_possible(word: str) -> bool:
    """Whether capitals stand where a word can have them: cafÈ, ÒHello and five accents in a row are wrong."""
    if len(word) == 1:
        return word in _WORDS_OF_ONE_LETTER
    if re.search(r"[^\x00-\x7f]{3}", word):
        return False
    for before, letter in pairwise(word):
        if before.islower() and letter.isupper() and not (before.isascii() and letter.isascii()):
            return False
    first, second = word[0], word[1]
    return first.isascii() or not (first.isupper() and second.isupper()) or word.isupper()


def misread_letters(words: str) -> str:
    """The first letters that show damage by a program that read UTF-8 in another encoding, or nothing."""
    found = _MISREAD.search(words)
    return found[0] if found else ""
