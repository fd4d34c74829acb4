"""The product with its clips in a bucket behind a CDN; the object store itself plays the CDN."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from harness import http
from harness.caller import Caller, hash_of, phrase, sound_of
from harness.fault_table import NoteFault
from harness.openai_server import OpenAIServer
from harness.process import leashed, marked
from harness.s3 import S3Server
from harness.site import MakeSite, Site, WebServer
from harness.site_data import make_old, new_token, query
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

CLIPS = 2 * 17  # the default journey in both voices
MOVED = "SELECT count(*) FROM tts_cache WHERE stored_in = %s AND stored_at IS NOT NULL"


@pytest.fixture(scope="module")
def bucket(running_s3: S3Server) -> str:
    return running_s3.create_bucket(public_prefix="public/")


@pytest.fixture(scope="module")
def server(make_site: MakeSite, running_s3: S3Server, bucket: str) -> Iterator[WebServer]:
    """A server without a memory tier, so that files and bucket answer."""
    server = make_site(
        WebServer,
        holding="content",
        TTS_MEMORY_BYTES="1",
        TTS_PERMANENT="storage",
        TTS_COMPRESSION="gzip",
        AWS_S3_CUSTOM_DOMAIN=f"{running_s3.url.removeprefix('http://')}/{bucket}",
        AWS_S3_URL_PROTOCOL="http:",
        **running_s3.settings(bucket),
    )
    server.manage("warm", check=True)
    with server:
        yield server


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, new_token(server))


def forget_files(site: Site) -> None:
    shutil.rmtree(site.var_dir / "tts_cache")


def path_of(site: Site, content_hash: str) -> str:
    return str(
        query(site, "SELECT audio_file_path FROM tts_cache WHERE content_hash = %s", content_hash)[0][0]
    )


def test_published_clips_have_cdn_addresses(caller: Caller, s3: S3Server, bucket: str) -> None:
    listed = caller.narratives()["narratives"]
    for item in listed:
        assert item["audio"]["url"].startswith(f"{s3.url}/{bucket}/public/")
        assert item["audio"]["bytes"] == len(sound_of(item["text"]))
    found = http.get(listed[0]["audio"]["url"], headers={"Range": "bytes=10-19"})
    assert (found.status, found.body) == (206, sound_of(listed[0]["text"])[10:20])
    assert found.headers["Content-Type"] == "audio/mpeg"
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_the_content_security_policy_allows_the_cdn(caller: Caller, s3: S3Server, bucket: str) -> None:
    page = caller.get("/")
    assert f"{s3.url}/{bucket}/public/" in page.body.decode()
    policy = page.headers["Content-Security-Policy"]
    assert f"media-src 'self' {s3.url} " in policy
    assert f"connect-src 'self' {s3.url};" in policy


def test_clips_on_the_cdn_are_also_served_by_the_site(caller: Caller) -> None:
    item = caller.narratives()["narratives"][0]
    forget_files(caller.site)
    heard = [caller.clip(item["audio"]["content_hash"]) for _ in range(2)]
    assert [response.body for response in heard] == [sound_of(item["text"])] * 2
    assert [response.headers["Cache-Status"].rpartition("=")[2] for response in heard] == ["storage", "file"]


def test_a_private_clip_is_served_only_by_the_site(
    caller: Caller, server: WebServer, s3: S3Server, bucket: str, openai: OpenAIServer
) -> None:
    text = phrase()
    caller.say(text)
    path = path_of(server, hash_of(text))
    assert path.startswith("private/") and path.endswith(".mp3.gz")
    assert http.get(f"{s3.url}/{bucket}/{path}").status == 403
    assert Caller(server).clip(hash_of(text)).status == 404


@pytest.mark.parametrize("requested_range", ["bytes=0-1", "bytes=100-199", "bytes=100-", "bytes=-50"])
def test_ranges_of_a_packed_object_count_the_bytes_of_the_clip(
    caller: Caller, openai: OpenAIServer, requested_range: str
) -> None:
    text = "Packed, and heard in parts."
    caller.say(text)
    first, last = requested_range.removeprefix("bytes=").split("-")
    sound = sound_of(text)
    wanted = sound[int(first) : int(last) + 1 if last else None] if first else sound[-int(last) :]
    forget_files(caller.site)
    part = caller.clip(hash_of(text), Range=requested_range)
    whole = caller.clip(hash_of(text))
    assert (part.status, part.body) == (206, wanted)
    assert part.headers["Cache-Status"] == "lifereview; hit; detail=storage"
    assert part.headers["Content-Range"].endswith(f"/{len(sound)}")
    assert part.headers["ETag"] == whole.headers["ETag"]
    assert "Content-Encoding" not in part.headers
    assert whole.body == sound


def test_cache_stats_report_the_bucket(caller: Caller) -> None:
    figures = caller.get("/api/cache-stats").json()
    assert figures["by_tier"]["storage"] > 0
    assert figures["compression"]["clips"] > 0
    assert isinstance(figures["compression"]["saved_bytes"], int)
    assert figures["supabase_entries"] >= CLIPS


def test_a_prune_with_a_bucket_leaves_no_object(
    caller: Caller, server: WebServer, s3: S3Server, bucket: str, openai: OpenAIServer
) -> None:
    text = phrase()
    caller.say(text)
    path = path_of(server, hash_of(text))
    assert path in s3.objects(bucket)
    make_old(server, hash_of(text))
    operator = Caller(server, new_token(server, "operator", admin=True))
    assert operator.post("/api/admin/clear-old-cache", {"days": 90}).json()["deleted_entries"] == 1
    assert path not in s3.objects(bucket)
    assert query(server, "SELECT 1 FROM ttscache_pendingdeletion WHERE name = %s", path) == []
    assert caller.clip(hash_of(text)).status == 404
    assert {http.get(audio["url"]).status for audio in caller.audio()} == {200}


def test_clips_play_during_an_outage_of_the_bucket(
    caller: Caller, s3: S3Server, bucket: str, openai: OpenAIServer, note_fault: NoteFault
) -> None:
    """Local clips still play. New clips go to the database and are moved on request."""
    server = caller.site
    known, new = phrase(), phrase()
    caller.say(known)
    assert "permanent tier: ok, storage" in caller.get("/readyz").body.decode()
    s3.kill()
    for text in (known, new, new):
        assert caller.say(text).body == sound_of(text)
    assert caller.clip(hash_of(new)).headers["Cache-Status"] == "lifereview; hit; detail=file"
    assert len(openai.calls()) == 2
    wait_until(lambda: "permanent tier: NOT READY" in caller.get("/readyz").body.decode(), "an alarm")
    forget_files(server)
    assert caller.clip(hash_of(new)).headers["Cache-Status"] == "lifereview; hit; detail=database"
    s3.start()
    wait_until(lambda: "permanent tier: ok" in caller.get("/readyz").body.decode(), "all clear", seconds=20)
    server.manage("move_clips", "--to", "storage", check=True)
    assert path_of(server, hash_of(new)) in s3.objects(bucket)
    forget_files(server)
    heard = caller.clip(hash_of(new))
    assert (heard.body, heard.headers["Cache-Status"]) == (
        sound_of(new),
        "lifereview; hit; detail=storage",
    )
    note_fault(
        "object storage: down",
        "known clips from this host, new ones spoken once",
        "in the database, for all hosts; in the bucket once moved",
    )


def kill_during_move(site: Site, to: str) -> None:
    """Run `move_clips`, and kill it with kill -9 once a few clips have moved."""
    mover = subprocess.Popen(
        leashed([site.python, "manage.py", "move_clips", "--to", to]),
        cwd=site.project,
        env=marked(site.environment(), "moving"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    begun = int(query(site, MOVED, to)[0][0])
    wait_until(lambda: query(site, MOVED, to)[0][0] > begun + 2, "some clips", seconds=60, every=0.005)
    mover.kill()
    mover.communicate()
    assert mover.returncode == -9


@pytest.mark.parametrize("to", ["database", "storage"])
def test_all_clips_move_while_the_site_serves(
    caller: Caller, server: WebServer, s3: S3Server, openai: OpenAIServer, to: str
) -> None:
    dry = server.manage("move_clips", "--to", to, "--dry-run", check=True).stdout
    assert "clips to move" in dry
    assert ("TTS_PERMANENT=storage still sends" in dry) == (to == "database")
    before = int(query(server, MOVED, to)[0][0])
    kill_during_move(server, to)
    forget_files(server)
    assert all(caller.clip(audio["content_hash"]).status == 200 for audio in caller.audio())
    done = server.manage("move_clips", "--to", to, check=True).stdout
    total = int(query(server, MOVED, to)[0][0])
    assert total > before + CLIPS
    assert f"/{total} clips" not in done  # the last command did not repeat the moves of the killed ones
    assert query(server, MOVED, "storage" if to == "database" else "database")[0][0] == 0
    rows = int(query(server, "SELECT count(*) FROM tts_cache_files")[0][0])
    assert rows == (total if to == "database" else 0)
    forget_files(server)
    for item in caller.narratives()["narratives"]:
        heard = caller.clip(item["audio"]["content_hash"])
        assert (heard.body, heard.headers["Cache-Status"]) == (
            sound_of(item["text"]),
            f"lifereview; hit; detail={to}",
        )
    assert openai.calls() == []


def test_cdn_addresses_stay_valid_after_a_move(caller: Caller, s3: S3Server, bucket: str) -> None:
    """A page opened before the moves above still has the old addresses."""
    name = path_of(caller.site, caller.audio()[0]["content_hash"])
    assert name in s3.objects(bucket)
    assert http.get(f"{s3.url}/{bucket}/{name}").status == 200
