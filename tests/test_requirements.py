"""The lists that are installed hold each package once, at one version, with hashes, and name no host."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.audit import GOOD, UNKNOWN, UNREACHABLE, WEAK, verdict
from harness.locked_packages import locked_packages
from harness.process import PROJECT

pytestmark = pytest.mark.any_database

LISTS = ("requirements", "requirements-dev", "requirements-tools")


def chosen_in(name: str) -> dict[str, str]:
    """The packages that people chose, with their versions."""
    lines = [line.partition("#")[0].strip() for line in (PROJECT / f"{name}.in").read_text().splitlines()]
    given = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(each.name): str(each.specifier) for each in given}


def locked_in(name: str) -> dict[str, tuple[str, set[str]]]:
    """The packages that pip installs, with their versions and hashes."""
    return {package: (version, hashes) for package, version, hashes in locked_packages(name)}


@pytest.mark.parametrize("name", LISTS)
def test_every_package_is_locked_to_one_version_with_hashes(name: str) -> None:
    entries = list(locked_packages(name))
    assert len({package for package, _, _ in entries}) == len(entries)
    for package, version, hashes in entries:
        assert re.fullmatch(r"==[\w.]+", version), package
        assert hashes, package


@pytest.mark.parametrize("name", LISTS)
def test_every_chosen_package_is_locked_to_the_chosen_version(name: str) -> None:
    locked = locked_in(name)
    behind = {package for package, version in chosen_in(name).items() if locked[package][0] != version}
    assert not behind, "make lock"


def test_tests_run_with_the_packages_of_the_site() -> None:
    site, tests = locked_in("requirements"), locked_in("requirements-dev")
    assert {package for package, entry in site.items() if tests.get(package) != entry} == set()


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_name_no_host(name: str) -> None:
    for end in ("in", "txt"):
        text = (PROJECT / f"{name}.{end}").read_text()
        assert "://" not in text
        assert "index-url" not in text


def test_the_page_of_licences_has_a_row_for_every_package_of_the_site_and_no_other() -> None:
    page = (PROJECT / "docs" / "licences.md").read_text()
    rows = set(re.findall(r"(?m)^\| \**([\w.-]+?)\** \| ", page)) - {"package"}
    assert rows == set(locked_in("requirements"))


def report(*packages: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": packages})


SOUND = {"name": "django", "version": "5.2.19", "vulns": []}
SKIPPED = {"name": "numpy", "skip_reason": "not found"}
BAD = SOUND | {"vulns": [{"id": "CVE-1", "fix_versions": ["5.2.20"]}]}


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ("", UNKNOWN, UNREACHABLE),
        (report(SKIPPED), UNKNOWN, UNREACHABLE),
        (report(SOUND), GOOD, "1 packages audited, 0 known weaknesses."),
        (report(SOUND, SKIPPED), UNKNOWN, "Not audited: numpy."),
        (report(BAD), WEAK, "django 5.2.19: CVE-1, mended in 5.2.20"),
    ],
    ids=["no answer", "a mirror", "sound", "in part", "weak"],
)
def test_an_audit_that_could_not_look_is_no_good_audit(given: str, status: int, says: str) -> None:
    found, told = verdict(given)
    assert found == status
    assert says in told.splitlines()
