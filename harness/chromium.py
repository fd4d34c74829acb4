"""chromium(): a real browser for Playwright that blocks sound until a gesture, as people's browsers do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from harness import Unavailable

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOLDER = Path("/usr/lib/chromium")

FLAGS = (
    "--headless",
    "--no-sandbox",  # root in a container has no sandbox to offer
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=document-user-activation-required",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium. page.evaluate counts as a gesture: to see autoplay blocked, let the page itself try."""
    program = _program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _program() -> Path:
    given = os.environ.get("CHROMIUM_BIN")
    candidates = [given, shutil.which(NAMES[0]), FOLDER / NAMES[0], FOLDER / "chromium"]
    candidates += [shutil.which(name) for name in NAMES[1:]]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    raise Unavailable(f"no Chromium in CHROMIUM_BIN or {FOLDER}, nor {', '.join(NAMES)} on the PATH")
