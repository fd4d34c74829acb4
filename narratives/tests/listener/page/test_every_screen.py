"""Whole journeys with answers, and every screen as different people see, touch and hear it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from harness.axe import axe_findings
from harness.listener_visit import MakeVisit, Visit, listed_narratives
from harness.openai_server import OpenAIServer
from harness.site import Site

pytestmark = [pytest.mark.site, pytest.mark.any_database]

SIZES = [(390, 664), (844, 390), (820, 1180), (1440, 900)]
WINDOWS: list[ViewportSize] = [{"width": width, "height": height} for width, height in SIZES]
CLIPPED = """
  [...document.querySelectorAll('main *, header *')].filter((element) =>
    element.checkVisibility() && !element.closest('.unseen')
    && (element.getBoundingClientRect().right > innerWidth + 1
      || (element.matches('button, a, label, h1, p') && element.scrollWidth > element.clientWidth + 1
        && getComputedStyle(element).display !== 'inline'))
  ).map((element) => element.outerHTML.slice(0, 200))
"""
PRESSED = "button:visible, a.button:visible, select:visible, label.choice:visible, input[type=range]:visible"


def width_of(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def expect_to_fit(visit: Visit, *in_sight: Locator) -> None:
    """The screen is no wider than any window and shows these in it, the open one first."""
    now = visit.page.viewport_size
    assert now is not None
    for window in (now, *WINDOWS, now):
        visit.page.set_viewport_size(window)
        assert width_of(visit.page) == window["width"]
        for each in in_sight:
            expect(each).to_be_in_viewport(ratio=1)


def test_a_whole_journey_with_answers_fits_every_window(make_visit: MakeVisit, site: Site) -> None:
    """Each screen is looked at in every window. Answers are written and questions skipped in each of them."""
    visit = make_visit(*SIZES[0]).begin()
    for place, narrative in enumerate(listed_narratives(site.url)):
        expect(visit.title).to_have_text(narrative["title"])
        expect(visit.title).to_be_focused()
        visit.expect_sound()
        way_on = [] if narrative["kind"] == "question" else [visit.button("Continue")]
        expect_to_fit(visit, *way_on)
        visit.page.set_viewport_size(WINDOWS[(place + place // 2) % len(WINDOWS)])
        if narrative["kind"] != "question":
            visit.press("Continue")
        elif place % 2:
            visit.answer(f"My answer to {narrative['title']}.")
            expect(visit.page.locator("[data-reply-words]")).not_to_be_empty()
            visit.expect_sound()
            expect_to_fit(visit, visit.play)
            visit.press("Continue")
        else:
            visit.press("Skip this question")
    expect(visit.title).to_have_text("You have reached the end.")
    assert "NotAllowedError" not in visit.page.evaluate("seen.refused")
    visit.press("Print or save my story")
    visit.press("Back")
    visit.press("Finish and clear this device")
    visit.press("Yes, clear everything")
    assert visit.stored() == []


def test_a_journey_by_keyboard_alone_with_twelve_clips_on_one_press(visit: Visit, site: Site) -> None:
    """Start, hear, answer, skip, take a break, come back, finish; the focus is never lost."""
    keyboard = visit.open().page.keyboard
    assert visit.requests_to("/api/") == []

    def tab_to(selector: str, words: str = "") -> None:
        for _ in range(40):
            keyboard.press("Tab")
            if visit.page.evaluate(
                "([selector, words]) => document.activeElement.matches(selector)"
                " && document.activeElement.innerText.includes(words)",
                [selector, words],
            ):
                return
        raise AssertionError(f"the Tab key does not lead to {selector} {words}")

    def press(name: str) -> None:
        tab_to("button", name)
        visit.rest()
        keyboard.press("Enter")

    for name in ("Begin", "I agree, continue", "I can hear it"):
        press(name)
    for place, narrative in enumerate(listed_narratives(site.url)):
        expect(visit.title).to_have_text(narrative["title"])
        expect(visit.title).to_be_focused()
        visit.expect_sound()
        assert visit.page.evaluate("seen.kept") <= 3  # this clip, the next one, and one just left
        if place == 1:
            tab_to("textarea")
            keyboard.type("We lived above the bakery.")
            visit.rest()
            keyboard.press("Control+Enter")
            expect(visit.title).to_have_text("A few words about your answer")
            visit.expect_sound()
            press("Continue")
        elif place == 2:
            press("Take a break")
            expect(visit.title).to_be_focused()
            press("Carry on")
            expect(visit.title).to_have_text(narrative["title"])
            press("Skip this question")
        else:
            press("Skip this question" if narrative["kind"] == "question" else "Continue")
    expect(visit.title).to_have_text("You have reached the end.")
    expect(visit.title).to_be_focused()
    assert "NotAllowedError" not in visit.page.evaluate("seen.refused")


def test_every_screen_is_open_to_all_is_never_clipped_has_large_buttons_and_names_once_whom_to_call(
    visit: Visit,
) -> None:
    """One walk through all screens, with four looks at each."""
    found: list[tuple[str, Any]] = []
    for name in visit.screens():
        lines = visit.page.get_by_text("Call Samaritans:").locator("visible=true")
        expect(lines, name).to_have_count(2 if name == "reply" else 1)  # there, quietly, beside the reply too
        for look in (axe_in_every_colour, cut_off_when_enlarged, small_buttons):
            found += [(name, each) for each in look(visit.page, name)]
    assert found == []


def axe_in_every_colour(page: Page, name: str) -> Iterator[object]:
    """All findings of axe, even minor ones, in light, dark and forced colours."""
    light: dict[str, Any] = {"color_scheme": "light", "forced_colors": "none"}
    for scheme in (light, light | {"color_scheme": "dark"}, light | {"forced_colors": "active"}):
        if scheme["forced_colors"] == "active" and name not in ("question", "safety"):
            continue  # the rest of the screens are made of the same parts
        page.emulate_media(**scheme)
        for each in axe_findings(page):
            yield each, scheme
    page.emulate_media(**light)


def cut_off_when_enlarged(page: Page, _: str) -> Iterator[object]:
    """The words and buttons that 320 pixels clip with the largest letters, or enlarged four times."""
    page.evaluate("document.documentElement.dataset.size = '1.5'")
    for height in (640, 256):  # the second is a window of 1280 x 1024, enlarged four times
        page.set_viewport_size({"width": 320, "height": height})
        if width_of(page) != 320:
            yield f"{width_of(page)} pixels wide", height
        for each in page.evaluate(CLIPPED):
            yield each, height
    page.set_viewport_size({"width": 820, "height": 1180})
    page.evaluate("document.documentElement.dataset.size = '1'")


def small_buttons(page: Page, _: str) -> Iterator[object]:
    """The buttons that are too small for a trembling finger, on a phone and on a tablet."""
    for width, primary in ((390, 72), (820, 88)):
        page.set_viewport_size({"width": width, "height": 844})
        buttons = page.locator(f"{PRESSED}, a.call:visible").evaluate_all(
            "all => all.map((e) => [e.innerText, [...e.classList], e.offsetWidth, e.offsetHeight])"
        )
        assert buttons
        for label, classes, across, down in buttons:
            least = primary if "primary" in classes else 64 if "button" in classes else 48
            if {"size", "help-button"} & set(classes):
                least = 48
            if across < 48 or down < least:
                yield label, width, across, down
    page.set_viewport_size({"width": 820, "height": 1180})


def test_in_forced_colours_the_sentence_that_is_heard_keeps_its_line_and_its_bar(
    make_visit: MakeVisit,
) -> None:
    visit = make_visit(forced_colors="active")
    visit.begin().expect_sound()
    heard, other = visit.page.locator(".sentence.current"), visit.page.locator(".sentence:visible").last
    expect(heard).to_have_css("text-decoration-line", "underline")
    border = "element => getComputedStyle(element).borderLeftColor"
    assert heard.evaluate(border) != other.evaluate(border)
    expect(visit.page.locator(".primary:visible")).to_have_css("border-top-width", "4px")


def test_reduced_motion_moves_the_page_at_once(make_visit: MakeVisit) -> None:
    visit = make_visit(390, 664, reduced_motion="reduce")
    visit.page.add_init_script(
        "window.moves = []; const move = Element.prototype.scrollIntoView;"
        "Element.prototype.scrollIntoView ="
        " function (how) { moves.push(how.behavior); move.call(this, how); };"
    )
    visit.begin().expect_sound()
    visit.page.get_by_role("slider").evaluate(
        "(bar) => { bar.value = 30; bar.dispatchEvent(new Event('input')); }"
    )
    expect(visit.page.locator(".sentence.current")).to_contain_text("Make yourself comfortable")
    assert visit.page.evaluate("moves") == ["auto"]


# The last one here: for a while the site remembers that its voice and its model have failed.
def test_a_whole_journey_while_the_voice_and_the_model_both_fail(
    visit: Visit, site: Site, provider: OpenAIServer
) -> None:
    provider.behave(fault="500")
    provider.behave_as_chat(fault="500")
    visit.is_network_broken = True  # the browser notes each 503
    page = visit.open().page
    visit.press("Begin")
    visit.press("I agree, continue")
    page.get_by_role("radio", name="A man's voice").check()  # nobody has had it made yet
    visit.press("I can hear it")
    replies = []
    for number, narrative in enumerate(listed_narratives(site.url)):
        expect(visit.title).to_have_text(narrative["title"])
        expect(page.locator(".words:visible").first).to_contain_text(narrative["text"][:30])
        if narrative["kind"] == "question":
            visit.answer(f"We had a boat of our own in summer {number}, and a red door.")
            words = page.locator("[data-reply-words]")
            expect(words).not_to_be_empty(timeout=10_000)
            replies.append(" ".join(words.inner_text().split()))
        visit.press("Continue")
    expect(visit.title).to_have_text("You have reached the end.")
    reflected = [
        reply for reply in replies if not reply.startswith("Thank you for your answer. Let us move on")
    ]
    assert len(reflected) >= 5  # on a busy machine the page may not wait for the others
    assert len(set(reflected)) == len(reflected)
    assert provider.calls()
    assert provider.chats()
    visit.press("Print or save my story")
    with page.expect_download() as download:
        visit.press("Save as a page that reads aloud")
    expect(page.get_by_text("Some of its sounds could not be had just now")).to_be_visible()
    keepsake = Path(download.value.path()).read_text()
    assert keepsake.count("and a red door.") == 10
    assert [reply for reply in reflected if reply not in keepsake] == []
    assert "<audio" not in keepsake
    visit.press("Back")
    visit.press("Listen again")
    expect(visit.play).to_have_text("Try the sound again", timeout=15_000)
    expect(visit.message).to_contain_text("You can read the words and carry on.")
