"""Reads the .env file beside manage.py, in whatever way an editor has saved it."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values
from dotenv.parser import parse_stream

# The mark of UTF-8 is cut off, those of UTF-16 also say the order of the bytes.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def env_file_values(path: Path) -> dict[str, str]:
    """The variables of the file, or none without a file. Ends this process if it cannot be read as it stands.

    The one line that says so names the file and the line, and shows nothing of them: it may hold a password.
    """
    if not path.exists():
        return {}
    try:
        text = _text(path)
    except OSError as error:
        _refuse(path, f"{error.strerror}")
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            _refuse(path, f"line {binding.original.line} is not NAME=value, or a quotation mark is missing")
    return {name: value or "" for name, value in dotenv_values(stream=io.StringIO(text)).items()}


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding = next((named for mark, named in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        _refuse(path, f"line {line} is not in UTF-8. Save the file in that encoding")
    if "\0" in text:
        _refuse(path, f"line {text[: text.index(chr(0))].count(chr(10)) + 1} is not in UTF-8")
    return text


def _refuse(path: Path, reason: str) -> NoReturn:
    raise SystemExit(f"The file {path} cannot be used: {reason}.")
