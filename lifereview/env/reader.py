"""Reads settings from the environment. A wrong value stops the start with one line that says why."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlsplit

from ttscache.host_names import is_host_name

N = TypeVar("N", int, float)

_BYTES = re.compile(r"(\d+)\s*(?:([KMG])i?B?)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_QUOTES = ("'", '"')
_AFTER_THE_USER = re.compile(r"([\w.%,-]*|\[[0-9A-Fa-f:.%]+\])(:\d*)?(/[^?#@\[\]]*)?(\?[^#]*)?")
_PLAIN_IN_A_USER = ":%!$&'()*+,;=~@"  # RFC 3986, section 3.2.1; @ is read as part of it as well
_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)

TELEPHONE_NUMBER = {  # what `matching` takes for one
    "pattern": r"\+?[0-9][0-9 ()./-]*",
    "allowed": "a telephone number, such as 116 123",
}


def refuse(variable: str, value: str, allowed: str) -> NoReturn:
    """End this process: whoever started it reads one line, not a stack trace."""
    raise SystemExit(f"{variable}={value!r} cannot be used: {allowed}.")


def _unsendable(value: str) -> str:
    """The first character that cannot be part of an HTTP header, in words; empty if all can."""
    for place, char in enumerate(value, start=1):
        if not "!" <= char <= "~":
            return f"character {place} is U+{ord(char):04X}, {unicodedata.name(char, 'without a name')}"
    if value[:1] in _QUOTES or value[-1:] in _QUOTES:
        return "it has a quotation mark around it"
    return ""


def _with_encoded_password(url: str) -> str:
    """Encode the characters of a user's password that would end that part of a URL, such as # and [.

    Providers show a connection string whose password was put in as it is. The first @ that is followed by a
    host, and by nothing that a URL cannot hold there, ends the password.
    """
    scheme, mark, rest = url.partition("://")
    for found in re.finditer("@", rest):
        user = rest[: found.start()]
        if _AFTER_THE_USER.fullmatch(rest, found.end()):
            return f"{scheme}{mark}{quote(user, safe=_PLAIN_IN_A_USER)}{rest[found.start() :]}"
    return url


def _is_url(value: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(value)
        is_port_a_number = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_host = is_host_name(parts.hostname) if parts.hostname else bool(parts.path.strip("/"))
    return parts.scheme in schemes and is_port_a_number and is_host


@dataclass(frozen=True, slots=True)
class VariableRule:
    """The default of a variable and the values it may have, in words. An empty default means unset."""

    default: str
    allowed: str


class Environment:
    """Typed reading of variables. An empty value counts as unset: `NAME=` in a file means the default.

    `rules` has every variable that was read so far: docs/configuration.md is made from it.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self.rules: dict[str, VariableRule] = {}

    @property
    def names(self) -> list[str]:
        """Every variable that is set to something, whether this site knows it or not."""
        return [name for name, value in self._variables.items() if value.strip()]

    def text(self, name: str, default: str = "") -> str:
        self._note(name, default, "")
        return self._value(name) or default

    def flag(self, name: str, default: bool) -> bool:
        self._note(name, str(default).lower(), "true, false")
        value = self._value(name)
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
        value = self.number(name, least, least=least, most=most)
        self._note(name, "", _range("a number", least, most))
        return value if self._value(name) else None

    def byte_count(self, name: str, default: int) -> int:
        """Bytes, either plain or with a unit: 67108864, 64MiB, 64M."""
        allowed = "a number of bytes, such as 67108864 or 64MiB"
        self._note(name, _with_unit(default), allowed)
        value = self._value(name)
        if not value:
            return default
        match = _BYTES.fullmatch(value)
        if match is None:
            refuse(name, value, f"allowed is {allowed}")
        return int(match[1]) * _UNITS[(match[2] or "").upper()]

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """One of `allowed`, or the default, which need not be one of them."""
        self._note(name, default, ", ".join(allowed))
        value = self._value(name) or default
        if value not in (*allowed, default):
            refuse(name, value, f"allowed are {', '.join(allowed)}")
        return value

    def matching(self, name: str, pattern: str, allowed: str) -> str:
        """A text of this pattern, or none."""
        self._note(name, "", allowed)
        value = self._value(name)
        if value and not re.fullmatch(pattern, value, re.ASCII):
            refuse(name, value, f"allowed is {allowed}")
        return value

    def words(self, name: str, default: Sequence[str] = (), *, pattern: str, allowed: str) -> list[str]:
        """A comma-separated list in which every word fits the pattern."""
        self._note(name, ",".join(default), allowed)
        value = self._value(name)
        if not value:
            return list(default)
        words = [word.strip() for word in value.split(",") if word.strip()]
        if not words or not all(re.fullmatch(pattern, word) for word in words):
            refuse(name, value, f"allowed is {allowed}")
        return words

    def writable_folder(self, name: str, default: Path, mode: int = 0o777) -> Path:
        """A folder, made if it is not there yet (with this mode, less the umask)."""
        self._note(name, str(default), "a folder that can be written")
        folder = Path(self._value(name) or default).expanduser().absolute()
        try:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as error:
            refuse(name, str(folder), f"it has to be a folder that can be written ({error.strerror})")
        return folder

    def optional_path(self, name: str) -> Path | None:
        """A path that begins at the root; None where it is not set. It need not exist."""
        self._note(name, "", "a path that begins with /")
        value = self._value(name)
        if value and not value.startswith("/"):
            refuse(name, value, "it has to be a path that begins with /")
        return Path(value) if value else None

    def url(self, name: str, default: str = "", *, schemes: Sequence[str]) -> str:
        beginnings = " or ".join(f"{scheme}://" for scheme in schemes)
        self._note(name, default, f"begins with {beginnings}")
        value = _with_encoded_password(self._value(name)) or default
        if value and not _is_url(value, schemes):
            # The value may hold a password: name its scheme only.
            scheme, mark, _ = value.partition("://")
            if mark and scheme in schemes:
                allowed = (
                    f"it has to be {scheme}://user:password@host:port/…, with # as %23, / as %2F, [ as %5B"
                )
                refuse(name, f"{scheme}://…", allowed)
            refuse(name, scheme if mark or "@" not in value else "…", f"it has to begin with {beginnings}")
        return value

    def sendable(self, name: str) -> str:
        """A key that is sent as a header. It is never shown."""
        value = self.text(name)
        if problem := _unsendable(value):
            refuse(name, "…", f"it cannot be sent, because {problem}")
        return value

    def _number(  # noqa: PLR0917 - private, and each caller names them by order of reading
        self, name: str, default: N, least: N, most: N, convert: Callable[[str], N], kind: str
    ) -> N:
        allowed = _range(kind, least, most)
        self._note(name, f"{default:g}", allowed)
        value = self._value(name)
        if not value:
            return default
        try:
            found = convert(value)
        except ValueError:
            refuse(name, value, f"allowed is {allowed}")
        if not least <= found <= most:  # NaN is refused here as well
            refuse(name, value, f"allowed is {allowed}")
        return found

    def _value(self, name: str) -> str:
        value = self._variables.get(name, "").strip()
        # Python keeps bytes of the environment that are no UTF-8 as surrogates, which no page could show.
        if not value.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
            refuse(name, "…", "it holds a control character, or it is not in UTF-8")
        return value

    def _note(self, name: str, default: str, allowed: str) -> None:
        """A variable may be read twice: the reading that allows less is the rule."""
        if allowed or name not in self.rules:
            self.rules[name] = VariableRule(default, allowed)


def _range(kind: str, least: float, most: float) -> str:
    return f"{kind} from {least} to {most}"


def _with_unit(size: int) -> str:
    """64MiB for 67108864; bytes that fill no unit, as they are. Empty for 0, which means no limit."""
    if not size:
        return ""
    for unit in ("G", "M", "K"):
        if size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}iB"
    return str(size)
