"""Reads the lists of packages that pip installs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.process import PROJECT

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked_packages(name: str) -> Iterator[tuple[str, str, set[str]]]:
    """Each package of the list `name`.txt: its normalized name (PEP 503), its version, and its hashes."""
    joined = (PROJECT / f"{name}.txt").read_text().replace("\\\n", " ")
    for line in joined.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            told = Requirement(line.partition("--hash")[0].strip())
            yield canonicalize_name(told.name), str(told.specifier), set(_HASH.findall(line))
