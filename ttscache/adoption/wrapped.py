"""Recognises audio that a client stored as text: base64, a JSON buffer, hex, and what else was found."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable

MOST_LAYERS = 4  # such as base64 within a JSON text within hex
MOST_BYTES = 256 * 1024 * 1024  # of one unpacked clip; more is no clip but an attack or an accident

# How a file begins in which the bytes may be wrapped, although it begins as an MP3 file does: text in which
# each byte above 127 became two (or a question mark), or was written as an octal number.
_MANGLED = (b"\xc3\xbf\xc3", b"\xef\xbf\xbd", rb"\000\000")


def begins_as_mp3(start: bytes) -> bool:
    """Whether the bytes begin as an MP3 file does: with a tag, or with the header of a frame."""
    is_frame = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0 and start[1] & 0x06 != 0
    return start.startswith(b"ID3") or is_frame


def may_be_wrapped(start: bytes) -> bool:
    """Whether it is worth reading the whole file; tell it the first 4,096 bytes."""
    return not begins_as_mp3(start) or any(mark in start for mark in _MANGLED)


def unwrapped(data: bytes) -> bytes | None:
    """The audio within the bytes, or None if they are no wrapping that is known."""
    layer = data
    for _ in range(MOST_LAYERS):
        inner = next((found for way in _WAYS if (found := _tried(way, layer))), None)
        if inner is None:
            return None
        if begins_as_mp3(inner) and not any(mark in inner[:4096] for mark in _MANGLED):
            return inner
        layer = inner
    return None


def _tried(way: Callable[[bytes], bytes | None], data: bytes) -> bytes | None:
    try:
        return way(data)
    except (ValueError, TypeError, SyntaxError, LookupError, RecursionError, MemoryError, EOFError, OSError):
        return None
    except zlib.error:
        return None


def _from_gzip(data: bytes) -> bytes | None:
    if not data.startswith(b"\x1f\x8b"):
        return None
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    inner = unpacker.decompress(data, MOST_BYTES)
    return inner if unpacker.eof else None


def _from_zlib(data: bytes) -> bytes | None:
    if data[:1] != b"\x78":
        return None
    unpacker = zlib.decompressobj()
    inner = unpacker.decompress(data, MOST_BYTES)
    return inner if unpacker.eof else None


def _from_utf16(data: bytes) -> bytes | None:
    """Text of two bytes a character, with a byte order mark."""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return data.decode("utf-16").encode("ascii")


def _from_byte_order_mark(data: bytes) -> bytes | None:
    return data[3:] if data.startswith(b"\xef\xbb\xbf") else None


def _from_data_url(data: bytes) -> bytes | None:
    head, comma, rest = data.lstrip().partition(b",")
    return rest if comma and head.startswith(b"data:") and head.endswith(b";base64") else None


def _from_json(data: bytes) -> bytes | None:
    """A Buffer of Node, an array of numbers, an array that became an object, or a quoted string."""
    if data.lstrip()[:1] not in (b"{", b"[", b'"'):
        return None
    return _from_value(json.loads(data))


def _from_value(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode("ascii")
    if isinstance(value, list):
        return bytes(value)
    if not isinstance(value, dict):
        return None
    for name in ("data", "file_data", "base64", "audio", "audioContent"):
        if name in value:
            return _from_value(value[name])
    numbers = [value.get(str(place)) for place in range(len(value))]
    return bytes(number for number in numbers if isinstance(number, int)) if None not in numbers else None


def _from_python(data: bytes) -> bytes | None:
    """The text that Python prints for bytes."""
    shown = data.strip()
    if shown.startswith(b"bytearray(") and shown.endswith(b")"):
        shown = shown[len(b"bytearray(") : -1]
    if not shown.startswith((b"b'", b'b"')):
        return None
    value = ast.literal_eval(shown.decode("ascii"))
    return value if isinstance(value, bytes) else None


_HEX = re.compile(rb"(?:\\+x|0[xX]|[xX]')?((?:[0-9a-fA-F]{2})+)'?")


def _from_hex(data: bytes) -> bytes | None:
    shown = re.fullmatch(_HEX, b"".join(data.split()))
    return binascii.unhexlify(shown[1]) if shown else None


def _from_base64(data: bytes) -> bytes | None:
    """Base64 of either alphabet, with or without its padding, also in lines."""
    shown = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    if len(shown) < 16:
        return None
    return base64.b64decode(shown + b"=" * (-len(shown) % 4), validate=True)


def _from_octal(data: bytes) -> bytes | None:
    """PostgreSQL's older text for bytes: a backslash and three octal digits."""
    if b"\\0" not in data:
        return None
    if re.search(rb"[^\x20-\x7e]", data):
        return None
    return re.sub(rb"\\(\\|[0-3][0-7]{2})", lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 8)]), data)


def _from_doubled_utf8(data: bytes) -> bytes | None:
    """Bytes that were taken for Latin-1 text and stored as UTF-8."""
    if not re.search(rb"[\x80-\xff]", data):
        return None
    return data.decode("utf-8").encode("latin-1")


_WAYS: tuple[Callable[[bytes], bytes | None], ...] = (
    _from_gzip,
    _from_zlib,
    _from_byte_order_mark,
    _from_utf16,
    _from_data_url,
    _from_json,
    _from_python,
    _from_hex,
    _from_base64,
    _from_octal,
    _from_doubled_utf8,
)
