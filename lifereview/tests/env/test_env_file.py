"""The .env file is read as editors save it, or refused in one line that shows nothing of it."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from lifereview.env.env_file import env_file_values

pytestmark = pytest.mark.any_database

TEXT = 'PORT=18111\nDATABASE_URL=postgres://u:p#w@h/d # here\nHELP_LINE="café"\n'
READ = {"PORT": "18111", "DATABASE_URL": "postgres://u:p#w@h/d", "HELP_LINE": "café"}


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
    ids=["UTF-8", "a byte order mark", "CRLF", "UTF-16 little-endian", "UTF-16 big-endian"],
)
def test_an_env_file_is_read_as_an_editor_saves_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)

    assert env_file_values(tmp_path / ".env") == READ


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("PORT=1\nHELP_LINE=secrét\n".encode("cp1252"), "line 2"),
        ("PORT=1\nHELP_LINE=secret\n".encode("utf-16-le"), "line 1"),
        (b'PORT=1\nSECRET_KEY="secret\n', "line 2"),
        (b"PORT=1\n= secret\n", "line 2"),
    ],
    ids=["cp1252", "UTF-16 without a mark", "an unclosed quotation mark", "no name"],
)
def test_an_env_file_that_cannot_be_read_is_refused_by_file_and_line(
    tmp_path: Path, content: bytes, line: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        env_file_values(tmp_path / ".env")

    assert str(tmp_path / ".env") in str(stopped.value)
    assert line in str(stopped.value)
    assert "secr" not in str(stopped.value)


def test_an_env_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SystemExit, match="Is a directory"):
        env_file_values(tmp_path / ".env")
