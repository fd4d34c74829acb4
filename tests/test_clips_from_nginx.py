"""nginx with deploy/nginx.conf answers published clips from the site's files, and only those."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import http
from harness.caller import Caller, hash_of, phrase, sound_of
from harness.nginx import NginxServer
from harness.optional import skipped_when_unavailable
from harness.process import HOST, leashed
from harness.site import MakeSite, WebServer
from harness.site_data import new_token
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database]

# Of the connection, the moment or the request; a proxy sets its own.
OF_THE_TRIP = {"server", "date", "connection", "x-request-id", "transfer-encoding", "cache-status"}
HSTS = "strict-transport-security"  # set by nginx, not by this site without HTTPS


@dataclass(frozen=True, slots=True)
class Front:
    """nginx at `url`, for a Caller, the host behind it, and the folder and log that both know."""

    url: str
    site: WebServer
    folder: Path
    nginx: NginxServer

    @property
    def log(self) -> Path:
        return self.folder / "clips.log"

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture(scope="module")
def front(make_site: MakeSite) -> Iterator[Front]:
    folder = Path(tempfile.mkdtemp(prefix="harness-clips-"))
    folder.chmod(0o755)  # nginx has workers of another user
    links = folder / "links"
    links.mkdir(mode=0o755)
    shutil.chown(links, group="nogroup")
    links.chmod(0o750)
    settings = {"NGINX_CLIPS_DIR": str(links), "NGINX_PRIVATE_CLIPS": "true"}
    log = str(folder / "clips.log")
    site = make_site(WebServer, holding="content", **settings, NGINX_CLIPS_LOG=log)
    site.manage("warm", check=True)  # this also makes the links for nginx
    with skipped_when_unavailable():
        nginx = NginxServer(
            [f"{HOST}:{site.port}"], clips_dir=links, clips_log=folder / "clips.log"
        ).__enter__()
    with closing(nginx), site:
        yield Front(nginx.url, site, folder, nginx)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def caller(front: Front) -> Caller:
    return Caller(front, new_token(front.site))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stranger(front: Front) -> Caller:
    return Caller(front)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def direct(front: Front) -> Caller:
    """A caller who reaches the site without nginx."""
    return Caller(front.site)


@pytest.fixture(scope="module")
def path(stranger: Caller) -> str:
    """The address of the introduction; its link is there."""
    return str(stranger.narratives()["narratives"][0]["audio"]["url"])


def essential(response: http.Response) -> list[tuple[str, str]]:
    lowered = [(name.lower(), value) for name, value in response.headers.items()]
    return sorted((name, value) for name, value in lowered if name not in {*OF_THE_TRIP, HSTS})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-"},
        {"Range": "bytes=0-1"},
        {"Range": "bytes=100-199"},
        {"Range": "bytes=-10"},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=5-1"},
        {"Range": "bytes=99999999-"},
        {"Range": "bytes=0-9", "If_Range": '"other"'},
        {"If_None_Match": '"other"'},
        {"If_None_Match": "*"},
        {"If_Match": '"other"'},
        {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"If_Unmodified_Since": "Fri, 01 Jan 2010 00:00:00 GMT"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nginx_answers_with_the_headers_and_bytes_of_the_site(
    stranger: Caller, direct: Caller, path: str, method: str, headers: dict[str, str]
) -> None:
    own, by_nginx = (each.ask(method, path, None, **headers) for each in (direct, stranger))
    assert (by_nginx.status, by_nginx.body) == (own.status, own.body)
    assert essential(by_nginx) == essential(own)


def test_nginx_answers_a_published_clip_without_asking_the_site(
    front: Front, stranger: Caller, caller: Caller, path: str
) -> None:
    before, lines = caller.by_tier(), len(front.lines())
    heard = stranger.get(path)
    assert heard.headers["Cache-Status"] == "lifereview; hit; detail=file"
    assert caller.by_tier() == before
    [line] = front.lines()[lines:]
    name, version = path.removeprefix("/api/audio/").split("?v=")
    assert line.split()[1:] == ["GET", name, version, "200", str(len(heard.body)), '"-"']


@pytest.mark.parametrize("version", ["", "?v=00000000", "?v=&v=1", "?v=../../x", "?v="])
def test_another_version_is_answered_by_the_site(
    front: Front, stranger: Caller, direct: Caller, path: str, version: str
) -> None:
    lines = front.lines()
    address = path.partition("?")[0] + version
    own, by_nginx = direct.get(address), stranger.get(address)
    assert (by_nginx.status, by_nginx.body) == (200, own.body)
    assert by_nginx.headers["Cache-Control"] == own.headers["Cache-Control"] == "public, max-age=300"
    assert front.lines() == lines


def test_a_request_of_another_origin_is_answered_by_the_site(
    front: Front, stranger: Caller, path: str
) -> None:
    lines = front.lines()
    assert stranger.get(path, Origin="https://other.example").status == 200
    assert front.lines() == lines


@pytest.fixture(scope="module")
def private(front: Front, caller: Caller) -> tuple[str, bytes]:
    """The address and bytes of a clip that only the owner of a token may hear."""
    text = phrase()
    assert caller.say(text).status == 200
    return f"/api/audio/{hash_of(text)}.mp3", sound_of(text)


@pytest.mark.parametrize(
    "headers", [{}, {"Range": "bytes=0-1"}, {"Range": "bytes=-10"}, {"Range": "bytes=0-9", "If_Range": '"x"'}]
)
def test_nginx_sends_a_private_clip_once_the_site_has_checked_the_caller(
    front: Front,
    caller: Caller,
    stranger: Caller,
    private: tuple[str, bytes],
    headers: dict[str, str],
) -> None:
    path, _ = private
    own = Caller(front.site, caller.token).get(path, **headers)
    by_nginx = caller.get(path, **headers)
    assert (by_nginx.status, by_nginx.body) == (own.status, own.body)
    assert essential(by_nginx) == essential(own)
    assert by_nginx.headers["Cache-Status"] == own.headers["Cache-Status"]
    assert "X-Accel-Redirect" not in by_nginx.headers
    assert stranger.get(path, **headers).status == 404


def test_the_site_hands_the_bytes_of_a_private_clip_to_nginx_only_if_it_offers(
    front: Front, caller: Caller, private: tuple[str, bytes]
) -> None:
    path, _ = private
    own = Caller(front.site, caller.token)
    offered = own.get(path, X_Clip_Links="1")
    assert (offered.body, offered.headers["X-Accel-Redirect"].split("/")[1:3]) == (
        b"",
        ["clips-of-this-host", "private"],
    )
    assert "X-Accel-Redirect" not in own.get(path).headers
    assert caller.get(offered.headers["X-Accel-Redirect"]).status == 404  # nobody outside can ask for it


def test_the_site_sends_a_private_clip_whose_file_nginx_cannot_open(
    front: Front, caller: Caller, private: tuple[str, bytes]
) -> None:
    path, audio = private
    before = sum(caller.by_tier().values())
    [link] = (front.folder / "links" / "private").rglob("*.mp3")
    link.chmod(0o600)
    try:
        answer = caller.get(path)
    finally:
        link.chmod(0o644)
    assert (answer.status, answer.body) == (200, audio)
    wait_until(lambda: sum(caller.by_tier().values()) > before, "the count", seconds=10)
    assert sum(caller.by_tier().values()) == before + 1


TAKE_BACK = """
from ttscache.models import Pin
Pin.objects.filter(content_hash="{0}").delete()
"""
MAKE_AGAIN = """
from dataclasses import replace
from ttscache.tiers import checksum_of
from ttscache.wiring import speech_cache
tiers = speech_cache().tiers
entry = tiers.find("{0}").entry
audio = entry.audio + b"\\0"
for tier in tiers.all:
    tier.put(replace(entry, audio=audio, checksum=checksum_of(audio)))
"""


def clip_of(stranger: Caller, position: int) -> tuple[str, str]:
    """Address and content hash of a published clip."""
    audio: Any = stranger.narratives()["narratives"][position]["audio"]
    return str(audio["url"]), str(audio["content_hash"])


# Counts in small pieces, and says so before each of them.
COUNT_IN_PIECES = """
from pathlib import Path
from ttscache.delivery import edge_log
from ttscache.wiring import speech_cache

def say_so():
    print("piece", flush=True)
    return False

edge_log.CHUNK_BYTES = 2_000
edge_log.count_log(Path("{0}"), speech_cache(), should_stop=say_so)
"""


def kill_in_mid_count(front: Front) -> None:
    """Count, and kill the counting process after a few of many pieces."""
    code = COUNT_IN_PIECES.format(front.log)
    with subprocess.Popen(
        leashed([front.site.python, "manage.py", "shell", "-c", code]),
        cwd=front.site.project,
        env=front.site.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as counting:
        assert counting.stdout is not None
        pieces = [next(line for line in counting.stdout if "piece" in line) for _ in range(4)]
        counting.kill()
    assert len(pieces) == 4


def test_each_answer_of_nginx_is_counted_once_through_kills_and_rotation(
    front: Front, stranger: Caller, caller: Caller, path: str
) -> None:
    front.site.manage("count_edge_log", check=True)
    before = caller.by_tier()["edge"]
    for _ in range(150):
        stranger.get(path)
    kill_in_mid_count(front)
    for _ in range(5):
        stranger.get(path)  # into the file that is about to be renamed
    earlier = front.log.with_name("clips.log.1")
    front.log.rename(earlier)
    stranger.get(path)  # nginx still writes there
    front.nginx.reopen_logs()
    wait_until(front.log.exists, "the new log")
    for _ in range(60):
        stranger.get(path)
    wait_until(lambda: time.time() - earlier.stat().st_mtime > 11, "a quiet log", seconds=30)
    kill_in_mid_count(front)
    stranger.get(path, Range="bytes=0-1")  # a probe
    stranger.ask("HEAD", path)
    counted = front.site.manage("count_edge_log", check=True).stdout
    assert "0 lines cannot be read" in counted
    wait_until(
        lambda: caller.by_tier()["edge"] - before == 150 + 5 + 1 + 60, "the count of all answers", seconds=10
    )
    assert front.site.manage("count_edge_log", check=True).stdout.startswith("0 requests counted")


def test_a_clip_that_was_made_again_is_never_answered_under_its_old_version(
    front: Front, stranger: Caller
) -> None:
    old, content_hash = clip_of(stranger, 2)
    before = stranger.get(old)
    front.site.manage("shell", "-c", MAKE_AGAIN.format(content_hash), check=True)
    lines = len(front.lines())
    folder = front.folder / "links" / "public" / content_hash[:2] / content_hash

    def has_a_new_link() -> bool:
        assert stranger.get(old).status == 200
        return folder.exists() and not (folder / f"{old.rpartition('=')[2]}.mp3").exists()

    wait_until(has_a_new_link, "the link of the new version", seconds=25)
    by_site = stranger.get(old)
    assert by_site.body == before.body + b"\0"
    assert by_site.headers["Cache-Control"] == "public, max-age=300"
    assert len(front.lines()) == lines
    new = stranger.get(clip_of(stranger, 2)[0])
    assert (new.body, len(front.lines())) == (before.body + b"\0", lines + 1)


def test_nginx_no_longer_answers_a_clip_that_was_taken_back(front: Front, stranger: Caller) -> None:
    path, content_hash = clip_of(stranger, 3)
    stranger.get(path)
    front.site.manage("shell", "-c", TAKE_BACK.format(content_hash), check=True)
    folder = front.folder / "links" / "public" / content_hash[:2] / content_hash
    wait_until(lambda: not folder.exists(), "the end of the link", seconds=25)
    lines = front.lines()
    # A request that the site answers while it looks at the pins may delay it by a minute.
    wait_until(lambda: stranger.get(path).status == 404, "the end of the clip", seconds=80)
    assert front.lines() == lines
