"""OtherVisit: one person's Firefox or WebKit on the listener's page."""

from __future__ import annotations

import time
from typing import Any

from harness.listener_visit import PRESS_APART_MS
from harness.other_browsers import OtherBrowser
from harness.waiting import wait_until

VISIBLE = "const isVisible = (element) => element.getClientRects().length > 0;"
BUTTON = f"""{VISIBLE}
  const isNamed = (button) => button.innerText.trim() === arguments[0] || button.ariaLabel === arguments[0];
  const buttons = [...document.querySelectorAll("button, a.button")];
  return buttons.find((each) => isVisible(each) && isNamed(each)) || null;
"""
BOX = f"{VISIBLE} return [...document.querySelectorAll('textarea')].find(isVisible) || null;"
HEADING = f"{VISIBLE} const heading = [...document.querySelectorAll('h1')].find(isVisible);"
TITLE = f"{HEADING} return heading ? heading.innerText : '';"
IS_READY = "return document.querySelector('[data-ready]') !== null;"
SOUND = """
  const audio = document.querySelector("[data-audio]");
  const { currentTime: seconds, paused, error } = audio;
  return { seconds, paused, error: error && error.message };
"""
LABEL = "return document.querySelector('[data-play] [data-label]').textContent;"
JUMP = """
  const outro = document.querySelector("[data-kind=outro]").dataset.narrative;
  for (const name of Object.keys(sessionStorage)) {
    if (name.endsWith(".place")) sessionStorage.setItem(name, outro);
  }
"""
STORED = """
  const stores = [localStorage, sessionStorage].flatMap((store) => Object.entries(store).flat());
  const databases = (await indexedDB.databases()).map(({ name }) => name);
  return [...stores, ...(await caches.keys()), ...databases, document.cookie].filter(Boolean);
"""
# Of the button that stops the voice, the large one, and the page itself.
REACH = f"""{VISIBLE}
  const isInside = (element) => {{
    const {{ top, bottom, left, right }} = element.getBoundingClientRect();
    const isWhole = top >= 0 && left >= 0 && bottom <= innerHeight + 1 && right <= innerWidth + 1;
    return isWhole && element.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
  }};
  const out = [...document.querySelectorAll("[data-play], .next .button.primary")]
    .filter((each) => isVisible(each) && !isInside(each)).map((each) => `out of reach: ${{each.innerText}}`);
  const wide = document.documentElement.scrollWidth - innerWidth;
  const clipped = [...document.querySelectorAll("main button, main a, main label, main h1, main p, header *")]
    .filter((each) => isVisible(each) && !each.closest(".unseen"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1
      || (each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline"))
    .map((each) => `clipped: ${{each.outerHTML.slice(0, 150)}}`);
  return [...out, ...(wide > 0 ? [`${{wide}} px too wide`] : []), ...clipped];
"""


class OtherVisit:
    def __init__(self, browser: OtherBrowser, url: str) -> None:
        self.browser = browser
        self.url = url
        self._pressed = 0.0

    def open(self) -> None:
        self.browser.open(self.url)
        self._wait_for(IS_READY, "the page's scripts")

    def reload(self) -> None:
        self.browser.reload()
        self._wait_for(IS_READY, "the page's scripts")

    def press(self, name: str) -> None:
        """A person does not press twice within a blink."""
        button = self._wait_for(BUTTON, f"a button “{name}”", name)
        time.sleep(max(0, self._pressed + PRESS_APART_MS / 1000 - time.monotonic()))
        self.browser.press(button)
        self._pressed = time.monotonic()

    def has_button(self, name: str) -> bool:
        return self.browser.run(BUTTON, name) is not None

    def answer(self, words: str) -> None:
        self.browser.write(self._wait_for(BOX, "the box for an answer"), words)
        self.press("Save and continue" if self.has_button("Save and continue") else "Continue")

    def wait_for_title(self, title: str) -> None:
        wait_until(lambda: self.title() == title, f"the title “{title}”, not “{self.title()}”")

    def wait_for_label(self, label: str) -> None:
        """Wait until the button of the player is called this."""
        wait_until(lambda: self.label() == label, f"the button “{label}”, not “{self.label()}”")

    def title(self) -> str:
        return str(self.browser.run(TITLE))

    def label(self) -> str:
        return str(self.browser.run(LABEL))

    def sound(self) -> dict[str, Any]:
        told: dict[str, Any] = self.browser.run(SOUND)
        return told

    def jump_to_the_end(self) -> None:
        """Go to the closing words, as if this person had gone all the way there."""
        self.browser.run(JUMP)
        self.reload()
        self.press("Carry on")

    def shows_heading(self) -> bool:
        """Whether the window shows the heading of the screen."""
        return bool(self.browser.run(f"{HEADING} return heading.getBoundingClientRect().top >= 0;"))

    def out_of_reach(self) -> list[str]:
        """The buttons that are always to be in reach and are not; all that the window cuts off."""
        found: list[str] = self.browser.run(REACH)
        return found

    def stored(self) -> list[str]:
        """All that the browser keeps for this site, by name and value."""
        kept: list[str] = self.browser.run(STORED)
        return kept

    def _wait_for(self, script: str, what: str, *arguments: Any) -> Any:
        return wait_until(lambda: self.browser.run(script, *arguments), what)
