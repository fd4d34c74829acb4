"""A walk in a browser: a colleague is made and signs in, a sheet is imported, a chart is read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from harness.axe import serious
from harness.demo_site import DEMO, seed_figures
from harness.site import WebServer
from harness.staff_browser import hire, signed_in

pytestmark = [pytest.mark.site, pytest.mark.any_database]

MOST_CLICKS, MOST_WORDS = 3, 120  # to make a colleague


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    with_static_files: Callable[[Path], None],
    with_content: Callable[[Path], None],
    provider_env: dict[str, str],
) -> Iterator[WebServer]:
    var_dir = tmp_path_factory.mktemp("colleague") / "var"
    with_static_files(var_dir)
    with_content(var_dir)
    site = WebServer(var_dir, {"WEB_WORKERS": "1", **provider_env, **DEMO})
    site.is_prepared = True
    hire(site, boss="")
    seed_figures(site, days=40)
    with site:
        yield site


@pytest.fixture
def page(site: WebServer, browser: Browser) -> Iterator[Page]:
    with signed_in(browser, site, "boss", viewport={"width": 1440, "height": 900}) as page:
        yield page


def test_a_colleague_is_made_in_three_clicks_and_few_words(
    site: WebServer, page: Page, browser: Browser
) -> None:
    clicks = 0
    page.goto("/admin/auth/user/")
    page.get_by_role("link", name=re.compile("^Add", re.IGNORECASE)).first.click()
    clicks += 1
    words = page.locator("form#user_form").inner_text().split()
    page.locator("#id_name").fill("Ana Silva")
    page.locator("#id_email").fill("ana@example.org")
    page.locator("input[name=role][value=Editor]").check()
    clicks += 1
    page.get_by_role("button", name="Save", exact=True).click()
    clicks += 1
    link = page.locator("#password-link").input_value()

    assert clicks <= MOST_CLICKS
    assert len(words) <= MOST_WORDS, words

    context = browser.new_context(viewport={"width": 390, "height": 844})
    hers = context.new_page()
    hers.goto(link)
    hers.get_by_label("New password").fill("plums in late summer")
    hers.get_by_label("The same once more").fill("plums in late summer")
    assert serious(hers) == []
    hers.get_by_role("button", name="Save and sign in").click()
    expect(hers).to_have_url(re.compile(r"/admin/$"))
    context.close()


def test_an_excel_workbook_is_looked_at_and_imported(page: Page, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (("kind", "title", "text"), ("question", "The garden", "What grew in your garden?")):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    sheet = tmp_path / "questions.xlsx"
    sheet.write_bytes(file.getvalue())
    page.goto("/admin/narratives/journey/")
    page.get_by_role("link", name="Life Review", exact=True).last.click()
    expect(page).to_have_url(re.compile(r"/journey/\d+/change"))
    number = re.search(r"/journey/(\d+)/", page.url)
    assert number is not None
    page.goto(reverse("admin:narratives_journey_import_file", args=[number[1]]))
    page.get_by_label("Excel, CSV or JSON file").set_input_files(sheet)
    page.get_by_role("button", name="Show the changes").click()
    expect(page.get_by_text("1 will be added")).to_be_visible()
    expect(page.get_by_text("What grew in your garden?")).to_be_visible()


def test_a_chart_tells_its_values_on_hover_and_by_arrow_keys(page: Page) -> None:
    page.goto("/admin/?range=30d")
    plot = page.locator("[data-readouts]").first
    expect(plot.locator(".dash-dates span")).not_to_have_count(0)
    plot.hover()
    expect(plot.locator(".dash-readout")).to_have_text(re.compile(r"^\d+ \w+ \d{4}: "))
    plot.focus()
    page.keyboard.press("End")
    expect(plot.locator(".dash-readout")).to_contain_text("not over yet")
    page.keyboard.press("Home")
    expect(plot.locator(".dash-readout")).not_to_contain_text("not over yet")
    rows = page.locator("section[aria-labelledby=dash-costs] tbody tr th")
    page.locator("section[aria-labelledby=dash-costs] summary", has_text="The numbers as a table").click()
    newest, oldest = rows.first.inner_text(), rows.last.inner_text()
    assert newest != oldest


def test_times_follow_the_zone_that_a_person_chooses(page: Page) -> None:
    page.goto("/admin/my-settings")
    page.get_by_label("Show times in").select_option("Asia/Kolkata")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Times are shown in Asia/Kolkata.")).to_be_visible()
    page.goto("/admin/")
    expect(page.locator(".dash-updated")).to_contain_text("IST")
