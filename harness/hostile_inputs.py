"""Hostile requests for the API, the gateway and the audio addresses, as data, each with a name.

They are written to the socket as they stand, because a HTTP library would refuse to send most of them.
`WORDS` stands where a caller's words would be: no answer and no line of the log may repeat it.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

WORDS = "zqhostilewords"
CLIP = "{clip}"  # the address of a published clip
REFUSED = frozenset(range(400, 500))

SPEECH, PREFETCH, MODELS = "/v1/audio/speech", "/v1/audio/prefetch", "/v1/models"
SAY, PRE_CACHE, PRUNE = "/api/text-to-speech", "/api/pre-cache-narratives", "/api/admin/clear-old-cache"
REFLECT, HEARD, ANALYZE = "/api/reflections", "/api/time-to-sound", "/api/analyze-and-tts"

# A valid body of each address. A hostile input replaces one of its fields.
BODIES: dict[str, dict[str, Any]] = {
    SPEECH: {"model": "tts-1-hd", "voice": "nova", "input": WORDS},
    PREFETCH: {"items": [{"voice": "nova", "input": WORDS}], "dry_run": True},
    SAY: {"text": WORDS, "voice": "nova", "content_type": "question"},
    PRE_CACHE: {"voice": "nova"},
    PRUNE: {"days": 3_000, "dry_run": True},
    REFLECT: {"narrative": 1, "answer": WORDS, "voice": "nova", "heard": [], "session": "one"},
    HEARD: {"voice": "nova", "content_type": "question", "milliseconds": 180},
    ANALYZE: {"question": WORDS, "answer": WORDS, "voice": "nova"},
}


@dataclass(frozen=True, slots=True)
class HostileInput:
    """One request, and the statuses that are right for it.

    `by_server`: the web server itself answers, before any part of the site sees the request.
    """

    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    right: frozenset[int] = REFUSED
    by_server: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def send(url: str, token: str, hostile: HostileInput, clip: str, timeout_seconds: float = 60) -> Answer:
    """Write the request as it stands and read the answer. Raises OSError or HTTPException without one."""
    parts = urlsplit(url)
    named = {name.lower() for name, _ in hostile.headers}
    defaults = {"Host": parts.netloc, "Authorization": f"Bearer {token}", "Connection": "close"}
    if hostile.body and "transfer-encoding" not in named:
        defaults |= {"Content-Length": str(len(hostile.body)), "Content-Type": "application/json"}
    headers = [pair for pair in defaults.items() if pair[0].lower() not in named]
    headers += [pair for pair in hostile.headers if pair[1] != LEFT_OUT]
    lines = [f"{hostile.method} {hostile.target.replace(CLIP, clip)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    with socket.create_connection((parts.hostname, parts.port), timeout_seconds) as connection:
        # A refusal may come before the server has read everything.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head + hostile.body)
        with suppress(OSError):
            connection.shutdown(
                socket.SHUT_WR
            )  # else the server waits for the rest of a body that is cut off
        response = http.client.HTTPResponse(connection, method=hostile.method)
        response.begin()
        return Answer(response.status, response.headers, response.read())  # type: ignore[arg-type]


LEFT_OUT = "(left out)"  # as the value of a header that is sent by default


def hostile_inputs() -> list[HostileInput]:
    return [
        *_wrong_fields(),
        *_wrong_bodies(),
        *_wrong_headers(),
        *_wrong_addresses(),
        *_wrong_clips(),
        *_wrong_methods(),
        *_wrong_framing(),
    ]


# --- one field of a body ---------------------------------------------------------------------------------
NESTED: Any = WORDS
for _ in range(60):
    NESTED = [NESTED]

# By name, as they stand in the JSON.
VALUES: dict[str, str] = {
    "true": "true",
    "a list": f'["{WORDS}"]',
    "an object": f'{{"{WORDS}": 1}}',
    "a list 60 deep": json.dumps(NESTED),
    "a number of 400 digits": "9" * 400,
    "a number of 5,000 digits": "9" * 5_000,
    "1e999": "1e999",
    "NaN": "NaN",
    "minus infinity": "-Infinity",
}
STRINGS: dict[str, str] = {
    "a NUL": f'"{WORDS}\\u0000"',
    "half of a surrogate pair": f'"{WORDS}\\ud800"',
    "two halves in the wrong order": f'"{WORDS}\\udc00\\ud800"',
    "a path upwards": f'"../../../../etc/{WORDS}"',
    "SQL": f'"{WORDS}\'; DROP TABLE tts_cache; --"',
    "a template": f'"{{{{ {WORDS} }}}}{{% debug %}}${{7*7}}"',
    "markup": f'"<script>{WORDS}</script>"',
    "a header break": f'"{WORDS}\\r\\nSet-Cookie: a=b"',
    "a log break": f'"{WORDS}\\n2026-01-01 ERROR"',
}
_ANY_VALUE = {**VALUES, **STRINGS}

# Text fields that take every string: these strings are refused, or spoken as they are.
_SPOKEN = REFUSED | {200}

_FIELDS: tuple[tuple[str, str, dict[str, str], frozenset[int]], ...] = (
    (SPEECH, "model", _ANY_VALUE, REFUSED),
    (SPEECH, "voice", _ANY_VALUE, REFUSED),
    (SPEECH, "input", VALUES, REFUSED),
    (SPEECH, "input", STRINGS, _SPOKEN),
    (SPEECH, "response_format", _ANY_VALUE, REFUSED),
    (SPEECH, "speed", _ANY_VALUE, REFUSED),
    (SPEECH, "instructions", VALUES, _SPOKEN),
    (SPEECH, "stream_format", _ANY_VALUE, REFUSED),
    (PREFETCH, "items", _ANY_VALUE, REFUSED),
    (PREFETCH, "dry_run", {name: value for name, value in _ANY_VALUE.items() if name != "true"}, REFUSED),
    (SAY, "text", VALUES, REFUSED),
    (SAY, "text", STRINGS, _SPOKEN),
    (SAY, "voice", _ANY_VALUE, REFUSED),
    (SAY, "content_type", _ANY_VALUE, REFUSED),
    (PRE_CACHE, "voice", _ANY_VALUE, REFUSED),
    (PRE_CACHE, "journey", _ANY_VALUE, REFUSED),
    (PRUNE, "days", _ANY_VALUE, REFUSED),
    (PRUNE, "dry_run", {name: value for name, value in _ANY_VALUE.items() if name != "true"}, REFUSED),
    (REFLECT, "narrative", _ANY_VALUE, REFUSED),
    (REFLECT, "answer", VALUES, REFUSED),
    (REFLECT, "heard", VALUES, _SPOKEN),
    (REFLECT, "session", VALUES, REFUSED),
    (HEARD, "voice", _ANY_VALUE, REFUSED),
    (HEARD, "content_type", _ANY_VALUE, REFUSED),
    (HEARD, "milliseconds", _ANY_VALUE, REFUSED),
    (ANALYZE, "answer", VALUES, REFUSED),
    (ANALYZE, "voice", _ANY_VALUE, REFUSED),
)


def _wrong_fields() -> Iterator[HostileInput]:
    for address, name, values, right in _FIELDS:
        for what, value in values.items():
            yield HostileInput(
                f"{name}: {what}", "POST", address, body=_body(address, name, value), right=right
            )


def _body(address: str, name: str, value: str) -> bytes:
    fields = {each: json.dumps(given) for each, given in BODIES[address].items()} | {name: value}
    return ("{" + ", ".join(f'"{each}": {given}' for each, given in fields.items()) + "}").encode()


# --- whole bodies ----------------------------------------------------------------------------------------
def _wrong_bodies() -> Iterator[HostileInput]:
    for address, fields in BODIES.items():
        good = json.dumps(fields | {"voice": "nova"})
        bodies: dict[str, tuple[bytes, frozenset[int]]] = {
            "cut off": (good[:-3].encode(), REFUSED),
            "two objects": (f"{good} {good}".encode(), REFUSED),
            "in UTF-16": (good.encode("utf-16"), REFUSED),
            "in Latin-1": (good.replace("nova", "novaé").encode("latin-1"), REFUSED),
            "an overlong UTF-8 slash": (
                good.replace("nova", "nov\0").encode().replace(b"\0", b"\xc0\xaf"),
                REFUSED,
            ),
            "a bare NUL": (good.encode().replace(b"{", b"{\0", 1), REFUSED),
            "a list": (f'["{WORDS}"]'.encode(), REFUSED),
            "a string": (f'"{WORDS}"'.encode(), REFUSED),
            "a number": (b"17", REFUSED),
            "an empty list": (b"[]", REFUSED),
            "null": (b"null", REFUSED),
            "blanks": (b"   ", REFUSED),
            "nested 100,000 deep": (b"[" * 100_000, REFUSED),
            "objects nested 50,000 deep": (b'{"a":' * 50_000, REFUSED),
            "a form": (f"text={WORDS}&voice=nova".encode(), REFUSED),
            "XML": (
                f'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;{WORDS}</a>'.encode(),
                REFUSED,
            ),
            "gzip": (b"\x1f\x8b\x08\x00" + WORDS.encode(), REFUSED),
        }
        for what, (body, right) in bodies.items():
            yield HostileInput(f"body: {what}", "POST", address, body=body, right=right)
    twice = f'{{"voice": "nova", "text": "{WORDS}", "text": 5, "voice": "nobody"}}'.encode()
    yield HostileInput("body: duplicate keys, of which the last counts", "POST", SAY, body=twice)
    twice = f'{{"model": "tts-1", "voice": "nova", "input": "{WORDS}", "input": 5}}'.encode()
    yield HostileInput("body: duplicate keys, of which the last counts", "POST", SPEECH, body=twice)
    many = json.dumps(BODIES[SPEECH] | {f"k{number}": number for number in range(20_000)}).encode()
    yield HostileInput("body: 20,000 unknown fields", "POST", SPEECH, body=many, right=frozenset([200]))
    for size, status in ((4_097, 400), (1_000_000, 400), (3_000_000, 413)):
        body = json.dumps(BODIES[SPEECH] | {"input": "a" * size}).encode()
        yield HostileInput(f"input: {size:,} letters", "POST", SPEECH, body=body, right=frozenset([status]))
    for letters in (25_000, 3_000_000):
        body = json.dumps(BODIES[SAY] | {"text": "a" * letters}).encode()
        yield HostileInput(f"text: {letters:,} letters", "POST", SAY, body=body)
    unspoken = {
        "only combining marks": "\u0301" * 4_000,
        "only zero-width joiners": "\u200d" * 4_000,
        "only direction marks": "\u202e\u2066\u2069",
        "only tags": "\U000e0041" * 500,
        "only blanks": " \t\n\u00a0\u3000",
        "no character": "",
    }
    for what, text in unspoken.items():
        for address, name in ((SPEECH, "input"), (SAY, "text")):
            body = json.dumps(BODIES[address] | {name: text}).encode()
            yield HostileInput(f"{name}: {what}", "POST", address, body=body, right=frozenset([400]))
    items = json.dumps({"items": [{"voice": "nova", "input": WORDS}] * 501, "dry_run": True}).encode()
    yield HostileInput("items: 501", "POST", PREFETCH, body=items, right=frozenset([400]))
    wrong_items: dict[str, Any] = {
        "null": None,
        "a list": [],
        "empty": {},
        "a text that is no string": {"input": [WORDS]},
    }
    for what, item in wrong_items.items():
        body = json.dumps({"items": [item], "dry_run": True}).encode()
        yield HostileInput(f"items: one that is {what}", "POST", PREFETCH, body=body, right=frozenset([400]))


# --- headers ---------------------------------------------------------------------------------------------
def _wrong_headers() -> Iterator[HostileInput]:
    good = json.dumps(BODIES[SAY]).encode()
    spoken = frozenset([200, 400])
    for address in (SAY, SPEECH, PREFETCH, PRUNE, "/api/cache-stats", "/metrics"):
        method = "POST" if address in BODIES else "GET"
        body = json.dumps(BODIES[address]).encode() if address in BODIES else b""
        for what, value in {
            "none": LEFT_OUT,
            "no token": "Bearer",
            "two tokens": f"Bearer {WORDS} {WORDS}",
            "an unknown token": f"Bearer {WORDS}",
            "not ASCII": f"Bearer {WORDS}é\u4e2d",
            "another scheme": f"Basic {WORDS}",
            "Basic that is no base64": "Basic %%%",
            "8,000 letters": "Bearer " + "a" * 8_000,
        }.items():
            right = frozenset([400, 401, 403, 431])
            headers = (("Authorization", value),)
            by_server = len(value) > 5_000
            yield HostileInput(f"Authorization: {what}", method, address, headers, body, right, by_server)
    for what, value in {
        "a form": "application/x-www-form-urlencoded",
        "multipart without boundary": "multipart/form-data",
        "XML": "text/xml",
        "none": "",
        "nonsense": f"{WORDS}/;;;=",
        "UTF-7": "application/json; charset=utf-7",
        "an unknown charset": f"application/json; charset={WORDS}",
        "4,000 blanks": "application/json;" + " " * 4_000,
    }.items():
        right = spoken | {415}
        yield HostileInput(f"Content-Type: {what}", "POST", SAY, (("Content-Type", value),), good, right)
    for name, value in {
        "Accept": f"{WORDS}/*;q=x,,;",
        "Accept-Encoding": "gzip;q=-1,*;q=9",
        "Accept-Language": "x" * 3_000,
        "Cookie": f"sessionid={WORDS}; csrftoken=%00; =; ;;",
        "Referer": f"javascript:{WORDS}",
        "Origin": "null",
        "X-Forwarded-For": f"{WORDS}, ::1%25, 999.1.1.1",
        "X-Forwarded-Proto": "gopher",
        "X-Request-Id": f"{WORDS}{'x' * 2_000}",
        "If-None-Match": '"' * 200,
        "If-Modified-Since": "yesterday",
        "Content-Encoding": "gzip",
        "X-HTTP-Method-Override": "DELETE",
        "Upgrade": "websocket",
        "Forwarded": f'for="{WORDS}',
        "Idempotency-Key": WORDS * 100,
        "OpenAI-Organization": f"{WORDS}",
    }.items():
        yield HostileInput(f"{name}: nonsense", "POST", SAY, ((name, value),), good, spoken)
        yield HostileInput(f"{name}: nonsense", "GET", CLIP, ((name, value),), right=frozenset([200]))
    for what, value in {
        "another site": "other.example",
        "a path": "a/../b",
        "nonsense": "@@:x",
        "empty": "",
    }.items():
        yield HostileInput(f"Host: {what}", "GET", MODELS, (("Host", value),))
        yield HostileInput(f"Host: {what}", "GET", "/api/narratives", (("Host", value),))


# --- addresses -------------------------------------------------------------------------------------------
def _wrong_addresses() -> Iterator[HostileInput]:
    climbing = (
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..\\..\\etc\\passwd",
        "%c0%ae%c0%ae/etc/passwd",
        "....//....//etc/passwd",
        "%252e%252e%252fetc%252fpasswd",
        "/etc/passwd",
        "file:///etc/passwd",
        "%00",
        f"{WORDS}%0d%0aSet-Cookie:a=b",
        "%ff%fe",
        "%",
        "%zz",
        "~root",
        "a" * 2_000,
    )
    for start in ("/api/audio/", "/v1/models/", "/api/warm-runs/", "/static/", "/api/"):
        for path in climbing:
            yield HostileInput(f"path: {path[:30]}", "GET", start + path)
    for query in (
        "voice=%00",
        "voice=%ff",
        f"voice={WORDS}",
        "voice[]=nova",
        f"journey={WORDS}",
        "journey=..%2f..%2fetc",
        f"journey={'9' * 400}",
        f"voice={'a' * 3_000}",
        "voice=nova%0d%0aX:y",
    ):
        right = REFUSED | {200} if "[]" in query else REFUSED
        yield HostileInput(f"query: {query[:30]}", "GET", f"/api/narratives?{query}", right=right)
    many = "&".join(f"a{number}=1" for number in range(1_200))
    for address in ("/api/narratives", MODELS, CLIP):
        yield HostileInput(
            "query: 1,200 fields", "GET", f"{address}?{many}", right=REFUSED | {200}, by_server=True
        )


# --- clips -----------------------------------------------------------------------------------------------
def _wrong_clips() -> Iterator[HostileInput]:
    unknown = "0" * 32
    for name in (
        f"{unknown}.mp3",
        f"{unknown}.exe",
        f"{unknown}.mp3.mp3",
        f"{unknown}",
        f"{unknown}.",
        f"{unknown}.MP3",
        f"{'A' * 32}.mp3",
        f"{'g' * 32}.mp3",
        f"{'0' * 31}.mp3",
        f"{'0' * 33}.mp3",
        f"{'0' * 4_000}.mp3",
        f"{unknown}.mp3/",
        f"{unknown}%00.mp3",
        f"{unknown}.mp3%00",
        f"{unknown}.mp3%20",
        f"{unknown}.mp3;a",
        f"{unknown}.mp3%0a",
        "\u0660" * 32 + ".mp3",
        f"*{'0' * 31}.mp3",
        f"{unknown}.pcmpcm",
    ):
        for method in ("GET", "HEAD"):
            target = f"/api/audio/{name}"
            yield HostileInput(f"hash: {name[:38]}", method, target, by_server=not name.isascii())
    whole = frozenset([200])
    ranges: dict[str, frozenset[int]] = {
        "bytes=-0": frozenset([416]),
        "bytes=99999999-": frozenset([416]),
        "bytes=": whole,
        "bytes=-": whole,
        f"bytes={'9' * 400}-": whole,
        f"bytes=0-{'9' * 400}": whole,
        f"bytes=-{'9' * 5_000}": whole,
        "bytes=5-1": whole,
        "bytes=a-b": whole,
        "bytes=0-0,-1": whole,
        f"bytes={','.join('0-1' for _ in range(1_000))}": whole,
        "lines=1-2": whole,
        "bytes 0-1": whole,
        "bytes=0x1-0x2": whole,
        "bytes=1_0-2_0": whole,
        "bytes=+1-+2": whole,
        "bytes=--1": whole,
        "bytes=\u0661-\u0662": whole,
        "bytes=1.5-2": whole,
        "": whole,
    }
    for value, right in ranges.items():
        yield HostileInput(f"Range: {value[:30]}", "GET", CLIP, (("Range", value),), right=right)
    for value in ('"nonsense"', 'W/"x"', "*", "Sat, 99 Foo 0000 99:99:99 GMT", '"' + "x" * 3_000, ","):
        headers = (("If-Range", value), ("Range", "bytes=0-1"))
        yield HostileInput(f"If-Range: {value[:30]}", "GET", CLIP, headers, right=frozenset([200]))
        fits = frozenset([304]) if value == "*" else frozenset([200])
        yield HostileInput(
            f"If-None-Match: {value[:30]}", "GET", CLIP, (("If-None-Match", value),), right=fits
        )
        fits = frozenset([200, 412])
        yield HostileInput(f"If-Match: {value[:30]}", "GET", CLIP, (("If-Match", value),), right=fits)


# --- methods and framing ---------------------------------------------------------------------------------
def _wrong_methods() -> Iterator[HostileInput]:
    for address in (SPEECH, SAY, MODELS, "/api/narratives", CLIP, "/api/cache-stats", "/v1/nothing"):
        for method in ("PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"):
            yield HostileInput(f"method: {method}", method, address, body=b'{"text": "a"}')
    for address in (SPEECH, SAY, PRUNE):
        yield HostileInput("method: GET of what takes POST", "GET", address, right=frozenset([405]))
    for method in ("get", "G\u00cbT", "GET" * 50, "G=T"):
        yield HostileInput(f"method: {method[:9]}", method, MODELS, by_server=True)


def _wrong_framing() -> Iterator[HostileInput]:
    body = json.dumps(BODIES[SAY]).encode()
    chunked = ("Transfer-Encoding", "chunked")
    whole = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    kind = ("Content-Type", "application/json")
    for address in (SAY, SPEECH):
        for name, headers, sent in (
            ("chunked: a length that is no number", (chunked,), b"zz\r\n" + body + b"\r\n0\r\n\r\n"),
            ("chunked: a negative length", (chunked,), b"-5\r\n" + body + b"\r\n0\r\n\r\n"),
            ("chunked: a huge length", (chunked,), b"f" * 40 + b"\r\n" + body + b"\r\n0\r\n\r\n"),
            ("chunked: wrong end of a chunk", (chunked,), b"5\r\n" + body + b"XX0\r\n\r\n"),
            ("chunked: with a length", (chunked, ("Content-Length", "5")), whole),
            ("chunked: twice", (chunked, chunked), whole),
            ("chunked: after an unknown coding", (("Transfer-Encoding", "xyz, chunked"),), whole),
            ("chunked: no JSON", (chunked,), b'5\r\n{"a":\r\n0\r\n\r\n'),
            ("chunked: empty", (chunked,), b"0\r\n\r\n"),
            ("length: negative", (("Content-Length", "-1"),), body),
            ("length: no number", (("Content-Length", "1e3"),), body),
            ("length: with a plus", (("Content-Length", "+5"),), body),
            ("length: two that differ", (("Content-Length", "5"), ("Content-Length", "9")), body),
            ("length: shorter than the body", (("Content-Length", "7"),), body),
            ("length: 0", (("Content-Length", "0"),), body),
        ):
            by_server = not name.endswith(("no JSON", ": empty", "than the body", ": 0"))
            right = frozenset([501]) if "unknown coding" in name else REFUSED  # RFC 9112, section 6.1
            yield HostileInput(name, "POST", address, (*headers, kind), sent, right, by_server)
    odd_headers: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        ("header: a name with a blank", (("X-A B", "c"),)),
        ("header: a NUL", (("X-A", "a\0b"),)),
        ("header: 20,000 letters", (("X-A", "a" * 20_000),)),
        ("header: 300 of them", tuple((f"X-A{number}", "a") for number in range(300))),
        ("header: a line that goes on", (("X-A", "a\r\n b"),)),
    )
    for name, sent_headers in odd_headers:
        yield HostileInput(name, "GET", MODELS, sent_headers, by_server=True)
    yield HostileInput("address: 9,000 letters", "GET", "/api/" + "a" * 9_000, by_server=True)
    yield HostileInput("address: a star", "GET", "*", by_server=True)
    # The server takes the path alone, so that it relays nothing.
    elsewhere = "http://other.example/v1/models"
    yield HostileInput("address: of another site", "GET", elsewhere, right=frozenset([200, 400]))
    yield HostileInput("address: CONNECT", "CONNECT", "other.example:443", by_server=True)
