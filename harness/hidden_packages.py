"""Hides the packages of the tests from the sites that they run: a site has what `make run` installs.

So a package that the product needs and `requirements.txt` lacks is noticed. A site also starts sooner: Django
and its REST framework load Jinja, Requests, Markdown and Pygments where they find them.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

from harness.locked_packages import locked_packages
from harness.process import PROJECT

_IN_EVERY_VENV = {"pip", "setuptools"}


@cache
def hiding_packages_of_tests() -> dict[str, str]:
    """The environment of a process that imports packages of `requirements.txt` only."""
    wanted = {package for package, _, _ in locked_packages("requirements")} | _IN_EVERY_VENV
    hidden = [
        package
        for package, distributions in packages_distributions().items()
        if wanted.isdisjoint(map(canonicalize_name, distributions)) and not (PROJECT / package).exists()
    ]
    folder = PROJECT / "harness" / "production_packages"
    return {"PYTHONPATH": str(folder), "HIDDEN_PACKAGES": " ".join(sorted(hidden))}
