"""The price on the button while staff write, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.admin_pages import admin_address, make_clips
from harness.axe import serious
from harness.optional import skipped_when_unavailable
from narratives.models import Journey, Narrative
from ttscache.models import WarmItem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]
NEW = "Where did it all begin?"
PRICE = "Save and make audio: 2 clips, 46 chars, about $0.001, ~2 s"


@pytest.fixture
def journey(heard_journey: Journey, paid_voice: None) -> Journey:
    """A journey in a voice that costs money, with every clip made."""
    for narrative in heard_journey.narratives.all():
        make_clips(narrative.text)
    return heard_journey


def button(page: Page) -> Locator:
    return page.locator("button[name=_make]")


def words_of_the_question(page: Page) -> Locator:
    """Return the text field of the question, on its own page or on the page of its journey."""
    return page.locator("textarea[name=text], textarea[name=narratives-1-text]")


def to_be_made() -> int:
    return WarmItem.objects.filter(state="queued").count()


@pytest.mark.parametrize("place", ["journey", "narrative"])
def test_the_price_follows_the_typed_words_and_a_press_uses_it(
    open_page: Callable[..., Page], journey: Journey, place: str
) -> None:
    question = journey.narratives.get(kind="question")
    page = open_page(admin_address(journey if place == "journey" else question))
    expect(button(page)).to_contain_text("Save (all audio is ready)")
    words_of_the_question(page).fill(NEW)
    expect(button(page)).to_contain_text(PRICE)
    button(page).press("Enter")
    expect(page.get_by_text("2 clips are being made: 46 characters, about $0.001.")).to_be_visible()
    assert (Narrative.objects.get(pk=question.pk).text, to_be_made()) == (NEW, 2)


def test_no_outdated_price_is_shown_while_somebody_types(
    open_page: Callable[..., Page], journey: Journey
) -> None:
    page = open_page(admin_address(journey.narratives.get(kind="question")))
    expect(button(page)).to_contain_text("Save (all audio is ready)")
    page.route("**/price/", lambda route: route.abort())
    words_of_the_question(page).fill(NEW)
    expect(button(page)).to_contain_text("Save and make audio")
    expect(button(page)).not_to_contain_text(":")
    button(page).click()
    expect(page.get_by_role("heading", name="Make audio: Question")).to_be_visible()
    assert to_be_made() == 0, "nobody has seen a price, so it is asked about"


def test_leaving_the_page_warns_of_unsaved_words(open_page: Callable[..., Page], journey: Journey) -> None:
    page = open_page(admin_address(journey))
    warned: list[str] = []

    def stay(dialog: Any) -> None:
        warned.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    text = words_of_the_question(page)
    text.press_sequentially("!")
    page.get_by_role("link", name="Make again, nova, Question").click(no_wait_after=True)
    expect(text).to_have_value("!Where did it begin?")
    assert warned == ["beforeunload"]


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.long), "dark"])
def test_the_editor_has_no_serious_accessibility_violation(
    open_page: Callable[..., Page], journey: Journey, scheme: str
) -> None:
    Narrative.objects.filter(kind="question").update(text=NEW)
    page = open_page(admin_address(journey), viewport={"width": 390, "height": 844}, color_scheme=scheme)
    expect(page.get_by_role("link", name="Make now, nova, Question")).to_be_visible()
    with skipped_when_unavailable():
        assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
