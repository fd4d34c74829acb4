"""Creates members of staff and signs them in to a site in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

from harness.site import Site
from harness.staff_accounts import put_user

PASSWORD = "quite-long-enough-1"


def hire(site: Site, **groups: str) -> None:
    """Create staff users: name=group. An empty group makes a superuser."""
    for name, group in groups.items():
        put_user(site, name, group=group, is_superuser=not group, password=PASSWORD)


@contextmanager
def signed_in(browser: Browser, site: Site, name: str, **look: Any) -> Iterator[Page]:
    """Open the first staff page, signed in. `look` sets the browser context, such as its viewport."""
    context = browser.new_context(base_url=site.url, **look)
    try:
        page = context.new_page()
        page.goto("/admin/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_be_visible()
        expect(page.get_by_label("Username")).to_have_count(0)
        yield page
    finally:
        context.close()
