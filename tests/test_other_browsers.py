"""The listener's page in the engines of Firefox and of Safari."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import other_browsers
from harness.complaints import complaints
from harness.listener_screenshots import HELPERS
from harness.listener_visit import HEAVY_ANSWER, URGENT_ANSWER
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.other_visit import OtherVisit
from harness.site import Site, WebServer
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database, pytest.mark.long, pytest.mark.timeout(600)]

ENGINES = {"Firefox": other_browsers.firefox, "WebKit": other_browsers.webkit}
PHONE, SMALL_PHONE = (390, 664), (320, 568)


@pytest.fixture(scope="module")
def site(
    running_openai: OpenAIServer,
    tmp_path_factory: pytest.TempPathFactory,
    with_static_files: Callable[[Path], None],
    with_tables: Callable[[Path], None],
) -> Iterator[Site]:
    """A site with the shipped journey, whose log has what its pages complain about."""
    var_dir = tmp_path_factory.mktemp("other-browsers") / "var"
    with_static_files(var_dir)
    with_tables(var_dir)
    key = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": running_openai.base_url}
    site = WebServer(var_dir, {**key, **HELPERS, "DJANGO_SETTINGS_MODULE": "harness.complaint_settings"})
    site.manage("load_default_content", check=True)
    site.is_prepared = True
    with site:
        yield site


@pytest.fixture(scope="module", params=ENGINES)
def visit(request: pytest.FixtureRequest, site: Site) -> Iterator[OtherVisit]:
    """A person with a phone, in each engine. Its page has complained about nothing at the end."""
    before = len(complaints(site.log()))
    with skipped_when_unavailable(), ENGINES[request.param]() as browser:
        browser.resize(*PHONE)
        yield OtherVisit(browser, f"{site.url}/")
    assert complaints(site.log())[before:] == []


def expect_sound(visit: OtherVisit) -> None:
    """The voice sounds: its time goes on as a clock does, without an error."""
    visit.wait_for_label("Pause")
    began, heard = time.monotonic(), visit.sound()
    time.sleep(1)
    later, took = visit.sound(), time.monotonic() - began
    assert (later["paused"], later["error"]) == (False, None)
    assert 0.3 < later["seconds"] - heard["seconds"] < took + 0.5


def expect_in_reach(visit: OtherVisit) -> None:
    """The screen shows its heading. On a small phone as well, buttons are in reach and nothing is cut off."""
    assert visit.shows_heading()
    for size in (PHONE, SMALL_PHONE):
        visit.browser.resize(*size)
        assert visit.out_of_reach() == []
    visit.browser.resize(*PHONE)


def test_a_whole_journey_with_answers_in_firefox_and_in_webkit(visit: OtherVisit) -> None:
    visit.open()
    expect_in_reach(visit)
    hear_and_answer(visit)
    come_back(visit)
    keep_and_clear(visit)


def hear_and_answer(visit: OtherVisit) -> None:
    visit.press("Begin")
    visit.wait_for_title("Before you begin")
    expect_in_reach(visit)
    visit.press("I agree, continue")
    expect_in_reach(visit)
    visit.press("I can hear it")
    expect_sound(visit)
    expect_in_reach(visit)

    visit.press("Continue")
    visit.wait_for_title("Where It Began")
    expect_sound(visit)
    visit.press("Pause")
    visit.wait_for_label("Go on")
    stopped = visit.sound()
    time.sleep(0.5)
    assert stopped["paused"] and visit.sound()["seconds"] == stopped["seconds"] > 0
    visit.press("Go on")
    expect_sound(visit)
    assert visit.sound()["seconds"] > stopped["seconds"]
    expect_in_reach(visit)

    visit.answer(HEAVY_ANSWER)
    visit.wait_for_title("A few words about your answer")
    expect_sound(visit)
    expect_in_reach(visit)
    visit.press("Continue")
    visit.wait_for_title("The People Around You")

    visit.answer(URGENT_ANSWER)
    visit.wait_for_title("You deserve a real person right now")
    expect_sound(visit)
    expect_in_reach(visit)


def come_back(visit: OtherVisit) -> None:
    visit.reload()
    visit.wait_for_title("Welcome back.")
    assert visit.sound()["paused"]
    expect_in_reach(visit)
    visit.press("Carry on at question 2")
    visit.wait_for_title("You deserve a real person right now")
    expect_sound(visit)


def keep_and_clear(visit: OtherVisit) -> None:
    visit.jump_to_the_end()
    visit.press("Continue")
    visit.wait_for_title("You have reached the end.")
    visit.press("Print or save my story")
    visit.press("Save as text")
    story = saved(visit, "my-life-story.txt")
    assert HEAVY_ANSWER in story and URGENT_ANSWER in story
    visit.press("Save as a page that reads aloud")
    keepsake = saved(visit, "my-life-story.html")
    assert HEAVY_ANSWER in keepsake and keepsake.count("data:audio/mpeg;base64,") >= 12
    visit.press("Back")

    visit.press("Finish and clear this device")
    visit.press("Yes, clear everything")
    visit.wait_for_title("Your life story, at your own pace")
    assert visit.stored() == []


def saved(visit: OtherVisit, name: str) -> str:
    """The file that the browser has saved under this name, once all of it is there."""
    file = visit.browser.downloads / name

    def whole() -> str:
        words = file.read_text() if file.exists() else ""
        return words if words.endswith("\n") else ""

    return wait_until(whole, f"the file {name}")
