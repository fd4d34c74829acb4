"""Visit: one person's browser on the listener's page, and what the page does with sound and network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect

from harness import http

MakeVisit = Callable[..., "Visit"]  # the type of the fixture `make_visit` of the listener's page
PRESS_APART_MS = 450  # two presses closer than this are taken for one
# When the page itself last heard a press: on a busy machine that is later than the press was sent.
NOTE_PRESSES = """
  for (const press of ["click", "keydown"]) {
    addEventListener(press, ({ key }) => {
      if (press === "click" || key === "Enter") window.pressedAt = performance.now();
    }, true);
  }
"""
REPLIES = "**/api/reflections"
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"  # Chromium breaks off what it loads when the machine gets an address
URGENT_ANSWER = "I want to kill myself."
HEAVY_ANSWER = "My uncle was abusive, and nobody spoke of it."
REPLY = (
    "It sounds as though those mornings were full of warmth and welcome. "
    "Something of that early comfort still seems close to you."
)
# What the page does with sound, seen from inside without touching it.
WATCH = """
  window.seen = { refused: [], kept: 0, startedIn: [], elements: new Set() };
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    seen.startedIn.push(window.event ? window.event.type : "nothing");
    seen.elements.add(this);
    return play.call(this).catch((error) => { seen.refused.push(error.name); throw error; });
  };
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => { seen.kept += 1; return createObjectURL(blob); };
  URL.revokeObjectURL = (address) => { seen.kept -= 1; revokeObjectURL(address); };
"""


def listed_narratives(url: str, voice: str = "nova") -> list[dict[str, Any]]:
    """The journey as the API of the site at this address lists it."""
    listed: list[dict[str, Any]] = http.get(f"{url}/api/narratives?voice={voice}").json()["narratives"]
    return listed


def sent_json(request: Request) -> dict[str, Any]:
    """The JSON object that a browser has sent."""
    body: dict[str, Any] = request.post_data_json or {}
    return body


class StandInReplies:
    """Answers POST /api/reflections as contract 2.1 has it, with the clip of a question for a voice.

    Only for a site that has no such address of its own: `needed_by` tells.
    """

    def __init__(self, url: str) -> None:
        self._audio = listed_narratives(url)[1]["audio"]

    @staticmethod
    def needed_by(url: str) -> bool:
        return http.post_json(f"{url}/api/reflections", {}).status == 404

    def answer(self, route: Route) -> None:
        answer = sent_json(route.request)["answer"]
        level = {URGENT_ANSWER: "urgent", HEAVY_ANSWER: "heavy"}.get(answer, "none")
        source = "safety" if level == "urgent" else "bank"
        route.fulfill(json=reply(self._audio, level=level, source=source))


def reply(audio: dict[str, Any] | None, **values: Any) -> dict[str, Any]:
    """The site's reply to an answer."""
    return {
        "success": True,
        "text": REPLY,
        "source": "bank",
        "level": "none",
        "reused": False,
        "audio": audio,
        **values,
    }


class Visit:
    """The page in a context of its own, all that it requested, and all that it complained about."""

    def __init__(self, context: BrowserContext, url: str, *, is_watched: bool = True) -> None:
        self.page: Page = context.new_page()
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self.is_network_broken = False  # then the browser says so, which is no complaint about the page
        self.page.add_init_script(NOTE_PRESSES)
        if is_watched:
            self.page.add_init_script(WATCH)
        self.page.on("request", self._note)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.url = url
        self._network_changes = 0

    def _note(self, request: Request) -> None:
        self.requests.append(request)

    def _hear(self, message: ConsoleMessage) -> None:
        if NETWORK_CHANGED in message.text:
            self._network_changes += 1
            return
        is_expected = self.is_network_broken and re.search("ERR_|Failed to load", message.text)
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(message.text)

    def open(self) -> Visit:
        self.page.goto(self.url)
        return self.wait_until_open()

    def wait_until_open(self) -> Visit:
        """A change of the machine's network, as by tests that bring hosts up, may have cost a script."""
        changes = self._network_changes
        try:
            expect(self.page.locator("[data-ready]")).to_have_count(1, timeout=15_000)
        except AssertionError:
            if self._network_changes == changes == 0:
                raise
            self.page.reload()
            expect(self.page.locator("[data-ready]")).to_have_count(1)
        return self

    def begin(self, *, agrees: bool = True) -> Visit:
        """Go from the start to the intro."""
        self.open().press("Begin")
        self.press("I agree, continue" if agrees else "Not now")
        self.press("I can hear it")
        return self

    def begin_to_read(self, *, agrees: bool = True) -> Visit:
        """Go from the start to the intro, without sound."""
        self.open().press("Read without sound")
        self.press("I agree, continue" if agrees else "Not now")
        self.press("Continue")
        return self

    def answer(self, words: str) -> None:
        self.box.fill(words)
        self.press("Save and continue")

    def screens(self) -> Iterator[str]:
        """The name of each screen there is, while the page shows it."""
        self.open()
        yield "start"
        for name, button in (
            ("consent", "Begin"),
            ("comfort", "I agree, continue"),
            ("intro", "I can hear it"),
        ):
            self.press(button)
            yield name
        self.press("Continue")
        yield "question"
        self.answer(HEAVY_ANSWER)
        expect(self.page.locator("[data-reply-help]")).to_be_visible()
        yield "reply"
        self.press("Continue")
        self.answer(URGENT_ANSWER)
        expect(self.title).to_have_text("You deserve a real person right now")
        yield "safety"
        self.press("Rest for now")
        yield "rest"
        self.press("I need a break or help")
        yield "help"
        self.page.reload()
        self.wait_until_open()
        yield "welcome"
        self.jump(self.page.locator("[data-kind=outro]").get_attribute("data-narrative") or "")
        yield "outro"
        self.press("Continue")
        yield "finish"
        for name, button in (("add", "Add to an answer"), ("keep", "Print or save my story")):
            self.press(button)
            yield name
            self.press("Back")
        self.press("Finish and clear this device")
        yield "clear"

    def jump(self, place: str) -> None:
        """Go to another place of the same person, as if they had gone all the way there."""
        self.page.evaluate(
            "place => { for (const name of Object.keys(sessionStorage))"
            " if (name.endsWith('.place')) sessionStorage.setItem(name, place); }",
            place,
        )
        self.page.reload()
        self.wait_until_open().page.get_by_role("button", name="Carry on").click()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.rest()
        self.button(name).click()

    def rest(self) -> None:
        """A person does not press twice within a blink."""
        since: float = self.page.evaluate("performance.now() - (window.pressedAt ?? -Infinity)")
        self.page.wait_for_timeout(max(0, PRESS_APART_MS - since))

    @property
    def play(self) -> Locator:
        return self.page.locator("[data-play]")

    @property
    def box(self) -> Locator:
        return self.page.locator("textarea:visible")

    @property
    def title(self) -> Locator:
        return self.page.locator("h1:visible")

    @property
    def message(self) -> Locator:
        return self.page.locator("[data-status]:visible")

    def expect_sound(self) -> None:
        expect(self.play).to_have_text("Pause")

    def requests_to(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.url]

    def seconds_played(self) -> float:
        played: float = self.page.evaluate("document.querySelector('[data-audio]').currentTime")
        return played

    def is_silent(self) -> bool:
        silent: bool = self.page.evaluate("document.querySelector('[data-audio]').paused")
        return silent

    def stored(self) -> list[str]:
        """All that the browser keeps for this site, by name and value."""
        kept: list[str] = self.page.evaluate(
            """async () => {
              const stores = [localStorage, sessionStorage].flatMap((store) => Object.entries(store).flat());
              const caches = await window.caches.keys();
              const databases = (await indexedDB.databases()).map(({ name }) => name);
              return [...stores, ...caches, ...databases, document.cookie].filter(Boolean);
            }"""
        )
        return kept
