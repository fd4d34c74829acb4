"""collectstatic prepares only the static files that have changed, and each representation has its own tag."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.http import HttpResponse
from django.test import RequestFactory

from lifereview.static_files import StaticFiles, StaticFilesStorage

pytestmark = pytest.mark.any_database


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "page.css").write_text("body { color: black; }" * 100)
    return tmp_path / "source"


def collect(source: Path) -> list[str]:
    """Collect as collectstatic does; returns the names that were hashed anew. Raises what it would raise."""
    storage = StaticFilesStorage(location=source.with_name("collected"))
    storage.delete("page.css")
    with (source / "page.css").open("rb") as css:
        storage.save("page.css", css)
    paths = {"page.css": (FileSystemStorage(source), "page.css")}
    results = list(storage.post_process(paths))
    for _, _, outcome in results:
        if isinstance(outcome, Exception):
            raise outcome
    return [name for name, _, _ in results]


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


def test_static_files_that_no_page_loads_are_not_collected(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, dry_run=True, verbosity=1)
    collected = capsys.readouterr().out

    assert "swagger-ui-bundle.js" in collected and "admin" in collected
    assert "redoc" not in collected and "rest_framework" not in collected
    assert ".map" not in collected


def test_a_style_sheet_whose_source_map_is_not_collected_is_named_and_compressed(source: Path) -> None:
    (source / "page.css").write_text(
        "body { color: black; }" * 100 + "\n/*# sourceMappingURL=page.css.map */\n"
    )
    collect(source)
    assert list(source.with_name("collected").glob("page.*.css.gz"))


# --- one ETag for each representation --------------------------------------------------------------------
@pytest.fixture
def served(tmp_path: Path, settings: Any) -> Callable[..., Any]:
    """Answers requests for a style sheet that is there plain, gzipped and as Brotli."""
    plain = ("body { color: black; }\n" * 100).encode()
    settings.STATIC_ROOT = tmp_path / "served"
    settings.STATIC_ROOT.mkdir()
    (settings.STATIC_ROOT / "page.css").write_bytes(plain)
    (settings.STATIC_ROOT / "page.css.gz").write_bytes(gzip.compress(plain, mtime=0))
    (settings.STATIC_ROOT / "page.css.br").write_bytes(b"stands for Brotli")
    (settings.STATIC_ROOT / "alone.bin").write_bytes(b"only plain")
    answer = StaticFiles(lambda _: HttpResponse(status=404))
    requests = RequestFactory()

    def ask(path: str = "page.css", method: str = "GET", **headers: Any) -> Any:
        return answer(requests.generic(method, f"/static/{path}", **headers))

    return ask


CODINGS = {
    "": None,
    "gzip": "gzip",
    "gzip, br": "br",
    "gzip, br;q=0": "gzip",
    "identity;q=0.5, gzip;q=0.0": None,
}


@pytest.mark.parametrize(("accepted", "coding"), CODINGS.items())
def test_a_static_file_is_sent_in_a_coding_that_the_browser_accepts(
    served: Callable[..., Any], accepted: str, coding: str | None
) -> None:
    answer = served(HTTP_ACCEPT_ENCODING=accepted)

    assert (answer.status_code, answer.get("Content-Encoding")) == (200, coding)
    assert answer["Vary"] == "Accept-Encoding"
    assert int(answer["Content-Length"]) == len(b"".join(answer))


def test_each_representation_of_a_static_file_has_its_own_tag(served: Callable[..., Any]) -> None:
    tags = {accepted: served(HTTP_ACCEPT_ENCODING=accepted)["ETag"] for accepted in ("", "gzip", "br")}

    assert len(set(tags.values())) == 3
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', tag) for tag in tags.values())
    for accepted, tag in tags.items():
        for known in (tag, f'"other", W/{tag}', "*"):
            same = served(HTTP_ACCEPT_ENCODING=accepted, HTTP_IF_NONE_MATCH=known)
            assert (same.status_code, same["ETag"], same["Vary"]) == (304, tag, "Accept-Encoding")
            assert b"".join(same) == b""
        for other in set(tags.values()) - {tag}:
            assert served(HTTP_ACCEPT_ENCODING=accepted, HTTP_IF_NONE_MATCH=other).status_code == 200


def test_a_static_file_keeps_its_tag_when_only_its_time_changes(
    served: Callable[..., Any], settings: Any
) -> None:
    """Otherwise each host would have its own tags, and a browser would load every file from every host."""
    before = served()["ETag"]
    os.utime(settings.STATIC_ROOT / "page.css", (0, 10**9))
    again = StaticFiles(lambda _: HttpResponse(status=404))

    assert again(RequestFactory().get("/static/page.css"))["ETag"] == before


def test_a_range_of_a_static_file_counts_only_for_its_own_representation(served: Callable[..., Any]) -> None:
    plain, packed = served()["ETag"], served(HTTP_ACCEPT_ENCODING="gzip")["ETag"]
    part = served(HTTP_RANGE="bytes=0-3", HTTP_IF_RANGE=plain)

    assert (part.status_code, b"".join(part), part["ETag"]) == (206, b"body", plain)
    assert served(HTTP_RANGE="bytes=0-3", HTTP_IF_RANGE=packed).status_code == 200
    assert served(HTTP_RANGE="chapters=1").status_code == 200


def test_head_and_other_methods_of_a_static_file(served: Callable[..., Any]) -> None:
    assert b"".join(served(method="HEAD")) == b""
    assert served(method="HEAD")["ETag"] == served()["ETag"]
    assert served(method="POST").status_code == 405
    assert "Vary" not in served("alone.bin", HTTP_ACCEPT_ENCODING="gzip")
