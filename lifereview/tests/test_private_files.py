"""Files of this site are closed to others; files of somebody else are left alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lifereview.private_files import tighten

pytestmark = pytest.mark.any_database


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    """VAR_DIR as an earlier version left it."""
    folder = tmp_path / "var"
    for name in (
        "tts_cache/private/ab/ab12.mp3",
        "tts_cache/lock",
        "static/page.css",
        "lifereview.sqlite3-wal",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    return folder


def open_to_others(folder: Path) -> list[str]:
    found = [folder, *folder.rglob("*")]
    return [path.name for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def test_files_that_an_earlier_version_left_open_are_closed(var_dir: Path) -> None:
    tighten(var_dir, var_dir / "tts_cache")

    assert open_to_others(var_dir) == []
    assert (var_dir / "tts_cache/private/ab/ab12.mp3").read_text() == "x"


def test_a_backup_beside_the_database_does_not_keep_the_folder_open(var_dir: Path) -> None:
    (var_dir / "backup.sqlite3").write_text("x")
    tighten(var_dir, var_dir / "tts_cache")

    assert stat.S_IMODE(var_dir.stat().st_mode) == 0o700


def test_a_folder_that_holds_other_things_stays_open_and_so_do_they(var_dir: Path) -> None:
    (var_dir / "www").mkdir(mode=0o755)
    tighten(var_dir, var_dir / "tts_cache")

    assert open_to_others(var_dir) == ["var", "www"]


def test_a_folder_for_everybody_is_left_alone(var_dir: Path) -> None:
    var_dir.chmod(0o1777)
    tighten(var_dir, var_dir / "tts_cache")

    assert open_to_others(var_dir) == ["var"]


def test_a_folder_of_clips_elsewhere_is_closed(tmp_path: Path, var_dir: Path) -> None:
    elsewhere = (var_dir / "tts_cache").rename(tmp_path / "clips")
    elsewhere.chmod(0o755)
    tighten(var_dir, elsewhere)

    assert open_to_others(elsewhere) == []


def test_a_link_is_not_followed(tmp_path: Path, var_dir: Path) -> None:
    (tmp_path / "others").mkdir(mode=0o755)
    (tmp_path / "others" / "file").touch(0o644)
    (var_dir / "static" / "link").symlink_to(tmp_path / "others")
    tighten(var_dir, var_dir / "tts_cache")

    assert sorted(open_to_others(tmp_path / "others")) == ["file", "others"]


def test_a_clip_with_a_link_for_nginx_stays_readable_and_its_folder_is_closed(
    var_dir: Path, tmp_path: Path
) -> None:
    clip = var_dir / "tts_cache" / "public" / "ab" / "ab12.mp3"
    clip.parent.mkdir(parents=True)
    clip.write_text("x")
    clip.chmod(0o644)
    (tmp_path / "link").hardlink_to(clip)

    tighten(var_dir, var_dir / "tts_cache")

    assert open_to_others(var_dir) == ["ab12.mp3"]
