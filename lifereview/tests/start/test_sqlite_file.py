from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lifereview.start.sqlite_file import (
    MARK,
    address_to_read,
    can_play_from,
    has_earlier_site,
    mark_folder,
    problem_with_file,
)

pytestmark = pytest.mark.any_database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with Django's table of migrations and a thousand rows, closed and without a log."""
    path = tmp_path / "lifereview.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY, app text)")
        database.executemany("INSERT INTO django_migrations (app) VALUES (?)", [("word" * 50,)] * 1_000)
    return path


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_to_its_first_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def zero_a_page(path: Path) -> None:
    with path.open("r+b") as opened:
        opened.seek(8 * 4096)
        opened.write(bytes(4096))


def write_words_over_it(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)


def drop_the_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE django_migrations")


def test_a_whole_file_has_no_problem(file: Path) -> None:
    assert problem_with_file(file, can_write=True) == ""
    assert problem_with_file(file, can_write=False) == ""


@pytest.mark.parametrize("can_write", [True, False])
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (cut_in_half, "is damaged"),
        (cut_to_its_first_bytes, "is damaged"),
        (zero_a_page, "is damaged"),
        (write_words_over_it, "is damaged"),
        (drop_the_tables, "has no tables of this site"),
    ],
)
def test_each_problem_with_the_file_is_named(
    file: Path, harm: Callable[[Path], object], says: str, can_write: bool
) -> None:
    harm(file)

    assert problem_with_file(file, can_write=can_write).startswith(says)


def test_a_look_at_the_file_makes_none(tmp_path: Path) -> None:
    problem_with_file(tmp_path / "lifereview.sqlite3", can_write=True)

    assert list(tmp_path.iterdir()) == []


def test_rows_that_only_the_log_holds_are_read_on_a_disk_that_cannot_be_written(file: Path) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("DELETE FROM django_migrations")
        writer.commit()
        with closing(sqlite3.connect(address_to_read(file), uri=True)) as reader:
            assert reader.execute("SELECT count(*) FROM django_migrations").fetchone() == (0,)


def test_nothing_can_be_played_from_a_file_without_texts(file: Path) -> None:
    assert not can_play_from(file)


@pytest.mark.parametrize("kept", ["public/ab/" + "ab" * 16 + ".mp3", "private/cd/" + "cd" * 16 + ".json"])
def test_a_kept_clip_shows_that_a_site_was_here(tmp_path: Path, kept: str) -> None:
    clips = tmp_path / "tts_cache"
    clip = clips / kept
    clip.parent.mkdir(parents=True)
    assert not has_earlier_site(tmp_path, clips)

    clip.touch()

    assert has_earlier_site(tmp_path, clips)


def test_the_mark_shows_that_a_site_was_here(file: Path) -> None:
    mark_folder(file)

    assert has_earlier_site(file.parent, file.parent / "nowhere")
    assert file.name in (file.parent / MARK).read_text()


def test_a_secret_key_alone_is_no_earlier_site(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()  # made when the settings are read, before any start

    assert not has_earlier_site(tmp_path, tmp_path / "tts_cache")
