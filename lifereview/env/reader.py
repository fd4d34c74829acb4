"""Reads settings from the environment. A wrong value stops the start with one line that says why."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

N = TypeVar("N", int, float)

_BYTES = re.compile(r"(\d+)\s*(?:([KMG])i?B?)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)

TELEPHONE_NUMBER = {  # what `matching` takes for one
    "pattern": r"\+?[0-9][0-9 ()./-]*",
    "allowed": "a telephone number, such as 116 123",
}


def refuse(variable: str, value: str, allowed: str) -> NoReturn:
    """End this process: whoever started it reads one line, not a stack trace."""
    raise SystemExit(f"{variable}={value!r} cannot be used: {allowed}.")


def _is_url(value: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(value)
        is_port_a_number = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return parts.scheme in schemes and is_port_a_number and bool(parts.hostname or parts.path.strip("/"))


class Environment:
    """Typed reading of variables. An empty value counts as unset: `NAME=` in a file means the default."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        return self._variables.get(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if not value:
            return default
        if value.lower() not in _FLAGS:
            refuse(name, value, "allowed are true and false")
        return _FLAGS[value.lower()]

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        return self._number(name, default, least, most, int, "a whole number")

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        return self._number(name, default, least, most, float, "a number")

    def optional_number(self, name: str, *, least: float, most: float) -> float | None:
        """None where it is not set."""
        return self.number(name, least, least=least, most=most) if self.text(name) else None

    def byte_count(self, name: str, default: int) -> int:
        """Bytes, either plain or with a unit: 67108864, 64MiB, 64M."""
        value = self.text(name)
        if not value:
            return default
        match = _BYTES.fullmatch(value)
        if match is None:
            refuse(name, value, "allowed is a number of bytes, such as 67108864 or 64MiB")
        return int(match[1]) * _UNITS[(match[2] or "").upper()]

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            refuse(name, value, f"allowed are {', '.join(allowed)}")
        return value

    def matching(self, name: str, pattern: str, allowed: str) -> str:
        """A text of this pattern, or none."""
        value = self.text(name)
        if value and not re.fullmatch(pattern, value, re.ASCII):
            refuse(name, value, f"allowed is {allowed}")
        return value

    def words(self, name: str, default: Sequence[str] = (), *, pattern: str, allowed: str) -> list[str]:
        """A comma-separated list in which every word fits the pattern."""
        value = self.text(name)
        if not value:
            return list(default)
        words = [word.strip() for word in value.split(",") if word.strip()]
        if not words or not all(re.fullmatch(pattern, word) for word in words):
            refuse(name, value, f"allowed is {allowed}")
        return words

    def writable_folder(self, name: str, default: Path, mode: int = 0o777) -> Path:
        """A folder, made if it is not there yet (with this mode, less the umask)."""
        folder = Path(self.text(name, str(default))).expanduser().absolute()
        try:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as error:
            refuse(name, str(folder), f"it has to be a folder that can be written ({error.strerror})")
        return folder

    def url(self, name: str, default: str = "", *, schemes: Sequence[str]) -> str:
        value = self.text(name, default)
        if value and not _is_url(value, schemes):
            # The value may hold a password: name its scheme only.
            refuse(
                name,
                value.split("://", maxsplit=1)[0],
                f"it has to begin with {' or '.join(f'{s}://' for s in schemes)}",
            )
        return value

    def _number(  # noqa: PLR0917 - private, and each caller names them by order of reading
        self, name: str, default: N, least: N, most: N, convert: Callable[[str], N], kind: str
    ) -> N:
        value = self.text(name)
        if not value:
            return default
        allowed = f"allowed is {kind} from {least} to {most}"
        try:
            found = convert(value)
        except ValueError:
            refuse(name, value, allowed)
        if not least <= found <= most:  # NaN is refused here as well
            refuse(name, value, allowed)
        return found
