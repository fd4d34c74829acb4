"""Packages that the tests need and the product must not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.hidden_packages import hiding_packages_of_tests


def imports(package: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import {package}"]
    return subprocess.run(command, env=hiding_packages_of_tests(), capture_output=True, text=True)


@pytest.mark.parametrize("package", ["jinja2", "psutil", "pytest"])
def test_a_site_of_the_tests_cannot_import_a_package_of_the_tests(package: str) -> None:
    assert "ModuleNotFoundError" in imports(package).stderr


@pytest.mark.parametrize("package", ["django", "yaml", "pip"])
def test_a_site_of_the_tests_can_import_what_production_installs(package: str) -> None:
    assert imports(package).returncode == 0
