from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from harness.axe import axe_findings
from harness.optional import skipped_when_unavailable

pytestmark = pytest.mark.any_database

PALE = "color: #ccc; background: #fff"
ROWS = "".join(f'<li id="row-{number}">Row {number}</li>' for number in range(20))
PAGE = (
    """<!doctype html><html lang="en"><title>Rows</title><main><h1>Rows</h1><ul>{rows}</ul></main></html>"""
)


def pale_rows(browser: Browser, *pale: int, is_brief: bool) -> list[str]:
    rows = ROWS
    for number in pale:
        rows = rows.replace(f'<li id="row-{number}"', f'<li id="row-{number}" style="{PALE}"')
    page = browser.new_page()
    page.set_content(PAGE.format(rows=rows))
    with skipped_when_unavailable():
        found = axe_findings(page, is_brief=is_brief)
    page.close()
    return found


def test_a_brief_look_finds_the_one_row_that_differs_and_what_all_rows_have(browser: Browser) -> None:
    assert pale_rows(browser, is_brief=True) == []
    (found,) = pale_rows(browser, 13, is_brief=True)
    assert "color-contrast" in found
    assert 'id="row-13"' in found
    assert len(pale_rows(browser, *range(20), is_brief=True)) == 4


def test_a_whole_look_finds_every_row(browser: Browser) -> None:
    assert len(pale_rows(browser, *range(20), is_brief=False)) == 20


def test_a_brief_look_keeps_the_rules_about_the_whole_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(PAGE.format(rows=ROWS).replace("main>", "div>").replace('lang="en"', ""))
    with skipped_when_unavailable():
        found = " ".join(axe_findings(page, is_brief=True))
    page.close()
    assert "landmark-one-main" in found
    assert "html-has-lang" in found
