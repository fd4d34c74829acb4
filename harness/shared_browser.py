"""shared_browser: the one Chromium of a test process, kept from one module of browser tests to the next.

Playwright runs an event loop in the thread of the tests for as long as the browser is open. So Django is told
to allow the ORM there, and the browser is closed before a test that does not use it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from playwright.sync_api import Browser, Error

from harness.chromium import chromium

ALLOWED = "DJANGO_ALLOW_ASYNC_UNSAFE"


class SharedBrowser:
    """Starts the browser when it is first needed, and again when it has crashed."""

    def __init__(self) -> None:
        self._browser: Browser | None = None
        self._open = ExitStack()

    def running(self) -> Browser:
        """A browser that answers. Raises Unavailable without Chromium."""
        if self._browser is not None and not _answers(self._browser):
            self.close()
        if self._browser is None:
            with ExitStack() as starting:
                starting.enter_context(_orm_allowed())
                self._browser = starting.enter_context(chromium())
                self._open = starting.pop_all()
        return self._browser

    def close_contexts(self) -> None:
        """Close the pages that a module has left open."""
        if self._browser is not None:
            with suppress(Error):  # it has crashed: running() sees that
                for context in self._browser.contexts:
                    context.close()

    def close(self) -> None:
        self._browser = None
        with suppress(Error):  # it has crashed
            self._open.close()


def _answers(browser: Browser) -> bool:
    try:
        browser.new_context().close()
    except Error:
        return False
    return True


@contextmanager
def _orm_allowed() -> Iterator[None]:
    before = os.environ.get(ALLOWED)
    os.environ[ALLOWED] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[ALLOWED]
        else:
            os.environ[ALLOWED] = before


shared_browser = SharedBrowser()
