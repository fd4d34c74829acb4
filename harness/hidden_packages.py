"""Hides the packages of the tests from the sites that they run: a site has what `make run` installs.

So a package that the product needs and `requirements.txt` lacks is noticed. A site also starts sooner: Django
and its REST framework load Jinja, Requests, Markdown and Pygments where they find them.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import packages_distributions

from harness.process import PROJECT

_IN_EVERY_VENV = {"pip", "setuptools"}


@cache
def hiding_packages_of_tests() -> dict[str, str]:
    """The environment of a process that imports packages of `requirements.txt` only."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    wanted = {_normalized(line.partition("==")[0]) for line in lines if "==" in line} | _IN_EVERY_VENV
    hidden = [
        package
        for package, distributions in packages_distributions().items()
        if wanted.isdisjoint(map(_normalized, distributions)) and not (PROJECT / package).exists()
    ]
    folder = PROJECT / "harness" / "production_packages"
    return {"PYTHONPATH": str(folder), "HIDDEN_PACKAGES": " ".join(sorted(hidden))}


def _normalized(distribution: str) -> str:
    """A name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
