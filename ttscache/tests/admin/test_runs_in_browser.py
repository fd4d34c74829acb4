"""The staff pages of warm runs in a real browser: they update without a reload while a run is active."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.clips import speech
from ttscache import warming
from ttscache.maintenance import pruning
from ttscache.maintenance.pruning import Stale
from ttscache.models import WarmRun
from ttscache.warming import ClipSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

PAGES = ["/admin/ttscache/warmrun/", "/admin/ttscache/warmrun/{}/change/"]


@pytest.fixture
def run() -> WarmRun:
    texts = [f"This is question {word}." for word in ("one", "two", "three", "four")]
    return warming.start_run("life-review, nova", [ClipSpec(speech(text), "question") for text in texts])


@pytest.fixture
def page(browser: Browser, live_server: Any, admin_client: Any) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    cookie = admin_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    yield page
    context.close()


@pytest.mark.parametrize("address", PAGES, ids=["the list", "one run"])
def test_the_page_of_a_run_updates_its_bar_count_and_state_without_a_reload(
    page: Page, run: WarmRun, address: str
) -> None:
    page.goto(address.format(run.pk))
    page.evaluate("window.isTheSame = true")
    run.items.filter(position=0).update(state="done")
    WarmRun.objects.update(state="running")
    expect(page.locator("[data-run-ready]")).to_have_text("1 of 4")
    expect(page.locator("progress")).to_have_js_property("value", 1)
    expect(page.locator("[data-run-state]")).to_contain_text("Being made")
    expect(page.get_by_role("status").filter(has_text="life-review, nova")).to_have_text(
        "life-review, nova: Being made. 1 made."
    )
    assert page.evaluate("window.isTheSame")


def test_a_prune_that_has_ended_can_no_longer_be_stopped(page: Page) -> None:
    prune = pruning.begin(Stale((), 0, 0.0, 0), 90, "ana")
    page.goto(f"/admin/ttscache/prunerun/{prune.pk}/change/")
    expect(page.get_by_role("link", name="Stop")).to_be_visible()
    pruning.stop_prune(prune)
    expect(page.get_by_role("link", name="Stop")).to_be_hidden()
    expect(page.locator("body")).to_contain_text("Stopped")


def test_the_page_of_an_ended_run_drops_its_buttons_and_stops_polling(page: Page, run: WarmRun) -> None:
    addresses: list[str] = []
    page.on(
        "request", lambda request: addresses.append(request.url) if "/api/warm-runs/" in request.url else None
    )
    page.clock.install()
    page.goto(PAGES[1].format(run.pk))
    expect(page.get_by_role("link", name="Cancel")).to_be_visible()
    warming.cancel(run)
    expect(page.get_by_role("link", name="Cancel")).to_be_hidden()
    expect(page.locator("[data-run-counts]")).to_have_text("4 cancelled")
    assert any("/api/warm-runs/" in address for address in addresses)
    addresses.clear()
    page.clock.run_for(60_000)
    assert [address for address in addresses if "/api/warm-runs/" in address] == []
