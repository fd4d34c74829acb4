"""A listener's browser reports only how long its sound took, and the report reaches the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from harness.site import MakeSite, WebServer
from harness.site_data import query
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

AUDIO, ADDRESS = "**/api/audio/**", "**/api/time-to-sound"
PRESS_APART_MS = 450  # the page ignores a second press within this time
# Notes the sent reports in order, because Chromium does not show the content of a beacon.
WATCH = """
  window.sent = [];
  const send = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (address, body) => {
    const place = sent.push({}) - 1;
    body.text().then((text) => { sent[place] = JSON.parse(text); });
    return send(address, body);
  };
"""
SECONDS = "document.querySelector('[data-audio]').currentTime"
SHOW = """(isHidden) => {
  Object.defineProperty(document, 'hidden', { get: () => isHidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module")
def site(make_site: MakeSite) -> Iterator[WebServer]:
    with make_site(WebServer, holding="content") as site:
        yield site


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def page(site: WebServer, context: BrowserContext) -> Page:
    context.add_init_script(WATCH)
    return opened(site, context)


def opened(site: WebServer, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(site.url)
    expect(page.locator("[data-ready]")).to_have_count(1)
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def begin(page: Page, voice: str = "A woman's voice") -> None:
    """Go from the start to the intro, which then plays."""
    press(page, "Begin")
    for name in ("I agree, continue", "I can hear it"):
        page.wait_for_timeout(PRESS_APART_MS)
        if name == "I can hear it":
            page.get_by_role("radio", name=voice).check()
        press(page, name)


def expect_sound(page: Page) -> None:
    expect(page.locator("[data-play]")).to_have_text("Pause")


def go_on_to_a_question(page: Page) -> None:
    page.wait_for_timeout(PRESS_APART_MS)
    press(page, "Continue")
    expect(page.locator("h1:visible")).to_have_text("Where It Began")
    expect_sound(page)


def sent(page: Page, number: int) -> list[dict[str, Any]]:
    """Wait for this number of reports, and return them."""
    reports: list[dict[str, Any]] = []

    def are_there() -> bool:
        reports[:] = page.evaluate("sent")
        return sum("voice" in report for report in reports) >= number

    wait_until(are_there, f"{number} reports")
    return reports


def kinds_sent(page: Page, number: int) -> list[str]:
    return [report["content_type"] for report in sent(page, number)]


def starts(site: WebServer) -> Counter[tuple[str, str]]:
    rows = query(site, "SELECT content_type, voice, SUM(starts) FROM ttscache_playbackstart GROUP BY 1, 2")
    return Counter({(kind, voice): int(number) for kind, voice, number in rows})


@pytest.mark.parametrize(("voice", "name"), [("nova", "A woman's voice"), ("onyx", "A man's voice")])
def test_a_clip_that_starts_to_sound_counts_once_by_voice_and_kind(
    site: WebServer, page: Page, voice: str, name: str
) -> None:
    before = starts(site)
    begin(page, name)
    expect_sound(page)
    wait_until(lambda: starts(site) != before, "the first start in the database")
    assert starts(site) - before == {("narrative", voice): 1}
    go_on_to_a_question(page)
    wait_until(lambda: (starts(site) - before).total() >= 2, "the second")
    assert starts(site) - before == {("narrative", voice): 1, ("question", voice): 1}


def test_resuming_after_a_pause_sends_no_report(page: Page) -> None:
    begin(page)
    expect_sound(page)
    for _ in range(2):
        wait_until(lambda: page.evaluate(SECONDS) > 0.1, "sound that goes on")
        press(page, "Pause")
        press(page, "Go on")
        expect_sound(page)
    go_on_to_a_question(page)
    assert kinds_sent(page, 2) == ["narrative", "question"]


def test_playing_a_clip_again_sends_a_report(page: Page) -> None:
    begin(page)
    expect_sound(page)
    go_on_to_a_question(page)
    page.get_by_role("slider").press("End")
    expect(page.locator("[data-play]")).to_have_text("Hear again")
    page.locator("[data-play]").click()
    expect_sound(page)
    assert kinds_sent(page, 3) == ["narrative", "question", "question"]


def test_a_clip_that_fails_sends_no_report_until_it_plays(page: Page) -> None:
    page.route(AUDIO, lambda route: route.fulfill(status=404))
    begin(page)
    expect(page.locator("[data-play]")).to_have_text("Try the sound again")
    page.unroute(AUDIO)
    press(page, "Try the sound again")
    expect_sound(page)
    assert kinds_sent(page, 1) == ["narrative"]


def test_a_clip_that_starts_in_a_hidden_tab_sends_no_report(page: Page) -> None:
    held: list[Route] = []
    page.route(AUDIO, lambda route: route.continue_() if held else held.append(route))
    begin(page)
    wait_until(lambda: bool(page.evaluate("1") and held), "a clip that is asked for")
    for is_hidden in (True, False):
        page.evaluate(SHOW, is_hidden)
    held[0].continue_()
    expect_sound(page)
    go_on_to_a_question(page)
    assert kinds_sent(page, 1) == ["question"]


def test_a_report_has_voice_kind_and_time_and_sets_no_cookie(page: Page, context: BrowserContext) -> None:
    with page.expect_request(ADDRESS) as told:
        begin(page)
    (report,) = sent(page, 1)
    assert set(report) == {"voice", "content_type", "milliseconds"}
    assert 0 <= report["milliseconds"] <= 60_000
    assert "cookie" not in told.value.all_headers()
    assert context.cookies() == []


def test_a_browser_without_beacons_sends_reports_by_request(site: WebServer, context: BrowserContext) -> None:
    context.add_init_script("navigator.sendBeacon = undefined;")
    page = opened(site, context)
    with page.expect_response(ADDRESS) as answer:
        begin(page)
    assert answer.value.status == 204


def test_the_sound_plays_when_its_report_cannot_be_sent(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route(ADDRESS, lambda route: route.abort())
    begin(page)
    expect_sound(page)
    go_on_to_a_question(page)
    assert complaints == []
