"""Lines of access logs are read as the site itself would have counted the request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ttscache.delivery.log_lines import LONGEST_LINE, Hearing, LineReader, UnreadableLine

pytestmark = pytest.mark.any_database

CLIP = "ab" * 16
AT = datetime(2026, 11, 29, 0, 16, 20, tzinfo=UTC)
HEARD = Hearing(AT, CLIP)


def own(
    status: int = 200, part: str = "-", method: str = "GET", at: str = "2026-11-29T01:16:20+01:00"
) -> str:
    return f'{at} {method} {CLIP}.mp3 01234567 {status} 60000 "{part}"'


def combined(request: str, status: int = 200, sent: str = "60000", rest: str = ' "-" "x"') -> str:
    return f'192.0.2.1 - - [29/Nov/2026:00:16:20 +0000] "{request}" {status} {sent}{rest}'


GET = f"GET /api/audio/{CLIP}.mp3?v=01234567 HTTP/1.1"
FROM_BUCKET = f"GET /public/ab/{CLIP}.0123456789abcdef-76543210.mp3 HTTP/2.0"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (own(), HEARD),
        (own(206, "bytes 0-59999/60000"), HEARD),
        (own(206, "bytes 0-1/60000"), None),
        (own(206, "bytes 2-59999/60000"), None),
        (own(method="HEAD"), None),
        (own(304), None),
        (combined(GET), HEARD),
        (combined(GET, rest=""), HEARD),
        (combined(GET, rest=' "-" "Mozilla/5.0 (\\"odd\\")" "HIT"'), HEARD),
        (combined(GET, rest=' "-" "Mozilla/5.0" HIT'), HEARD),
        (combined(GET, rest=' "-" "Mozilla/5.0" MISS'), None),
        (combined(GET, 206), Hearing(AT, CLIP, sent_bytes=60_000)),
        (combined(GET, 304, "-"), None),
        (combined(GET.replace("GET", "HEAD")), None),
        (combined(FROM_BUCKET), HEARD),
        (combined(FROM_BUCKET, rest=' "-" "-" MISS'), HEARD),
        (combined("GET /api/narratives HTTP/1.1"), None),
        (combined(f"GET /private/ab/{CLIP}.mp3 HTTP/1.1"), None),
        (combined("\\x16\\x03\\x01", 400), None),
        (combined("-", 408, "0"), None),
    ],
)
def test_lines_of_nginx_and_combined_logs_are_read(line: str, found: Hearing | None) -> None:
    assert LineReader().read(line.encode()) == found


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        own(at="2026-13-45T00:00:00+00:00").encode(),
        own(at="2026-11-29T00:16:20").encode(),
        combined(GET).replace("Nov", "Nox").encode(),
        combined(GET).encode()[:60],
        b"\xff\xfe\x00" * 10,
        b"x" * (LONGEST_LINE + 1),
        b'1 - - [29/Nov/2026:00:16:20 +0000] "' + b"\\" * 5_001 + b'" 200 1',
    ],
)
def test_a_line_of_no_known_form_is_unreadable(line: bytes) -> None:
    with pytest.raises(UnreadableLine):
        LineReader().read(line)


COLUMNS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status x-edge-result-type "
    "sc-range-start sc-range-end"
)


def row(
    status: int = 200, result: str = "Hit", method: str = "GET", path: str = "", *, part: str = "-\t-"
) -> str:
    address = path or f"/api/audio/{CLIP}.mp3"
    cells = ("2026-11-29", "00:16:20", "FRA56-P1", 60500, "192.0.2.1", method, "cdn.example.org")
    return "\t".join(map(str, (*cells, address, status, result, part)))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (row(), HEARD),
        (row(result="RefreshHit"), HEARD),
        (row(result="Miss"), None),
        (row(result="Error"), None),
        (row(206, part="0\t59999"), HEARD),
        (row(206, part="0\t1"), None),
        (row(206, part="1000\t59999"), None),
        (row(206), Hearing(AT, CLIP, sent_bytes=60_500)),
        (row(method="HEAD"), None),
        (row(result="Miss", path=f"/public/ab/{CLIP}.0123456789abcdef-76543210.mp3"), HEARD),
        (row(path="/index.html"), None),
    ],
)
def test_rows_of_a_w3c_log_are_read_by_the_names_of_its_columns(line: str, found: Hearing | None) -> None:
    reader = LineReader()
    assert reader.read(b"#Version: 1.0") is None
    assert reader.read(f"#Fields: {COLUMNS}".encode()) is None
    assert reader.read(line.encode()) == found
    assert LineReader(reader.columns).read(line.encode()) == found


def test_a_w3c_row_with_too_few_cells_is_unreadable() -> None:
    with pytest.raises(UnreadableLine):
        LineReader(COLUMNS).read(row().rpartition("\t")[0].encode())
