"""Exporting and importing the clips of a voice, also with kills, full disks and lost servers."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from harness.caller import Caller, sound_of
from harness.clips import archived_clip, write_archive
from harness.fault_table import NoteFault
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.process import leashed, marked
from harness.s3 import S3Server
from harness.site import MakeSite, Site, WebServer
from harness.site_data import query
from harness.small_disk import SmallDisk

pytestmark = [pytest.mark.site, pytest.mark.any_database]

CLIPS = 2 * 17  # the default journey in both voices
MANY = 150
ROUNDS = 20 if os.environ.get("TEST_LONG") == "1" else 2
SOUND_BYTES = 20_000
MOST_BYTES_OF_MEMORY = 100 * 1024**2
WHOLE = "SELECT content_hash, checksum, audio_file_size FROM tts_cache WHERE stored_at IS NOT NULL ORDER BY 1"
COUNT = "SELECT count(*) FROM tts_cache WHERE stored_at IS NOT NULL"


@pytest.fixture(scope="module")
def source(make_site: MakeSite) -> WebServer:
    """A site on SQLite with the clips of the default journey."""
    site: WebServer = make_site(WebServer, holding="clips")
    return site


@pytest.fixture(scope="module")
def archive(source: WebServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("archive") / "voice.tar"
    source.manage("export_clips", str(file), check=True)
    return file


@pytest.fixture(scope="module")
def bucket(running_s3: S3Server) -> str:
    return running_s3.create_bucket(public_prefix="public/")


@pytest.fixture(scope="module")
def target(make_site: MakeSite, postgres: PostgresServer, running_s3: S3Server, bucket: str) -> WebServer:
    """A site on PostgreSQL with a bucket, with the texts of the default journey and without clips."""
    site: WebServer = make_site(
        WebServer,
        DATABASE_URL=postgres.create_database(),
        TTS_PERMANENT="storage",
        TTS_COMPRESSION="gzip",
        **running_s3.settings(bucket),
    )
    site.prepare()
    site.manage("load_default_content", check=True)
    return site


@pytest.fixture(scope="module")
def imported(target: WebServer, archive: Path) -> str:
    """Import the archive into the target; the words of the command."""
    assert query(target, COUNT) == [(0,)]
    return target.manage("import_clips", str(archive), check=True).stdout


def test_a_voice_moves_from_sqlite_to_postgresql_with_a_bucket_without_a_provider_call(
    openai: OpenAIServer, source: WebServer, target: WebServer, s3: S3Server, imported: str
) -> None:
    assert f"{CLIPS} clips were imported" in imported
    assert query(target, WHOLE) == query(source, WHOLE)
    objects = s3.objects(target.env["AWS_STORAGE_BUCKET_NAME"])
    assert {name.partition("/")[0] for name in objects} == {"public"}
    with target:
        caller = Caller(target)
        for voice in ("nova", "onyx"):
            listed = caller.narratives(voice)
            for item in [*listed["narratives"], *listed["system"].values()]:
                assert item["audio"]["ready"]
                heard = caller.clip(item["audio"]["content_hash"])
                assert (heard.status, heard.body) == (200, sound_of(item["text"], voice))
    assert openai.calls() == []


def test_importing_existing_clips_changes_nothing(
    archive: Path, target: WebServer, s3: S3Server, bucket: str, imported: str
) -> None:
    before = s3.objects(bucket)
    said = target.manage("import_clips", str(archive), check=True).stdout
    assert f"0 clips were imported, 0\xa0bytes; {CLIPS} were already here." in said
    assert s3.objects(bucket) == before


def test_an_archive_of_the_moved_voice_has_the_clips_of_the_first(
    target: WebServer, tmp_path: Path, make_site: MakeSite, source: WebServer, imported: str
) -> None:
    target.manage("export_clips", str(tmp_path / "back.tar"), check=True)
    third: WebServer = make_site(WebServer)
    third.manage("import_clips", str(tmp_path / "back.tar"), check=True)
    assert query(third, WHOLE) == query(source, WHOLE)


# --- interrupted commands ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def many(make_site: MakeSite, tmp_path_factory: pytest.TempPathFactory) -> tuple[WebServer, Path]:
    """A site with enough clips to kill a command in the middle, and the archive that they come from."""
    file = tmp_path_factory.mktemp("many") / "many.tar"
    chance = random.Random(11)
    write_archive(
        file,
        [
            archived_clip(f"Clip {number} of a long life.", chance.randbytes(SOUND_BYTES))
            for number in range(MANY)
        ],
    )
    site: WebServer = make_site(WebServer)
    site.manage("import_clips", str(file), check=True)
    return site, file


def started(site: Site, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        leashed([site.python, "manage.py", *arguments]),
        cwd=site.project,
        env=marked(site.environment(), "archive"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def kill_once(process: subprocess.Popen[bytes], is_time: object) -> bool:
    """Kill the process with kill -9 as soon as it is time; return False if it ended before."""
    assert callable(is_time)
    while process.poll() is None and not is_time():
        time.sleep(0.002)
    process.kill()
    process.communicate()
    return process.returncode == -9


def test_an_export_that_is_killed_again_and_again_becomes_the_same_file(
    many: tuple[WebServer, Path], tmp_path: Path, note_fault: NoteFault
) -> None:
    site, _ = many
    site.manage("export_clips", str(tmp_path / "whole.tar"), check=True)
    whole = (tmp_path / "whole.tar").read_bytes()
    file, part = tmp_path / "killed.tar", tmp_path / "killed.tar.part"
    killed = 0
    for turn in range(1, ROUNDS + 1):
        wanted = len(whole) * turn // (ROUNDS + 2)

        def is_long_enough(wanted: int = wanted) -> bool:
            return part.exists() and part.stat().st_size >= wanted

        killed += kill_once(started(site, "export_clips", str(file)), is_long_enough)
        assert not file.exists()
    assert killed == ROUNDS
    said = site.manage("export_clips", str(file), check=True).stdout
    assert "already has" in said
    assert file.read_bytes() == whole
    note_fault("kill -9 of an export", "nothing", "FILE.part, from which the next run continues")


@pytest.mark.long
def test_an_import_that_is_killed_again_and_again_is_complete_at_last(
    many: tuple[WebServer, Path],
    make_site: MakeSite,
    postgres: PostgresServer,
    running_s3: S3Server,
    note_fault: NoteFault,
) -> None:
    site, file = many
    bucket = running_s3.create_bucket()
    target: WebServer = make_site(
        WebServer,
        DATABASE_URL=postgres.create_database(),
        TTS_PERMANENT="storage",
        **running_s3.settings(bucket),
    )
    target.prepare()
    wanted = set(query(site, WHOLE))
    for turn in range(1, ROUNDS + 1):
        least = MANY * turn // (ROUNDS + 2)

        def are_enough_in(least: int = least) -> bool:
            return int(query(target, COUNT)[0][0]) >= least

        assert kill_once(started(target, "import_clips", str(file)), are_enough_in)
        assert set(query(target, WHOLE)) < wanted
    target.manage("import_clips", str(file), check=True)
    assert set(query(target, WHOLE)) == wanted
    assert "All tiers agree" in target.manage("check_cache").stdout
    note_fault(
        "kill -9 of an import", "nothing", "each clip whole or not at all; the next run brings the rest"
    )


def test_a_full_disk_ends_an_export_in_one_line_and_the_next_run_continues(
    many: tuple[WebServer, Path], tmp_path: Path, note_fault: NoteFault
) -> None:
    site, _ = many
    site.manage("export_clips", str(tmp_path / "whole.tar"), check=True)
    with SmallDisk(tmp_path / "small", 2 * 1024**2) as disk:
        file = disk.folder / "voice.tar"
        full = site.manage("export_clips", str(file))
        assert full.returncode == 1
        assert full.stderr.count("\n") == 1, full.stderr
        assert "No space left on device. What was written is in" in full.stderr
        assert not file.exists()
        disk.resize(64 * 1024**2)
        assert "already has" in site.manage("export_clips", str(file), check=True).stdout
        assert file.read_bytes() == (tmp_path / "whole.tar").read_bytes()
    note_fault("an export fills the disk", "nothing", "FILE.part, from which the next run continues")


@pytest.mark.parametrize("command", ["export_clips", "import_clips"])
def test_archive_commands_report_a_lost_database_in_one_line(
    many: tuple[WebServer, Path], make_site: MakeSite, tmp_path: Path, command: str
) -> None:
    _, file = many
    lost: WebServer = make_site(WebServer, DATABASE_URL="postgres://nobody@127.0.0.1:9/none")
    done = lost.manage(command, str(file if command == "import_clips" else tmp_path / "voice.tar"))
    assert done.returncode == 1
    assert "The database cannot be reached or refuses." in done.stderr
    assert "Traceback" not in done.stderr


# --- memory -----------------------------------------------------------------------------------------------
def peak_memory_of(process: subprocess.Popen[bytes]) -> int:
    """Return the kernel's VmHWM in bytes. The peak of getrusage would start with that of the parent."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            break
        peak = max([peak, *(int(line.split()[1]) * 1024 for line in status.splitlines() if "VmHWM" in line)])
        time.sleep(0.05)
    process.communicate()
    return peak


def assert_memory_stays_bounded(site: Site, file: Path, clips: int, back: Path) -> None:
    importing = started(site, "import_clips", str(file))
    peaks = {"import": peak_memory_of(importing)}
    exporting = started(site, "export_clips", str(back))
    peaks["export"] = peak_memory_of(exporting)
    assert (importing.returncode, exporting.returncode) == (0, 0)
    assert query(site, COUNT) == [(clips,)]
    assert all(0 < peak <= MOST_BYTES_OF_MEMORY for peak in peaks.values()), peaks


MANY_OBJECTS = 3_000
MOST_GROWTH_BYTES = 15 * 1024**2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_memory_does_not_grow_with_the_clips_that_leave_a_bucket(
    make_site: MakeSite, running_s3: S3Server, tmp_path: Path
) -> None:
    """The library that talks to the bucket takes its part, so a small voice is the measure of a large one."""
    peaks = {}
    for clips in (100, MANY_OBJECTS):
        bucket = running_s3.create_bucket()
        site: WebServer = make_site(WebServer, TTS_PERMANENT="storage", **running_s3.settings(bucket))
        file = tmp_path / f"{clips}.tar"
        sound = random.Random(11).randbytes(SOUND_BYTES)  # which no compression makes smaller
        write_archive(file, [archived_clip(f"Clip {number} of a voice.", sound) for number in range(clips)])
        site.manage("import_clips", str(file), check=True, timeout_seconds=900)
        assert query(site, COUNT) == [(clips,)]
        exporting = started(site, "export_clips", str(tmp_path / f"{clips}.back.tar"))
        peaks[clips] = peak_memory_of(exporting)
        assert exporting.returncode == 0
    assert peaks[MANY_OBJECTS] <= peaks[100] + MOST_GROWTH_BYTES, peaks


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_10_000_clips_travel_in_100_mb_of_memory(make_site: MakeSite, tmp_path: Path) -> None:
    sound = bytes(range(1, 251)) * (SOUND_BYTES // 250)
    clips = [archived_clip(f"Clip {number} of a very long life.", sound) for number in range(10_000)]
    write_archive(tmp_path / "in.tar", clips)
    assert_memory_stays_bounded(make_site(WebServer), tmp_path / "in.tar", len(clips), tmp_path / "out.tar")
