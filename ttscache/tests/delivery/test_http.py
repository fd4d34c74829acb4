from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from harness.clips import entry
from ttscache.delivery import http
from ttscache.delivery.metering import asks_to_hear_it, is_counted
from ttscache.tiers import Entry

pytestmark = pytest.mark.any_database

CLIP = entry(sound=bytes(range(100)))
ETAG = http.etag_of(CLIP)


def ask(clip: Entry = CLIP, method: str = "get", **headers: str):
    request = getattr(RequestFactory(), method)(
        "/", headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    return http.deliver(request, clip, cache_status="x", cache_control=http.A_WHILE), request


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        ("bytes=0-1", 0, 1),
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=90-", 90, 99),
        ("bytes=-10", 90, 99),
        ("bytes=-1000", 0, 99),
        ("bytes=95-1000", 95, 99),
        (f"bytes=0-{2**64 - 1}", 0, 99),
        ("BYTES=5-5", 5, 5),
    ],
)
def test_a_range_is_answered_with_just_its_bytes(range_: str, first: int, last: int) -> None:
    response, _ = ask(Range=range_)

    assert response.status_code == 206
    assert response.content == CLIP.audio[first : last + 1]
    assert response["Content-Range"] == f"bytes {first}-{last}/100"
    assert response["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("range_", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={10**40}-"])
def test_a_range_beyond_the_end_is_416_with_the_size(range_: str) -> None:
    response, _ = ask(Range=range_)

    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */100"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "range_", ["bytes=5-2", "bytes=a-b", "chars=0-1", "bytes=0-1,5-6", "bytes=", f"bytes={'9' * 5000}-"]
)
def test_a_range_that_makes_no_sense_is_ignored(range_: str) -> None:
    response, _ = ask(Range=range_)

    assert (response.status_code, response["Content-Length"]) == (200, "100")


@given(st.lists(st.integers(1, 99), unique=True).map(sorted))
def test_all_ranges_joined_equal_the_whole_clip(cuts: list[int]) -> None:
    bounds = [0, *cuts, 100]
    parts = [ask(Range=f"bytes={first}-{end - 1}")[0].content for first, end in pairwise(bounds)]

    assert b"".join(parts) == CLIP.audio


def test_if_range_gives_a_part_only_when_the_etag_matches() -> None:
    assert ask(Range="bytes=0-1", If_Range=ETAG)[0].status_code == 206
    assert ask(Range="bytes=0-1", If_Range='"other"')[0].status_code == 200
    assert ask(Range="bytes=0-1", If_Range=f"W/{ETAG}")[0].status_code == 200, "a weak tag never fits a range"
    assert ask(Range="bytes=0-1", If_Range="Sun, 22 Nov 2026 10:00:00 GMT")[0].status_code == 200


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_a_matching_etag_gets_304(tag: str) -> None:
    response, _ = ask(If_None_Match=tag, Range="bytes=500-")

    assert (response.status_code, response.content) == (304, b"")
    assert (response["ETag"], response["Cache-Control"]) == (ETAG, http.A_WHILE)


def test_a_different_etag_gets_the_bytes() -> None:
    assert ask(If_None_Match='"other"')[0].status_code == 200
    assert ask(If_Match='"other"')[0].status_code == 412
    assert ask(If_Match=ETAG)[0].status_code == 200


def test_head_has_every_header_and_no_body() -> None:
    response, _ = ask(method="head", Range="bytes=0-1")

    assert (response.status_code, response["Content-Length"], response.content) == (200, "100", b"")


def test_the_etag_changes_with_the_bytes() -> None:
    assert http.etag_of(entry(sound=b"a")) != http.etag_of(entry(sound=b"b"))


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({}, True),
        ({"Range": "bytes=0-"}, True),
        ({"Range": "bytes=0-2"}, True),
        ({"Range": "bytes=-100"}, True),
        ({"Range": "bytes=-999999"}, True),
        ({"Range": "bytes=-99"}, False),
        ({"Range": "bytes=5-", "If_Range": '"other"'}, True),
        ({"Range": "bytes=0-1"}, False),
        ({"Range": "bytes=3-"}, False),
        ({"Range": "bytes=100-"}, False),
        ({"If_None_Match": ETAG}, False),
    ],
)
def test_a_clip_is_counted_once_however_a_player_asks_for_it(headers: dict[str, Any], counts: bool) -> None:
    response, request = ask(**headers)

    assert is_counted(request, response) is counts


def test_a_head_request_is_not_counted() -> None:
    response, request = ask(method="head")

    assert not is_counted(request, response)
    assert not asks_to_hear_it(request, CLIP)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        *(
            {"Range": f"bytes={range_}"}
            for range_ in ("0-", "0-2", "0-1", "3-", "100-", "-100", "-999999", "-99")
        ),
        {"Range": "bytes=5-", "If_Range": '"other"'},
    ],
    ids=str,
)
def test_a_counted_request_is_one_that_starts_playback(headers: dict[str, Any]) -> None:
    response, request = ask(**headers)

    assert asks_to_hear_it(request, CLIP) is is_counted(request, response)
