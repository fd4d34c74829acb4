"""collectstatic hashes and compresses only the static files that have changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage

from lifereview.static_files import StaticFilesStorage

pytestmark = pytest.mark.any_database


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "page.css").write_text("body { color: black; }" * 100)
    return tmp_path / "source"


def collect(source: Path) -> list[str]:
    """Collect as collectstatic does, and return the names that were hashed anew."""
    storage = StaticFilesStorage(location=source.with_name("collected"))
    storage.delete("page.css")
    with (source / "page.css").open("rb") as css:
        storage.save("page.css", css)
    paths = {"page.css": (FileSystemStorage(source), "page.css")}
    return [name for name, _, _ in storage.post_process(paths)]


def test_unchanged_static_files_are_collected_once(source: Path) -> None:
    assert "page.css" in collect(source)
    assert collect(source) == []
    assert list(source.with_name("collected").glob("page.*.css.gz"))


def test_a_changed_static_file_is_collected_again(source: Path) -> None:
    collect(source)
    (source / "page.css").write_text("body { color: navy; }" * 100)
    assert "page.css" in collect(source)


def test_an_interrupted_collection_of_static_files_is_repeated(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(StaticFilesStorage, "compress_files", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collect(source)
    assert "page.css" in collect(source)
