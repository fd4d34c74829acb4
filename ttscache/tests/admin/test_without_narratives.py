"""The staff pages of ttscache in a project without narratives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.process import PROJECT

pytestmark = pytest.mark.any_database


def test_every_staff_page_opens_with_its_own_css_js_and_templates() -> None:
    command = [sys.executable, "-m", "harness.without_narratives"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "/admin/ttscache/clip/stale/" in done.stdout.split()
