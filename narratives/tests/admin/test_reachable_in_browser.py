"""Staff pages by keyboard, with a screen reader, and on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from harness.admin_pages import admin_address
from harness.optional import skipped_when_unavailable
from harness.process import PROJECT
from harness.reach import obstacles
from narratives.models import Journey, Narrative

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

PHONE = {"width": 390, "height": 844}
TEXTS = reverse("admin:narratives_narrative_changelist")
MOST_STOPS = 60
# What a slow network does: the parser waits for the rest in the middle of a button.
ARRIVE_IN_PIECES = """async (pieces) => {
  document.open();
  for (const piece of pieces) {
    document.write(piece);
    await new Promise((arrives) => setTimeout(arrives, 50));
  }
  document.close();
}"""


def problems(page: Page) -> dict[str, list[str]]:
    with skipped_when_unavailable():
        return obstacles(page)


@pytest.fixture
def question(heard_journey: Journey) -> Narrative:
    question: Narrative = heard_journey.narratives.get(kind="question")
    return question


def test_every_control_of_a_text_can_be_reached_on_a_phone_and_no_icon_is_read_aloud(
    open_page: Callable[..., Page], question: Narrative
) -> None:
    page = open_page(admin_address(question), viewport=PHONE)
    expect(page.get_by_role("button", name="Save draft", exact=True)).to_be_visible()
    assert problems(page) == {}


def test_every_control_of_a_list_can_be_reached_on_a_phone_and_no_icon_is_read_aloud(
    open_page: Callable[..., Page], question: Narrative
) -> None:
    page = open_page(TEXTS, viewport=PHONE)
    assert problems(page) == {}
    page.get_by_role("button", name="Filters", exact=True).click()
    expect(page.locator("#changelist-filter")).to_be_visible()
    assert problems(page) == {}


def test_a_button_that_arrives_in_two_pieces_is_named_by_its_words(browser: Browser) -> None:
    script = (PROJECT / "ttscache" / "static" / "ttscache" / "reachable.js").read_text()
    icon = '<span class="material-symbols-outlined">volume_up</span>'
    page = browser.new_page()
    page.evaluate(
        ARRIVE_IN_PIECES,
        [f"<head><script>{script}</script></head><body><button>{icon}", "Hear it</button></body>"],
    )

    expect(page.get_by_role("button")).to_have_accessible_name("Hear it")


def test_the_filters_of_a_list_work_by_keyboard_alone(
    open_page: Callable[..., Page], question: Narrative
) -> None:
    page = open_page(TEXTS, viewport=PHONE)
    opener = page.get_by_role("button", name="Filters", exact=True)
    page.wait_for_function("window.Alpine !== undefined")
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if opener.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#changelist-filter a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#changelist-filter")).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_role("link", name="Not published").press("Enter")
    expect(page).to_have_url(f"{page.url.split('?')[0]}?state=unpublished")


def test_save_stays_in_reach_on_a_phone_and_delete_comes_last(
    open_page: Callable[..., Page], question: Narrative
) -> None:
    page = open_page(admin_address(question), viewport=PHONE)
    save = page.get_by_role("button", name="Save draft", exact=True)
    delete = page.locator("#submit-row").get_by_role("link", name="Delete narrative")
    page.wait_for_function("window.Alpine !== undefined")
    expect(save).to_be_in_viewport(ratio=1)
    expect(delete).not_to_be_in_viewport()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(save).to_be_in_viewport(ratio=1)
    expect(delete).to_be_in_viewport()
    others = page.locator("#submit-row").locator("button, a")
    tops = others.evaluate_all("all => all.map((each) => each.getBoundingClientRect().top)")
    last = others.evaluate_all("all => all.map((each) => each.textContent.trim())")[tops.index(max(tops))]
    assert last.startswith("Delete")
