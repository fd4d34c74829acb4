"""The pictures of the listener's page in docs/screenshots, taken anew:

    python -m harness.listener_screenshots

starts a site of its own with the shipped journey, walks through every screen, and ends it again. To look at
every screen in every window, light and dark, before a change of the page:

    python -m harness.listener_screenshots --everywhere --into FOLDER
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from harness.chromium import chromium
from harness.listener_visit import REPLIES, StandInReplies, Visit
from harness.openai_server import OpenAIServer
from harness.png import with_palette
from harness.process import PROJECT
from harness.site import WebServer

FOLDER = PROJECT / "docs" / "screenshots"
PHONE = (390, 664)
OTHER_WINDOWS: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {  # of a question
    "tablet": ((820, 1180), {}),
    "dark": ((820, 1180), {"color_scheme": "dark"}),
    "desktop": ((1440, 900), {}),
    "landscape": ((844, 390), {}),
}
EVERY_WINDOW = {"phone": PHONE, "landscape": (844, 390), "tablet": (820, 1180), "desktop": (1440, 900)}
HELPERS = {
    "HELP_LINE_NAME": "Samaritans",
    "HELP_LINE_NUMBER": "116 123",
    "EMERGENCY_NUMBER": "999",
    "LOCAL_CONTACT": "The nurse: press the red button.",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures of the listener's page anew.")
    parser.add_argument("--into", type=Path, default=FOLDER, help="another folder")
    parser.add_argument(
        "--everywhere", action="store_true", help="each screen in every window, light and dark"
    )
    given = parser.parse_args()
    into: Path = given.into
    into.mkdir(parents=True, exist_ok=True)
    with shipped_site() as url, chromium() as browser:
        if given.everywhere:
            for window, size in EVERY_WINDOW.items():
                for scheme in ("light", "dark"):
                    visit = visit_of(browser, url, size, color_scheme=scheme)
                    for name in visit.screens():
                        keep(visit, into / f"{name}-{window}-{scheme}.png")
            return
        visit = visit_of(browser, url, PHONE)
        for name in visit.screens():
            keep(visit, into / f"listener-{name}.png")
        for name, (size, options) in OTHER_WINDOWS.items():
            visit = visit_of(browser, url, size, **options)
            visit.begin().press("Continue")
            visit.expect_sound()
            keep(visit, into / f"listener-{name}.png")


@contextmanager
def shipped_site() -> Iterator[str]:
    """The address of a site with the shipped journey and somebody to call."""
    with tempfile.TemporaryDirectory() as folder, OpenAIServer() as voice:
        env = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": voice.base_url, **HELPERS}
        site = WebServer(Path(folder) / "var", env)
        site.prepare()
        site.manage("load_default_content", check=True)
        with site:
            yield site.url


def visit_of(browser: Browser, url: str, size: tuple[int, int], **options: Any) -> Visit:
    viewport: Any = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, has_touch=True, reduced_motion="reduce", **options)
    if StandInReplies.needed_by(url):
        context.route(REPLIES, StandInReplies(url).answer)
    return Visit(context, f"{url}/")


def keep(visit: Visit, picture: Path) -> None:
    visit.page.wait_for_timeout(500)  # for a voice that begins
    picture.write_bytes(with_palette(visit.page.screenshot()))
    print(picture, f"{picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
