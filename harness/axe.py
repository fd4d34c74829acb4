"""axe_findings(page): all findings of axe-core; serious(page): those that keep people from using a page."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from playwright.sync_api import Page

from harness import Unavailable

GRAVE = ("serious", "critical")
# axe reads the few colours of a page thousands of times, once for each element below each text.
KEEP_COLOURS = """
  () => {
    const { prototype } = axe.commons.color.Color;
    const { parseString } = prototype;
    const known = new Map();
    prototype.parseString = function (words) {
      if (known.has(words)) return Object.assign(this, known.get(words));
      const { r, g, b, alpha } = parseString.call(this, words);
      known.set(words, { r, g, b, alpha });
      return this;
    };
  }
"""
# If it is to be brief: of neighbours with the same parts and classes, such as rows, axe sees only the
# first two at odd and at even places. Most of its work is contrast, which words and numbers do not change.
RUN = """
  async (isBrief) => {
    const told = ["class", "type", "role", "lang", "dir", "aria-hidden", "aria-disabled", "aria-current"];
    const attribute = ({ name, value }) => [name,
      told.includes(name) ? value : name === "style" ? value.replace(/[0-9.]+/g, "0") : value.trim() !== ""];
    const look = (node) => {
      if (node.nodeType === Node.TEXT_NODE) return node.data.trim() ? "words" : "";
      if (node.nodeType !== Node.ELEMENT_NODE) return "";
      const parts = [...node.childNodes].map(look);
      return [node.localName, ...[...node.attributes].map(attribute), "(", ...parts, ")"].join(" ");
    };
    const exclude = !isBrief ? [] : [...document.body.querySelectorAll("*")]
      .filter(({ childElementCount }) => childElementCount > 4)
      .flatMap((parent) => {
        const seen = {};
        return [...parent.children].filter((child, place) => {
          const kind = `${place % 2} ${look(child)}`;
          seen[kind] = (seen[kind] ?? 0) + 1;
          return seen[kind] > 2;
        });
      });
    const context = exclude.length ? { exclude } : document;
    return (await axe.run(context, { resultTypes: ["violations"] })).violations;
  }
"""


def serious(page: Page) -> list[str]:
    """Rule and HTML of each serious or critical finding. Raises Unavailable without axe-core."""
    return [found for impact, found in _findings(page) if impact in GRAVE]


def axe_findings(page: Page, *, is_brief: bool = False) -> list[str]:
    """Impact, rule and HTML of each finding, minor ones as well. Raises Unavailable without axe-core.

    `is_brief` leaves out all but the first few of many neighbours that look the same.
    """
    return [f"{impact}: {found}" for impact, found in _findings(page, is_brief=is_brief)]


def _findings(page: Page, *, is_brief: bool = False) -> list[tuple[str, str]]:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        raise Unavailable("no axe-core; it comes with axe-playwright-python")
    if not page.evaluate("'axe' in window"):
        page.evaluate((Path(found.origin).parent / "axe.min.js").read_text())
        page.evaluate(KEEP_COLOURS)
    violations = page.evaluate(RUN, is_brief)
    return [
        (violation["impact"], f"{violation['id']}: {node['html']}")
        for violation in violations
        for node in violation["nodes"]
    ]
