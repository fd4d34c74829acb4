"""A clip over HTTP: ranges, ETag, cache headers (RFC 9110, RFC 9111, RFC 9211)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    JsonResponse,
    StreamingHttpResponse,
)
from django.utils.http import parse_etags

from ttscache.audio import FORMATS
from ttscache.generation.recording import Recording
from ttscache.tiers import Entry, version_of

FOREVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=300"
PRIVATE = "private, max-age=3600"
NEVER = "no-store"

Handler = Callable[[HttpRequest], HttpResponseBase]  # the next middleware, or the view

# One range (RFC 9110 section 14.1.2). Some clients name 2**64 - 1 as the last byte, of 20 digits. Python
# converts no more than 4,300.
RANGE = re.compile(r"bytes=\s*(?:(\d{1,99})-(\d{0,99})|-(\d{1,99}))\s*", re.ASCII | re.IGNORECASE)


def etag_of(entry: Entry) -> str:
    """A strong validator (RFC 9110): it depends on the bytes alone, not on the address.

    nginx sends the same one, so it is made of what nginx knows: the version in the address, and the size.
    """
    return f'"{version_of(entry.checksum)}-{entry.size}"'


def published_cache_control(request: HttpRequest, entry: Entry | None) -> str:
    """Browsers may keep the clip for ever if its address names these bytes, else five minutes (RFC 8246)."""
    is_this_version = entry is not None and request.GET.get("v") == version_of(entry.checksum)
    return FOREVER if is_this_version else A_WHILE


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """The requested range holds no byte of the clip."""


def requested_range(request: HttpRequest, size: int, etag: str) -> ByteRange | None:
    """The one range to send, or None for the whole clip. Raises Unsatisfiable.

    RFC 9110 section 14.2 allows to ignore the header: we do if it is malformed, names several ranges, or
    comes with an If-Range for other bytes.
    """
    match = RANGE.fullmatch(request.META.get("HTTP_RANGE", ""))
    if match is None or request.method != "GET":
        return None
    if request.META.get("HTTP_IF_RANGE", etag) != etag:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        if int(suffix) == 0 or size == 0:
            raise Unsatisfiable
        return ByteRange(max(0, size - int(suffix)), size - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return ByteRange(int(first), min(int(last), size - 1) if last else size - 1)


def deliver(request: HttpRequest, entry: Entry, *, cache_status: str, cache_control: str) -> HttpResponseBase:
    """Answer with the whole clip, with the requested part (206), or with 304 if the caller has it."""
    etag = etag_of(entry)
    response = _precondition(request, etag) or _content(request, entry, etag)
    response["ETag"] = etag
    if response.status_code >= 400:
        response["Cache-Control"] = NEVER
        return response
    response["Cache-Control"] = cache_control
    _describe(response, entry.audio_format, cache_status)
    return response


def _precondition(request: HttpRequest, etag: str) -> HttpResponse | None:
    """Check If-Match and If-None-Match before any range (RFC 9110 section 13.2.2). Clips have no date."""
    if_match = _tags(request, "HTTP_IF_MATCH")
    if if_match and not {etag, "*"} & set(if_match):
        return _refusal(412, "precondition_failed", "The clip has changed.")
    # If-Match compares strongly; If-None-Match compares weakly (RFC 9110 sections 13.1.1 and 13.1.2).
    if_none_match = {tag.removeprefix("W/") for tag in _tags(request, "HTTP_IF_NONE_MATCH")}
    if {etag, "*"} & if_none_match:
        if request.method in ("GET", "HEAD"):
            return HttpResponseNotModified()
        return _refusal(412, "precondition_failed", "The clip has not changed.")
    return None


def _tags(request: HttpRequest, name: str) -> list[str]:
    """The tags of a header. Most requests have none, and `request.headers` would copy all headers first."""
    sent = request.META.get(name)
    return parse_etags(sent) if sent else []


def _refusal(status: int, code: str, sentence: str) -> HttpResponse:
    return JsonResponse({"error": sentence, "code": code}, status=status)


def _content(request: HttpRequest, entry: Entry, etag: str) -> HttpResponse:
    try:
        part = requested_range(request, entry.size, etag)
    except Unsatisfiable:
        refusal = _refusal(416, "range_not_satisfiable", "The clip is shorter than that.")
        refusal["Content-Range"] = f"bytes */{entry.size}"
        return refusal
    if part is None:
        body = b"" if request.method == "HEAD" else entry.audio
        return HttpResponse(body, headers={"Content-Length": str(entry.size)})
    return HttpResponse(
        entry.audio[part.first : part.last + 1],
        status=206,
        headers={
            "Content-Length": str(len(part)),
            "Content-Range": f"bytes {part.first}-{part.last}/{entry.size}",
        },
    )


def stream_recording(
    recording: Recording,
    audio_format: str,
    *,
    cache_status: str,
    cache_control: str,
    on_end: Callable[[], None],
) -> StreamingHttpResponse:
    """Send a clip while it is made. If the recording fails, the connection is cut, so that no browser takes
    half a clip for a whole one."""
    response = StreamingHttpResponse(Listener(recording, on_end))
    response["Cache-Control"] = cache_control
    response["X-Accel-Buffering"] = "no"  # nginx must not collect the pieces
    _describe(response, audio_format, cache_status)
    return response


def _describe(response: HttpResponseBase, audio_format: str, cache_status: str) -> None:
    response["Content-Type"] = FORMATS[audio_format].media_type
    response["Accept-Ranges"] = "bytes"
    response["Cache-Status"] = cache_status


class Listener:
    """The response body of a stream. `on_end` is called once: at the end, on an error, or when the client
    leaves."""

    def __init__(self, recording: Recording, on_end: Callable[[], None]) -> None:
        self._chunks: Iterator[bytes] = recording.chunks()
        self._on_end = on_end
        self._is_over = False

    def __iter__(self) -> Listener:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_end()
