"""A walk through the dashboard in a browser: look, choose a range, export figures, remove stale clips."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.axe import serious
from harness.demo_site import DEMO, SEED
from harness.optional import skipped_when_unavailable
from harness.site import WebServer
from harness.site_data import query
from harness.staff_browser import PASSWORD, hire
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

ASKED_FOR = "Nobody asks for number 1."
PREPARE = """
from datetime import timedelta
from django.utils import timezone
from ttscache.models import Clip
from ttscache.renditions.current import request_for
for number in range(3):
    Clip.objects.record(request_for(f"Nobody asks for number {number}.", "nova"), "question")
Clip.objects.update(last_accessed_at=timezone.now() - timedelta(days=100))
"""

AS_THE_CLUSTER_DOES = """
from ttscache import tasks
from ttscache.maintenance import pruning
tasks.prune(str(pruning.abandoned_run().pk))
"""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    with_static_files: Callable[[Path], None],
    with_tables: Callable[[Path], None],
) -> Iterator[WebServer]:
    var_dir = tmp_path_factory.mktemp("dashboard") / "var"
    with_static_files(var_dir)
    with_tables(var_dir)
    site = WebServer(var_dir, {"WEB_WORKERS": "1", **DEMO})
    site.is_prepared = True
    seed = SEED.format(days=60)
    site.manage("shell", "--verbosity", "0", "-c", f"{PREPARE}{seed}", check=True)
    hire(site, ana="")
    with site:
        yield site


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.long)])
def page(request: pytest.FixtureRequest, site: WebServer, browser: Browser) -> Iterator[Page]:
    """A signed-in page in the size of a phone, the narrowest that must fit."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=request.param)
    page = context.new_page()
    page.goto(f"{site.url}/admin/")
    page.fill("[name=username]", "ana")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Sound dashboard")
    yield page
    context.close()


def last_requests(site: WebServer) -> dict[str, str]:
    """Return the time of the last request of each clip on record."""
    return dict(query(site, "SELECT content_hash, last_accessed_at FROM tts_cache"))


def requests_on(page: Page) -> int:
    return int(page.locator("[data-figure=requests]").inner_text().replace(",", ""))


def test_the_dashboard_has_no_serious_accessibility_violation(page: Page, site: WebServer) -> None:
    with skipped_when_unavailable():
        assert serious(page) == []
        page.goto(f"{site.url}/admin/ttscache/clip/stale/")
        assert serious(page) == []


def test_the_dashboard_fits_a_phone_without_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("page", ["light"], indirect=True)
class TestWalk:
    def test_a_longer_range_is_chosen_by_keyboard_and_has_more(self, page: Page) -> None:
        week = requests_on(page)
        page.get_by_role("link", name="30 days").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
        assert requests_on(page) > week > 0

    def test_a_formula_and_a_table_open_by_keyboard(self, page: Page) -> None:
        page.locator(".how summary").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".how p").first).to_be_visible()
        page.locator(".dash-table summary").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("columnheader", name="Reflection")).to_be_visible()

    def test_the_csv_has_the_numbers_of_the_page(self, page: Page, tmp_path: Path) -> None:
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        download.value.save_as(tmp_path / "figures.csv")
        lines = list(csv.DictReader((tmp_path / "figures.csv").open()))
        total = next(
            each for each in lines if each["what"] == "all" and each["figure"] == "requests (demo data)"
        )
        assert int(total["value"]) == requests_on(page)

    def test_the_dry_run_of_the_walk_writes_nothing(self, page: Page, site: WebServer) -> None:
        before = last_requests(site)
        page.get_by_role("link", name="Check what could go (dry run)").click()
        expect(page.locator("[data-figure=stale]")).to_have_text("3 clips")
        expect(page.get_by_role("row", name="Nobody asks for number 2.")).to_be_visible()
        assert last_requests(site) == before
        assert query(site, "SELECT count(*) FROM ttscache_prunerun WHERE state <> 'planned'") == [(0,)]

    def test_a_clean_up_removes_its_list_except_clips_requested_meanwhile(
        self, page: Page, site: WebServer
    ) -> None:
        wanted = f"SELECT content_hash FROM tts_cache WHERE content_text = '{ASKED_FOR}'"
        (wanted_after_all,) = query(site, wanted)[0]
        page.get_by_role("link", name="Check what could go (dry run)").click()
        before = last_requests(site)
        assert page.request.get(f"{site.url}/api/audio/{wanted_after_all}.mp3").ok
        wait_until(lambda: last_requests(site) != before, "the ledger to be written")
        page.get_by_role("button", name="Remove 3 clips").click()
        expect(page.get_by_text("3 clips are being removed")).to_be_visible()
        expect(page.locator(".clip-progress")).to_contain_text("0 of 3")
        site.manage("shell", "--verbosity", "0", "-c", AS_THE_CLUSTER_DOES, check=True)
        expect(page.locator(".clip-progress")).to_contain_text("2 of 3")  # without a reload
        left = "SELECT content_text FROM tts_cache WHERE content_text LIKE 'Nobody asks for%'"
        assert query(site, left) == [(ASKED_FOR,)]
        page.goto(f"{site.url}/admin/ttscache/clip/stale/")
        expect(page.locator("[data-figure=stale]")).to_have_text("0 clips")
