"""axe_findings(page): all findings of axe-core; serious(page): those that keep people from using a page."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from playwright.sync_api import Page

from harness import Unavailable

GRAVE = ("serious", "critical")


def serious(page: Page) -> list[str]:
    """Rule and HTML of each serious or critical finding. Raises Unavailable without axe-core."""
    return [found for impact, found in _findings(page) if impact in GRAVE]


def axe_findings(page: Page) -> list[str]:
    """Impact, rule and HTML of each finding, minor ones as well. Raises Unavailable without axe-core."""
    return [f"{impact}: {found}" for impact, found in _findings(page)]


def _findings(page: Page) -> list[tuple[str, str]]:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        raise Unavailable("no axe-core; it comes with axe-playwright-python")
    if not page.evaluate("'axe' in window"):
        page.evaluate((Path(found.origin).parent / "axe.min.js").read_text())
    violations = page.evaluate("axe.run({ resultTypes: ['violations'] }).then((result) => result.violations)")
    return [
        (violation["impact"], f"{violation['id']}: {node['html']}")
        for violation in violations
        for node in violation["nodes"]
    ]
