"""A start on a disk that cannot be written, or with a lost database: one line, and what was made plays."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harness.caller import Caller
from harness.postgres import IS_ON_POSTGRESQL
from harness.site import MakeSite, Site
from harness.site_data import query
from harness.small_disk import ReadOnlyDisk, SmallDisk
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

ENOUGH = 96 * 1024**2
PLAYS_ONLY = "only plays what it has"


@pytest.fixture(scope="module")
def earlier(make_site: MakeSite) -> Site:
    """A site that has run: its default journey is live and all its clips are made. It is stopped."""
    site: Site = make_site(Site)
    site.start()
    wait_until(lambda: all(each["ready"] for each in Caller(site).audio()), "all clips", seconds=120)
    site.stop()
    return site


@contextmanager
def copy_in(folder: Path, earlier: Site) -> Iterator[Site]:
    """A copy of the earlier site below this folder; started by the caller, ended here."""
    shutil.copytree(earlier.var_dir, folder / "var")
    site = Site(folder / "var", earlier.env)
    site.log_path = folder.with_name(f"{folder.name}.{site.port}.log")  # not on the full disk
    try:
        yield site
    finally:
        site.__exit__(None, None, None)


def start_line(site: Site) -> str:
    """The line that a start as it was logged says before it names the addresses."""
    before, _, _ = site.log().partition("Listeners:")
    (line,) = before.strip().splitlines()
    return line


def assert_published_clips_play(site: Site) -> None:
    caller = Caller(site)
    assert caller.get("/").status == 200
    sounds = caller.audio()
    assert len(sounds) > 15
    for sound in sounds:
        heard = caller.get(sound["url"])
        assert (heard.status, len(heard.body)) == (200, sound["bytes"])


if IS_ON_POSTGRESQL:

    def test_a_site_on_postgresql_starts_whole_on_a_read_only_disk(earlier: Site, tmp_path: Path) -> None:
        with copy_in(tmp_path, earlier) as site, ReadOnlyDisk(site.var_dir):
            site.start()
            assert "keeps no clips of its own" in start_line(site)
            assert_published_clips_play(site)
            said = "task cluster: ok"
            wait_until(lambda: said in Caller(site).get("/readyz").body.decode(), said, seconds=60)
            site.stop()

else:

    def test_a_site_on_a_read_only_disk_plays_its_clips_and_says_so_in_one_line(
        earlier: Site, tmp_path: Path
    ) -> None:
        with copy_in(tmp_path, earlier) as site, ReadOnlyDisk(site.var_dir):
            site.start()
            line = start_line(site)
            assert f"{site.var_dir}/lifereview.sqlite3 cannot be written (Read-only file system)" in line
            assert PLAYS_ONLY in line
            assert_published_clips_play(site)
            text = Caller(site).narratives()["narratives"][0]["text"]
            assert Caller(site, "no token").say(text).status == 401
            refused = Caller(site).ask("POST", "/admin/login/", b"username=admin")
            assert (refused.status, b"only plays" in refused.body) == (503, True)
            assert site.stop() < 10

    def test_a_site_on_a_full_disk_plays_its_clips_and_starts_whole_once_there_is_room(
        earlier: Site, tmp_path: Path
    ) -> None:
        with SmallDisk(tmp_path / "disk", ENOUGH) as disk, copy_in(disk.folder, earlier) as site:
            disk.resize(shutil.disk_usage(disk.folder).used)
            site.start()
            line = start_line(site)
            assert f"{site.var_dir} cannot be written (No space left on device): free some space" in line
            assert PLAYS_ONLY in line
            assert_published_clips_play(site)
            disk.resize(ENOUGH)
            said = "task cluster: ok"
            wait_until(lambda: said in Caller(site).get("/readyz").body.decode(), said, seconds=120)
            assert "password" not in site.log()
            site.stop()

    def test_a_site_whose_database_is_damaged_in_part_plays_its_clips(earlier: Site, tmp_path: Path) -> None:
        with copy_in(tmp_path, earlier) as site:
            damage_a_table(site.var_dir / "lifereview.sqlite3", "django_session")
            site.start()
            line = start_line(site)
            assert f"{site.var_dir}/lifereview.sqlite3 is damaged" in line
            assert "restore it from a backup" in line
            assert_published_clips_play(site)
            site.stop()

    def empty(path: Path) -> None:
        path.write_bytes(b"")

    def overwrite(path: Path) -> None:
        path.write_bytes(b"\xff" * path.stat().st_size)

    @pytest.mark.parametrize(
        ("command", "lose"),
        [("serve", empty), ("serve", overwrite), ("serve", Path.unlink), ("migrate", Path.unlink)],
    )
    def test_a_start_with_a_lost_database_makes_no_new_site(
        earlier: Site, tmp_path: Path, lose: Callable[[Path], object], command: str
    ) -> None:
        with copy_in(tmp_path, earlier) as site:
            path = site.var_dir / "lifereview.sqlite3"
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            lose(path)
            before = path.read_bytes() if path.exists() else None
            done = site.manage(command)
            (line,) = (done.stdout + done.stderr).strip().splitlines()
            assert done.returncode != 0
            assert str(path) in line
            assert "restore it from a backup" in line
            assert (path.read_bytes() if path.exists() else None) == before

    def test_a_lost_database_is_made_anew_only_on_request(earlier: Site, tmp_path: Path) -> None:
        with copy_in(tmp_path, earlier) as site:
            for path in site.var_dir.glob("lifereview.sqlite3*"):
                path.unlink()
            assert site.manage("migrate", "--new-database").returncode == 0
            assert query(site, "SELECT count(*) FROM auth_user") == [(0,)]

    def test_a_first_start_on_a_disk_that_cannot_be_written_says_so_in_one_line(
        earlier: Site, tmp_path: Path
    ) -> None:
        site = Site(tmp_path / "var", {**earlier.env, "SECRET_KEY": ""})
        site.var_dir.mkdir()
        with ReadOnlyDisk(site.var_dir):
            done = site.manage("serve")
        (line,) = (done.stdout + done.stderr).strip().splitlines()
        assert done.returncode != 0
        assert f"VAR_DIR='{site.var_dir}' cannot be used" in line

    def damage_a_table(path: Path, table: str) -> None:
        """Overwrite the first page of this table."""
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = database.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = ?", [table]
            ).fetchone()
            (size,) = database.execute("PRAGMA page_size").fetchone()
        with path.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)

    def test_an_ordinary_start_marks_its_folder(earlier: Site) -> None:
        assert "lifereview.sqlite3" in (earlier.var_dir / "site.txt").read_text()
        assert query(earlier, "SELECT count(*) FROM auth_user") == [(1,)]
