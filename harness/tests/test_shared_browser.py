from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Error

from harness.optional import skipped_when_unavailable
from harness.shared_browser import ALLOWED, SharedBrowser

pytestmark = pytest.mark.any_database


@pytest.fixture(scope="module")
def shared() -> Iterator[SharedBrowser]:
    shared = SharedBrowser()
    with skipped_when_unavailable():
        shared.running()
    yield shared
    shared.close()


def test_pages_that_are_left_open_are_closed_and_the_browser_stays(shared: SharedBrowser) -> None:
    browser = shared.running()
    page = browser.new_page()
    shared.close_contexts()
    assert page.is_closed()
    assert shared.running() is browser


def test_a_browser_that_has_crashed_is_replaced(shared: SharedBrowser) -> None:
    browser = shared.running()
    with suppress(Error):  # it cannot answer any more
        browser.new_browser_cdp_session().send("Browser.crash")
    shared.close_contexts()
    another = shared.running()
    assert another is not browser
    assert another.new_page().evaluate("1 + 1") == 2


def test_a_closed_browser_leaves_no_event_loop_and_no_permission_behind(shared: SharedBrowser) -> None:
    shared.running()
    assert os.environ[ALLOWED] == "1"
    shared.close()
    assert ALLOWED not in os.environ
    assert asyncio.run(asyncio.sleep(0, result=3)) == 3
