"""Somebody chooses among the live journeys, and keeps a place and answers when a question is taken out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from harness.axe import serious
from harness.listener_visit import MakeVisit, Visit
from harness.optional import skipped_when_unavailable
from harness.site import Site
from harness.site_data import default_journey, id_of_text, set_live
from harness.staff_session import StaffSession

pytestmark = [pytest.mark.site, pytest.mark.any_database]

GENTLE = "Life Review (gentle)"
ANSWER = "We had a garden with apple trees."


@pytest.fixture(scope="module")
def two_journeys(site: Site) -> Iterator[Site]:
    set_live(site, "life-review-gentle", True)
    yield site
    set_live(site, "life-review-gentle", False)


def test_a_journey_is_chosen_by_keyboard_and_remembered_in_this_tab(
    two_journeys: Site, make_visit: MakeVisit
) -> None:
    visit = make_visit(390, 844)
    visit.open()
    choice = visit.page.get_by_role("navigation", name="Choose a story")
    expect(choice.get_by_role("link")).to_have_count(2)
    expect(choice.locator("[aria-current]")).to_contain_text("Ten questions about the whole of a life.")
    with skipped_when_unavailable():
        assert serious(visit.page) == []
    choice.get_by_role("link", name=GENTLE).press("Enter")
    visit.wait_until_open()
    expect(visit.page.locator("[data-journey]")).to_have_attribute("data-journey", "life-review-gentle")
    expect(choice.locator("[aria-current]")).to_contain_text(GENTLE)
    expect(choice.locator("[aria-current]")).to_contain_text("Chosen")

    visit.page.goto(two_journeys.url)  # the address that stands on the family's note
    visit.page.wait_for_url("**/?journey=life-review-gentle")
    visit.wait_until_open()
    visit.press("Read without sound")
    visit.press("I agree, continue")
    visit.press("Continue")
    visit.press("Continue")
    expect(visit.title).to_have_text("Home")
    visit.page.goto(two_journeys.url)
    visit.wait_until_open()
    expect(visit.title).to_have_text("Welcome back.")
    visit.press("I am someone else")
    assert visit.stored() == []


def test_an_address_that_names_a_journey_leads_there_whatever_was_chosen_before(
    two_journeys: Site, visit: Visit
) -> None:
    visit.open()
    visit.page.get_by_role("link", name=GENTLE).click()
    visit.wait_until_open()
    visit.page.goto(f"{two_journeys.url}/?journey=life-review-default")
    visit.wait_until_open()
    expect(visit.page.locator("[data-journey]")).to_have_attribute("data-journey", "life-review-default")


def test_a_question_taken_out_in_mid_journey_loses_neither_place_nor_answer(site: Site, visit: Visit) -> None:
    visit.begin_to_read()
    visit.press("Continue")
    question = visit.title.inner_text()
    following = visit.page.locator("[data-kind=question] [data-heading]").nth(1).text_content()
    visit.box.fill(ANSWER)
    visit.box.blur()
    staff = StaffSession.begin(site)
    number = id_of_text(site, "q01")
    publish = f"/admin/narratives/journey/{default_journey(site)}/publish/"
    assert staff.send(f"/admin/narratives/narrative/{number}/delete/", {"post": "yes"}).status == 302
    assert staff.say_yes(publish).status == 302
    try:
        visit.page.reload()
        visit.wait_until_open()
        visit.press("Carry on at question 1")
        expect(visit.title).to_have_text(following or "")
        visit.jump("finish")
        visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        story = visit.page.locator("[data-story]")
        expect(story).to_contain_text(f"An earlier question: {question}")
        expect(story).to_contain_text(ANSWER)
    finally:
        assert staff.send("/admin/narratives/narrative/undelete/", {"pk": number}).status == 302
        assert staff.say_yes(publish).status == 302
