"""Serves static files under names that change with their content, so that browsers cache them for ever."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import NOT_ALLOWED_RESPONSE, NOT_MODIFIED_HEADERS, Response, StaticFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

from ttscache.fingerprint import fingerprint_of

MARK = ".named-and-compressed"


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also rewrites the imports of JavaScript modules, so that a page never mixes old and new scripts."""

    support_js_module_import_aggregation = True
    # The comments that name source maps stay as they are: no map is collected.
    patterns = tuple(
        (files, tuple(pattern for pattern in patterns if "sourceMappingURL" not in str(pattern)))
        for files, patterns in CompressedManifestStaticFilesStorage.patterns
    )

    def create_compressor(self, **options: Any) -> Compressor:
        """Compress with gzip alone: Brotli takes a minute for these files, and does so at every upgrade."""
        return Compressor(use_brotli=False, **options)

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Name and compress the files, unless that was done for exactly these: it takes seconds per start."""
        mark, found = Path(self.location) / MARK, _fingerprint(paths)
        if dry_run or (mark.exists() and mark.read_text() == found):
            return
        mark.unlink(missing_ok=True)
        yield from super().post_process(paths, dry_run, **options)
        mark.write_text(found)


def _fingerprint(paths: dict[str, Any]) -> str:
    """A fingerprint of the found files: path, size and time of change."""
    stats = ((path, os.stat(storage.path(source))) for path, (storage, source) in paths.items())
    facts = sorted((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    return fingerprint_of(facts)


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, but each representation (plain, gzip, br) has an ETag of its own (RFC 9110, section 8.8.3).

    WhiteNoise gives all of them the tag of the plain file, so a cache could join parts of two of them.
    """

    def get_static_file(self, *args: Any, **options: Any) -> _Representations:
        return _Representations(super().get_static_file(*args, **options))


class _Representations:
    """One static file in its codings."""

    def __init__(self, file: StaticFile) -> None:
        self._file = file
        self._tags: dict[str, str] = {}

    def get_response(self, method: str, meta: Mapping[str, str]) -> Response:
        if method not in ("GET", "HEAD"):
            return NOT_ALLOWED_RESPONSE
        path, found = self._chosen(meta.get("HTTP_ACCEPT_ENCODING", ""))
        tag = self._tag(path)
        headers = [*((name, value) for name, value in found if name != "ETag"), ("ETag", tag)]
        if self._is_not_modified(meta, tag):
            kept = [(name, value) for name, value in headers if name in NOT_MODIFIED_HEADERS]
            return Response(HTTPStatus.NOT_MODIFIED, kept, None)
        content = Path(path).open("rb") if method == "GET" else None  # noqa: SIM115 - the server closes it
        wanted = meta.get("HTTP_RANGE")
        if wanted and meta.get("HTTP_IF_RANGE", tag) == tag:
            with suppress(ValueError):  # a range that cannot be read is ignored (RFC 9110, section 14.2)
                return self._file.get_range_response(wanted, headers, content)
        return Response(HTTPStatus.OK, headers, content)

    def _chosen(self, accepted: str) -> tuple[str, list[tuple[str, str]]]:
        """The smallest representation whose coding the caller accepts; they are sorted by size."""
        codings = _accepted_codings(accepted)
        for _, path, headers in self._file.alternatives:
            coding = dict(headers).get("Content-Encoding")
            if coding is None or coding in codings:
                return path, headers
        raise AssertionError("The plain file is always among them.")

    def _tag(self, path: str) -> str:
        """Make the tag from the content, not the time, so that all hosts give one representation one tag."""
        if path not in self._tags:
            self._tags[path] = f'"{sha256(Path(path).read_bytes()).hexdigest()[:32]}"'
        return self._tags[path]

    def _is_not_modified(self, meta: Mapping[str, str], tag: str) -> bool:
        known = meta.get("HTTP_IF_NONE_MATCH")
        if known is not None:  # then If-Modified-Since does not count (RFC 9110, section 13.1.3)
            return known.strip() == "*" or tag in (
                each.strip().removeprefix("W/") for each in known.split(",")
            )
        since = parsedate(meta.get("HTTP_IF_MODIFIED_SINCE", ""))
        modified = self._file.last_modified
        return since is not None and modified is not None and since >= modified


def _accepted_codings(header: str) -> set[str]:
    """The codings of an Accept-Encoding header, without those of weight 0."""
    accepted = set()
    for each in header.lower().split(","):
        coding, _, weight = (part.strip() for part in each.partition(";"))
        if not re.fullmatch(r"q=0(\.0*)?", weight):
            accepted.add(coding)
    return accepted
