"""Reads lines of access logs: nginx's own log of clips, Combined, and W3C extended.

    2026-11-29T00:16:20+00:00 GET ab12….mp3 01234567 206 60000 "bytes 0-59999/60000"
    192.0.2.1 - - [29/Nov/2026:00:16:20 +0000] "GET /api/audio/ab12….mp3?v=… HTTP/1.1" 200 60000 "-" "…" HIT
    #Fields: date time cs-method cs-uri-stem sc-status sc-bytes x-edge-result-type sc-range-start sc-range-end

Addresses, referrers and programs in a line are read over and never kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from ttscache.delivery.metering import is_start

LONGEST_LINE = 16_384

_CLIP = re.compile(
    r"(?:.*/)?(?:api/audio/(?P<here>[0-9a-f]{32})\.[a-z0-9]{1,5}"
    r"|public/[0-9a-f]{2}/(?P<bucket>[0-9a-f]{32})\.[a-z0-9.-]{1,60})(?:\?.*)?"
)
_OWN = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\S{8,20}) (?P<method>[A-Z]+) (?P<clip>[0-9a-f]{32})\.[a-z0-9]{1,5} \S+"
    r' (?P<status>\d{3}) (?P<sent>\d{1,12}) "(?P<range>[^"]*)"'
)
_COMBINED = re.compile(
    r'\S+ [^\[]*\[(?P<at>[^\]]{20,30})\] "(?P<request>(?:[^"\\]|\\.)*)"'
    r" (?P<status>\d{3}) (?P<sent>\d{1,12}|-)(?P<rest> .*)?"
)
_CACHE_STATUS = re.compile(r'"?([A-Z]+)"?')
_CONTENT_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/.*")
# As nginx, CloudFront and others call what they answered from their own cache.
_ANSWERED_THERE = {"HIT", "REFRESHHIT", "ORIGINSHIELDHIT", "STALE", "UPDATING", "REVALIDATED"}
_PASSED_ON = {"MISS", "EXPIRED", "BYPASS", "DYNAMIC", "PASS", "ERROR"}


class UnreadableLine(ValueError):
    """The line has none of the known forms."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """A listener got a clip from its beginning. `sent_bytes` is set if only the clip's size can tell that."""

    at: datetime
    content_hash: str
    sent_bytes: int | None = None


class LineReader:
    """Reads the lines of one log in turn. `columns` are those of a W3C extended log that began earlier."""

    def __init__(self, columns: str = "") -> None:
        self.columns = columns

    def read(self, line: bytes) -> Hearing | None:
        """None for a line about something else, or about a request that does not count.

        Raises UnreadableLine.
        """
        if len(line) > LONGEST_LINE:
            raise UnreadableLine
        text = line.decode(errors="replace").strip("\r\n")
        if text.startswith("#"):
            if text.startswith("#Fields:"):
                self.columns = text.removeprefix("#Fields:").strip()
            return None
        try:
            if match := _OWN.fullmatch(text):
                return _heard(
                    match["at"],
                    method=match["method"],
                    clip=match["clip"],
                    status=match["status"],
                    part=match["range"],
                    sent=match["sent"],
                )
            if self.columns:
                return self._of_columns(text)
            return _of_combined(text)
        except ValueError as error:
            raise UnreadableLine from error

    def _of_columns(self, text: str) -> Hearing | None:
        cells = text.split("\t") if "\t" in text else text.split()
        names = self.columns.split()
        if len(cells) != len(names):
            raise UnreadableLine
        found = dict(zip(names, cells, strict=True))
        try:
            address, status = found.get("cs-uri-stem") or found["cs-uri"], found["sc-status"]
            at = f"{found['date']}T{found['time']}+00:00"  # always UTC
        except KeyError as error:
            raise UnreadableLine from error
        clip = _clip_of(address, found.get("x-edge-result-type", ""))
        first, last = found.get("sc-range-start", "-"), found.get("sc-range-end", "-")
        part = f"bytes {first}-{last}/*" if first.isdecimal() and last.isdecimal() else "-"
        method, sent = found.get("cs-method", "GET"), found.get("sc-bytes", "-")
        return _heard(at, method=method, clip=clip, status=status, part=part, sent=sent)


def _of_combined(text: str) -> Hearing | None:
    match = _COMBINED.fullmatch(text)
    if match is None:
        raise UnreadableLine
    method, _, rest = match["request"].partition(" ")
    last = (match["rest"] or "").rpartition(" ")[2]
    status = _CACHE_STATUS.fullmatch(last)
    clip = _clip_of(rest.partition(" ")[0], status[1] if status else "")
    at = datetime.strptime(match["at"], "%d/%b/%Y:%H:%M:%S %z").isoformat()
    return _heard(at, method=method, clip=clip, status=match["status"], part="-", sent=match["sent"])


def _clip_of(address: str, result: str) -> str:
    """The clip, unless the CDN passed the request on to the site, which counts it itself.

    A bucket counts nothing, so its clips count here in any case.
    """
    match = _CLIP.fullmatch(address)
    if match is None:
        return ""
    known = result.upper()
    was_passed_on = known in _PASSED_ON or (known not in _ANSWERED_THERE and known not in ("", "-"))
    return match["bucket"] or ("" if was_passed_on else match["here"])


def _heard(at: str, *, method: str, clip: str, status: str, part: str, sent: str) -> Hearing | None:
    """`part` is the Content-Range of the answer, or "-". Raises ValueError for a time that is none."""
    when = datetime.fromisoformat(at)
    if when.tzinfo is None:
        raise UnreadableLine
    if not clip or method != "GET" or status not in ("200", "206"):
        return None
    when = when.astimezone(UTC)
    if status == "200":
        return Hearing(when, clip)
    if match := _CONTENT_RANGE.fullmatch(part):
        return Hearing(when, clip) if is_start(int(match[1]), int(match[2])) else None
    return Hearing(when, clip, sent_bytes=int(sent) if sent.isdecimal() else 0)
