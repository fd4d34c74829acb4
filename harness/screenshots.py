"""Takes the pictures of the staff pages in docs/screenshots again:

    python -m harness.screenshots

It starts a site of its own with the default content, real clips and made-up figures, and removes it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from harness.chromium import chromium
from harness.demo_site import PASSWORD, USER, demo_site
from harness.openai_server import OpenAIServer
from harness.png import with_palette
from harness.process import PROJECT
from harness.site import Site
from harness.waiting import wait_until

FOLDER = PROJECT / "docs" / "screenshots"
SIZES = {1440: 900, 1024: 768, 390: 844}
THEMES = ("light", "dark")
PAGES = {  # address and greatest height in CSS pixels: the whole dashboard, the top of a journey
    "dashboard": ("/admin/?range=365d", 10_000),
    "editor": ("/admin/narratives/journey/1/change/", 1_800),
}

# An editor's unfinished work: one new draft, and one whose clips failed.
PREPARE = """
from narratives import publishing
from narratives.editing.drafts import make_drafts
from narratives.models import Narrative, Pronunciation
Pronunciation.objects.create(word="Nguyen", say_as="Win")
texts = Narrative.objects.filter(journey__is_default=True, kind="question").order_by("position")
new, failed = texts[1], texts[2]
new.text = "Where did you grow up, and which room of that house do you still see before you?"
failed.text = "Who was it that you could always go to? Dr. Nguyen, perhaps, at the end of the street?"
for text in (new, failed):
    text.save(update_fields=["text"])
publishing.sync_pins()
make_drafts([failed], requested_by="ana")
"""
LOOK_AT_RUNS = """
from ttscache.models import WarmRun
print(*WarmRun.objects.values_list("state", flat=True))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures in docs/screenshots again.")
    parser.add_argument("--into", type=Path, default=FOLDER, help="another folder")
    into: Path = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    with furnished_site() as site, chromium() as browser:
        for (width, height), theme in product(SIZES.items(), THEMES):
            with signed_in_page(browser, site, width, height, theme) as page:
                for name, (address, enough) in PAGES.items():
                    picture = into / f"{name}-{width}-{theme}.png"
                    page.set_viewport_size({"width": width, "height": height})
                    picture.write_bytes(taken(page, f"{site.url}{address}", enough))
                    print(picture, f"{picture.stat().st_size:,} bytes")


@contextmanager
def furnished_site() -> Iterator[Site]:
    """Run a site with all published clips, a failed draft, and a year of made-up figures."""
    with OpenAIServer() as openai:
        env = {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": openai.base_url,
            "TTS_DAILY_BUDGET_USD": "20",
            "TTS_STORAGE_LIMIT_BYTES": "2GiB",
        }
        with demo_site(env=env) as site:
            wait_until(lambda: _is_at_rest(site), "all published clips", seconds=180, every=1)
            openai.behave(fault=400, on_text="end of the street")
            site.manage("shell", "--verbosity", "0", "-c", PREPARE, check=True)
            wait_until(lambda: _is_at_rest(site), "the draft to fail", seconds=60, every=1)
            yield site


def _is_at_rest(site: Site) -> bool:
    """Whether some run exists and none is open."""
    states = site.manage("shell", "--verbosity", "0", "-c", LOOK_AT_RUNS, check=True).stdout.split()
    return bool(states) and not {"queued", "running", "paused"} & set(states)


@contextmanager
def signed_in_page(browser: Browser, site: Site, width: int, height: int, theme: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        page.goto(f"{site.url}/admin/login/")
        page.get_by_label("Username").fill(USER)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Sound dashboard")
        yield page
    finally:
        context.close()


def taken(page: Page, address: str, enough: int) -> bytes:
    """Take a picture of the page, in a window of the page's height: sticky parts are then at its edges."""
    page.goto(address, wait_until="networkidle")
    width = int(page.evaluate("document.documentElement.clientWidth"))
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": width, "height": min(height, enough)})
    page.evaluate("document.fonts.ready")
    return with_palette(page.screenshot())


if __name__ == "__main__":
    main()
