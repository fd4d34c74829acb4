"""The journey page updates clip states without disturbing listening, writing or the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.admin_pages import admin_address, make_clips
from narratives.editing import drafts
from narratives.models import Journey, Narrative

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

# Audio playback without a sound device: it starts at once, and ends when the test says so.
NO_DEVICE = """
HTMLMediaElement.prototype.play = async function () {
  window.heard = this;
  this.dispatchEvent(new Event("play"));
};
"""
BROUGHT_UP_TO_DATE = """
for (const row of document.querySelectorAll("[data-fresh]:not(:has([aria-pressed=true]))")) {
  row.innerHTML += " ";
}
"""
ENDED = "heard.dispatchEvent(new Event('ended'))"


@pytest.fixture
def page(open_page: Callable[..., Page], heard_journey: Journey, paid_voice: None) -> Page:
    """The page of a journey whose clips all exist, except those of one draft."""
    for narrative in heard_journey.narratives.all():
        make_clips(narrative.text)
    Narrative.objects.filter(kind="question").update(text="Where did it all begin?")
    page = open_page(admin_address(heard_journey))
    page.evaluate(NO_DEVICE)
    return page


def test_playing_a_whole_journey_continues_with_a_replaced_clip(page: Page) -> None:
    page.get_by_role("button", name="Play whole journey: nova").click()
    page.evaluate(BROUGHT_UP_TO_DATE)
    page.evaluate(ENDED)
    expect(page.get_by_text("Clip 2 of 3")).to_be_visible()
    assert page.evaluate("heard.isConnected"), "one that is not on the page never tells that it has ended"


def test_a_late_status_answer_for_removed_words_is_ignored(page: Page) -> None:
    late: list[Any] = []
    page.route("**/estimate/", lambda route: late.append(route) if not late else route.continue_())
    text = page.locator("textarea[name=narratives-1-text]")
    with page.expect_request("**/estimate/"):
        text.fill("A")
    text.fill("Who was there?")
    told = page.locator(".narrative").nth(1).locator("[data-estimate]")
    expect(told).to_contain_text("14 characters")
    with page.expect_response("**/estimate/") as answer:
        late[0].continue_()
    answer.value.finished()
    page.evaluate("new Promise((done) => setTimeout(done))")
    expect(told).to_contain_text("14 characters")


def test_focus_stays_on_a_button_whose_clip_gets_ready(page: Page) -> None:
    page.clock.install()
    question = Narrative.objects.select_related("live", "journey").get(kind="question")
    drafts.make_clip(question, "nova")
    page.reload()
    page.get_by_role("link", name="Make now, onyx, Question").focus()
    make_clips(question.text)
    page.clock.run_for(3_000)
    expect(page.get_by_role("link", name="Make again, onyx, Question")).to_be_focused()
