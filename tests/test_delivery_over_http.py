"""Clips are delivered as RFC 9110 says: ranges, validators, caching rules and access."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from harness import http
from harness.caller import Caller, clip_path, hash_of, phrase, sound_of
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import default_journey, files_of, id_of_text, new_token
from harness.staff_accounts import put_session, put_user
from harness.staff_session import StaffSession
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    """A server with all published clips and one process, so that the test knows its memory tier."""
    server = make_site(WebServer, holding="clips")
    with server:
        yield server


@pytest.fixture(scope="module")
def stranger(server: WebServer) -> Caller:
    return Caller(server)


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, new_token(server))


@pytest.fixture(scope="module")
def published(stranger: Caller) -> Any:
    """The intro, as the API lists it."""
    return stranger.narratives()["narratives"][0]


@pytest.fixture(scope="module")
def path(published: Any) -> str:
    return str(published["audio"]["url"])


@pytest.fixture(scope="module")
def whole(published: Any) -> bytes:
    return sound_of(published["text"])


@pytest.fixture(scope="module")
def etag(stranger: Caller, path: str) -> str:
    return str(stranger.ask("HEAD", path).headers["ETag"])


def test_a_clip_is_delivered_whole(stranger: Caller, path: str, whole: bytes, published: Any) -> None:
    response = stranger.get(path)
    assert (response.status, response.body) == (200, whole)
    assert response.headers["Content-Type"] == published["audio"]["content_type"] == "audio/mpeg"
    assert int(response.headers["Content-Length"]) == published["audio"]["bytes"] == len(whole)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in response.headers


# Range header, and the first and last byte of the answer, for a clip of at least 1,000 bytes.
RANGES = [
    ("bytes=0-0", 0, 0),
    ("bytes=0-1", 0, 1),
    ("bytes=0-499", 0, 499),
    ("bytes=500-999", 500, 999),
    ("bytes=500-", 500, -1),
    ("bytes=0-", 0, -1),
    ("bytes=-500", -500, -1),
    ("bytes=-1", -1, -1),
    ("bytes=-99999999999", 0, -1),
    ("bytes=500-99999999999", 500, -1),
    ("BYTES=500-999", 500, 999),
    ("bytes= 500-999", 500, 999),
]


@pytest.mark.parametrize("part", RANGES, ids=lambda part: part[0])
def test_a_range_of_a_clip_is_delivered(
    stranger: Caller, path: str, whole: bytes, part: tuple[str, int, int]
) -> None:
    requested_range, size = part[0], len(whole)
    first, last = part[1] % size, part[2] % size
    response = stranger.get(path, Range=requested_range)
    assert (response.status, response.body) == (206, whole[first : last + 1])
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert int(response.headers["Content-Length"]) == last - first + 1


@pytest.mark.parametrize(
    "requested_range",
    [
        *("bytes=0-1,5-6", "bytes=0-1, -1", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=1.5-2"),
        *(
            "items=0-1",
            "0-1",
            "bytes 0-1",
            "bytes=0-1;",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=0x0-0x1",
            "bytes=²-³",
        ),
    ],
)
def test_a_header_that_is_no_single_range_gets_the_whole_clip(
    stranger: Caller, path: str, whole: bytes, requested_range: str
) -> None:
    response = stranger.get(path, Range=requested_range.encode().decode("latin-1"))
    assert (response.status, response.body) == (200, whole)


@pytest.mark.parametrize("beyond", ["bytes={size}-", "bytes={size}-{size}", "bytes=99999999999-", "bytes=-0"])
def test_a_range_beyond_the_end_gets_416(stranger: Caller, path: str, whole: bytes, beyond: str) -> None:
    response = stranger.get(path, Range=beyond.format(size=len(whole)))
    assert (response.status, response.json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(whole)}"
    assert response.headers["Cache-Control"] == "no-store"


def test_joined_ranges_equal_the_whole_clip(stranger: Caller, path: str, whole: bytes) -> None:
    step = len(whole) // 7
    parts = [
        stranger.get(path, Range=f"bytes={begin}-{begin + step - 1}").body
        for begin in range(0, len(whole), step)
    ]
    assert b"".join(parts) == whole


def test_if_range_delivers_a_part_only_when_the_etag_matches(
    stranger: Caller, path: str, whole: bytes, etag: str
) -> None:
    same = stranger.get(path, Range="bytes=0-9", If_Range=etag)
    assert (same.status, same.body) == (206, whole[:10])
    for other in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 18:00:00 GMT"):
        changed = stranger.get(path, Range="bytes=0-9", If_Range=other)
        assert (changed.status, changed.body) == (200, whole)


def test_head_has_the_headers_of_get_without_the_bytes(stranger: Caller, path: str, whole: bytes) -> None:
    head, get = stranger.ask("HEAD", path), stranger.get(path)
    assert (head.status, head.body) == (200, b"")
    names = ("Content-Type", "Content-Length", "ETag", "Accept-Ranges", "Cache-Control", "Cache-Status")
    assert [head.headers[name] for name in names] == [get.headers[name] for name in names]
    with_range = stranger.ask("HEAD", path, Range="bytes=0-1")  # Range is defined for GET only
    assert (with_range.status, with_range.headers["Content-Length"]) == (200, str(len(whole)))


def test_a_matching_if_none_match_gets_304(stranger: Caller, path: str, whole: bytes, etag: str) -> None:
    assert re.fullmatch(r'"[^"]+"', etag)  # a strong ETag
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = stranger.get(path, If_None_Match=known)
        assert (response.status, response.body) == (304, b"")
        assert response.headers["ETag"] == etag
        assert "Content-Length" not in response.headers or response.headers["Content-Length"] == "0"
    assert stranger.get(path, If_None_Match=etag, Range="bytes=0-1").status == 304
    assert stranger.get(path, If_None_Match='"other"').body == whole


def test_the_etag_belongs_to_the_bytes(stranger: Caller, caller: Caller, etag: str) -> None:
    other = stranger.narratives()["narratives"][1]["audio"]["url"]
    assert stranger.ask("HEAD", other).headers["ETag"] != etag


def test_only_an_address_with_the_matching_checksum_is_immutable(stranger: Caller, path: str) -> None:
    bare, _, version = path.partition("?v=")
    assert re.fullmatch(r"[0-9a-f]{8}", version)
    for address, allowed in (
        (path, FOREVER),
        (bare, "public, max-age=300"),
        (f"{bare}?v=00000000", "public, max-age=300"),
        (f"{bare}?v=", "public, max-age=300"),
        (f"{bare}?v={version[:4]}", "public, max-age=300"),
    ):
        assert stranger.get(address).headers["Cache-Control"] == allowed
        assert stranger.get(address, Range="bytes=0-1").headers["Cache-Control"] == allowed


def test_system_clips_are_immutable_under_their_checksum(stranger: Caller) -> None:
    for clip in stranger.narratives()["system"].values():
        response = stranger.get(clip["audio"]["url"])
        assert (response.body, response.headers["Cache-Control"]) == (sound_of(clip["text"]), FOREVER)


def test_cache_status_says_which_tier_had_the_clip(
    server: WebServer, caller: Caller, openai: OpenAIServer
) -> None:
    text = phrase()
    statuses = [caller.say(text).headers["Cache-Status"], caller.say(text).headers["Cache-Status"]]
    for forget_files in (False, True):
        server.stop()
        if forget_files:
            shutil.rmtree(server.var_dir / "tts_cache")
        server.start()
        statuses.append(caller.clip(hash_of(text)).headers["Cache-Status"])
        statuses.append(caller.clip(hash_of(text)).headers["Cache-Status"])
    assert statuses == [
        "lifereview; fwd=miss; detail=generated",
        "lifereview; hit; detail=memory",
        "lifereview; hit; detail=file",
        "lifereview; hit; detail=memory",
        "lifereview; hit; detail=database",
        "lifereview; hit; detail=memory",
    ]
    assert files_of(server, hash_of(text))  # the request refilled the files
    assert len(openai.calls()) == 1


def test_an_unpublished_clip_requires_a_token_and_stays_private(caller: Caller, stranger: Caller) -> None:
    text = phrase()
    said = caller.say(text)
    path = clip_path(hash_of(text))
    assert stranger.get(path).status == stranger.ask("HEAD", path).status == 404
    heard = caller.get(path)
    assert heard.body == sound_of(text)
    assert [answer.headers["Cache-Control"] for answer in (said, heard)] == ["private, max-age=3600"] * 2
    assert stranger.get(path).status == 404  # a request with a token does not open the clip to others
    assert {path.parts[-3] for path in files_of(caller.site, hash_of(text))} == {"private"}


def test_a_draft_plays_for_staff_only_and_published_words_play_for_all(
    server: WebServer, caller: Caller, stranger: Caller
) -> None:
    text = phrase()
    caller.say(text)
    path = clip_path(hash_of(text))
    staff = StaffSession.begin(server)
    pk, journey = id_of_text(server, "outro"), default_journey(server)
    form = {"title": "Thank you", "kind": "outro", "text": text, "slug": "outro", "journey": journey}
    assert staff.send(f"/admin/narratives/narrative/{pk}/change/", form).status == 302
    assert stranger.get(path).status == 404
    assert caller.get(path).status == 200
    old = stranger.narratives()["narratives"][-1]["audio"]
    staff.publish([pk])
    assert staff.say_yes(f"/admin/narratives/journey/{journey}/waiting/anyway/").status == 302
    heard = wait_until(lambda: next(iter([stranger.get(path)])), "an answer")
    assert (heard.status, heard.body) == (200, sound_of(text))
    lately = stranger.get(old["url"])
    assert lately.status == 200  # a listener in the middle of the old version can finish it


def test_a_staff_session_can_play_private_clips(server: WebServer, caller: Caller) -> None:
    text = phrase()
    caller.say(text)
    session = put_session(server, put_user(server, "author"))
    headers = {"Cookie": f"sessionid={session}"}
    heard = http.get(f"{server.url}{clip_path(hash_of(text))}", headers)
    assert (heard.status, heard.body) == (200, sound_of(text))
