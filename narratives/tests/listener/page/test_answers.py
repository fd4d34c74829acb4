"""Answers and the replies to them: kept in this tab, sent once, and gone when the listener says so."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from harness import http
from harness.listener_visit import (
    HEAVY_ANSWER,
    REPLIES,
    REPLY,
    URGENT_ANSWER,
    MakeVisit,
    Visit,
    listed_narratives,
    reply,
    sent_json,
)
from harness.site import Site
from harness.site_data import set_live
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

GENTLE = "life-review-gentle"
CANARY = "We lived above the zanzibar bakery."
SORRY = "Thank you for your answer. Let us move on to the next part whenever you are ready."
SAFETY = "You deserve a real person right now"


@pytest.fixture
def reading(visit: Visit) -> Visit:
    """A visit at the first question, without sound."""
    visit.begin_to_read().press("Continue")
    return visit


def words_of(page: Page) -> str:
    return page.locator("[data-reply-words]").inner_text()


def boxes_on(visit: Visit) -> list[str]:
    written: list[str] = visit.page.locator("textarea").evaluate_all("all => all.map((box) => box.value)")
    return [words for words in written if words]


# --- kept on this page -----------------------------------------------------------------------------------
def test_an_answer_is_kept_a_second_after_it_was_typed_and_only_in_this_tab(reading: Visit) -> None:
    reading.box.press_sequentially(CANARY)
    expect(reading.page.locator("[data-kept]:visible")).to_have_text("Kept on this page")
    assert CANARY in reading.page.evaluate("JSON.stringify(sessionStorage)")
    assert CANARY not in reading.page.evaluate("JSON.stringify(localStorage)")
    assert reading.requests_to("/api/") == []
    reading.page.reload()
    reading.wait_until_open().press("Carry on at question 1")
    expect(reading.box).to_have_value(CANARY)


def test_a_reload_in_mid_sentence_loses_no_word(reading: Visit) -> None:
    reading.box.press_sequentially(CANARY)
    reading.page.reload()
    reading.wait_until_open().press("Carry on at question 1")
    expect(reading.box).to_have_value(CANARY)


def test_a_reload_at_every_screen_comes_back_to_it(visit: Visit) -> None:
    for name in visit.screens():
        if name in ("start", "welcome"):
            continue  # nobody to come back; and what a reload leads to
        title = visit.title.inner_text()
        visit.page.reload()
        visit.wait_until_open().page.get_by_role("button", name="Carry on").click()
        visit.rest()
        assert visit.title.inner_text() == title, name


@pytest.fixture
def second_story(site: Site) -> Iterator[str]:
    """The address of another live journey."""
    set_live(site, GENTLE, True)
    yield f"{site.url}/?journey={GENTLE}"
    set_live(site, GENTLE, False)


def test_a_second_story_has_its_own_words_and_answers(visit: Visit, second_story: str) -> None:
    visit.begin_to_read().press("Continue")
    visit.box.fill(CANARY)
    page, first_address = visit.page, visit.url
    page.goto(first_address)
    visit.wait_until_open().press("I need a break or help")
    visit.url = second_story
    visit.begin_to_read().press("Continue")
    expect(visit.title).to_have_text("Home")
    expect(visit.box).to_have_value("")
    visit.answer("It had a blue door.")
    expect(page.locator("[data-reply-words]")).not_to_be_empty()
    page.goto(f"{first_address}?journey=life-review-default")
    visit.wait_until_open().press("Carry on at question 1")
    expect(visit.box).to_have_value(CANARY)
    visit.press("I need a break or help")
    visit.press("Finish and clear this device")
    visit.press("Yes, clear everything")
    assert visit.stored() == []


# --- consent ---------------------------------------------------------------------------------------------
def test_not_now_goes_on_without_answers_and_sends_nothing(visit: Visit) -> None:
    visit.begin(agrees=False)
    for title in ("Where It Began", "The People Around You"):
        visit.press("Continue")
        expect(visit.title).to_have_text(title)
        expect(visit.box).to_have_count(0)
    assert visit.requests_to("/api/reflections") == []
    visit.press("I need a break or help")
    visit.press("Write answers after all")
    visit.press("I agree, continue")
    expect(visit.title).to_have_text("The People Around You")
    expect(visit.box).to_be_visible()


def test_the_consent_names_who_is_sent_the_answers(visit: Visit) -> None:
    visit.open().press("Begin")
    body = visit.page.locator("section.consent")
    expect(body).to_contain_text("Your answers stay in this browser until you close it; we do not keep them.")
    expect(body).to_contain_text("A computer program (127.0.0.1) is sent each answer to write a short reply.")
    expect(body).to_contain_text("Please leave out passwords, bank details and other people")


# --- replies ---------------------------------------------------------------------------------------------
def test_a_reply_is_read_and_heard_and_what_was_heard_is_told_with_the_next_answer(
    visit: Visit, site: Site
) -> None:
    visit.begin().press("Continue")
    visit.answer(CANARY)
    expect(visit.title).to_have_text("A few words about your answer")
    expect(visit.title).to_be_focused()
    visit.expect_sound()
    assert words_of(visit.page)
    expect(visit.page.locator("[data-reply-words] .current")).to_have_count(1)
    visit.press("Continue")
    visit.answer("My grandmother, who sang.")
    visit.expect_sound()

    first, second = (sent_json(request) for request in visit.requests_to("/api/reflections"))
    assert first.pop("session") == second["session"]  # a random number, for throttling alone
    questions = [each["id"] for each in listed_narratives(site.url) if each["kind"] == "question"]
    assert first == {"narrative": questions[0], "answer": CANARY, "voice": "nova", "heard": []}
    assert second["narrative"] == questions[1]
    assert CANARY not in str(second)
    assert len(second["heard"]) == 1
    assert "cookie" not in visit.requests_to("/api/reflections")[0].all_headers()


def test_an_answer_is_sent_again_only_when_it_has_changed(reading: Visit) -> None:
    reading.answer(CANARY)
    wait_until(lambda: bool(words_of(reading.page)), "a reply")
    reading.press("Back to my answer")
    reading.press("Save and continue")
    wait_until(lambda: bool(words_of(reading.page)), "the same reply")
    assert len(reading.requests_to("/api/reflections")) == 1
    reading.press("Back to my answer")
    reading.answer(f"{CANARY} It smelled of bread.")
    wait_until(lambda: bool(words_of(reading.page)), "another reply")
    first, second = (sent_json(request) for request in reading.requests_to("/api/reflections"))
    assert len(second["heard"]) == len(first["heard"]) + 1
    reading.press("Back to my answer")
    reading.answer(f"{CANARY} It smelled of bread, and of rain.")
    wait_until(lambda: len(reading.requests_to("/api/reflections")) == 3, "a third question")
    assert len(sent_json(reading.requests_to("/api/reflections")[2])["heard"]) == 2  # also what was replaced


def test_ctrl_and_enter_in_the_box_do_what_the_large_button_does(reading: Visit) -> None:
    reading.box.fill(CANARY)
    reading.rest()
    reading.box.press("Control+Enter")
    expect(reading.title).to_have_text("A few words about your answer")


def test_without_an_answer_save_and_continue_leads_to_the_next_question(reading: Visit) -> None:
    reading.press("Save and continue")
    expect(reading.title).to_have_text("The People Around You")
    assert reading.requests_to("/api/reflections") == []


def test_a_personal_reply_plays_from_the_answer_itself_and_keeps_its_words_after_a_reload(
    visit: Visit, site: Site
) -> None:
    sound = http.get(f"{site.url}{listed_narratives(site.url)[1]['audio']['url']}").body
    url = "data:audio/mpeg;base64," + base64.b64encode(sound).decode()
    audio = {"url": url, "content_hash": None, "ready": True, "duration_ms": 7000, "bytes": len(sound)}
    personal = reply({**audio, "content_type": "audio/mpeg"}, source="model")
    visit.page.route(REPLIES, lambda route: route.fulfill(json=personal))
    visit.begin().press("Continue")
    visit.answer(CANARY)
    visit.expect_sound()
    wait_until(lambda: visit.seconds_played() > 0.2, "sound that goes on")
    visit.page.reload()
    visit.wait_until_open().press("Carry on at question 1")
    expect(visit.page.locator("[data-reply-words]")).to_have_text(REPLY)
    visit.expect_sound()
    assert len(visit.requests_to("/api/reflections")) == 1


def test_a_reply_that_takes_six_seconds_is_not_waited_for(visit: Visit) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route(REPLIES, hold)
    visit.begin().press("Continue")
    visit.answer(CANARY)
    expect(visit.button("Continue")).to_be_enabled()
    expect(visit.page.locator("[data-reply-status]")).to_contain_text("One moment.")
    expect(visit.page.locator("[data-reply-words]")).to_have_text(SORRY)
    visit.expect_sound()
    visit.press("Continue")
    expect(visit.title).to_have_text("The People Around You")
    held[0].fulfill(json=reply(None, source="safety", level="urgent"))
    expect(visit.title).to_have_text(SAFETY)  # this one is never too late


def test_a_reply_without_a_sound_is_read(visit: Visit) -> None:
    silent = {"url": None, "content_hash": None, "ready": False, "duration_ms": None, "bytes": None}
    mute = reply({**silent, "content_type": "audio/mpeg"})
    visit.page.route(REPLIES, lambda route: route.fulfill(json=mute))
    visit.begin().press("Continue")
    visit.answer(CANARY)
    expect(visit.page.locator("[data-reply-words]")).to_have_text(REPLY)
    expect(visit.page.get_by_role("group", name="Sound player")).to_have_count(0)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_where_no_reply_can_be_had_the_journey_goes_on(reading: Visit, status: int) -> None:
    refusal = {"error": "Please try again in a moment.", "code": "busy"}
    reading.is_network_broken = True
    reading.page.route(REPLIES, lambda route: route.fulfill(status=status, json=refusal))
    reading.answer(CANARY)
    expect(reading.page.locator("[data-reply-words]")).to_have_text(SORRY)
    reading.press("Continue")
    expect(reading.title).to_have_text("The People Around You")
    assert boxes_on(reading) == [CANARY]


def test_a_network_that_goes_in_mid_answer_takes_no_word_and_stops_nobody(visit: Visit) -> None:
    visit.begin().press("Continue")
    visit.expect_sound()
    visit.box.press_sequentially("We lived above ")
    visit.is_network_broken = True
    visit.page.context.set_offline(True)
    visit.page.route(REPLIES, lambda route: route.abort())  # a stand-in answers without a network, too
    expect(visit.message).to_have_text(
        "No internet. Your words are safe on this page; keep it open. You can read and write on."
    )
    visit.box.press_sequentially("the bakery.")
    visit.press("Save and continue")
    expect(visit.page.locator("[data-reply-words]")).to_have_text(SORRY)
    for _ in range(9):
        visit.press("Continue" if visit.button("Continue").is_visible() else "Skip this question")
        expect(visit.button("Skip this question")).to_be_visible()
    visit.press("Skip this question")
    visit.press("Continue")
    expect(visit.title).to_have_text("You have reached the end.")
    assert boxes_on(visit) == ["We lived above the bakery."]


# --- safety ----------------------------------------------------------------------------------------------
def test_an_urgent_answer_opens_the_safety_screen_with_three_equal_ways(visit: Visit) -> None:
    visit.begin().press("Continue")
    visit.answer(URGENT_ANSWER)
    expect(visit.title).to_have_text(SAFETY)
    expect(visit.title).to_be_focused()
    visit.expect_sound()
    call = visit.page.get_by_role("link", name="Call now")
    expect(call).to_have_attribute("href", "tel:116123")
    ways = [call, visit.button("Rest for now"), visit.button("I am all right, carry on")]
    sizes = {(box["width"], box["height"]) for way in ways if (box := way.bounding_box())}
    assert len(sizes) == 1
    expect(visit.page.locator("section.safety")).to_contain_text("In danger or ill? Call 999.")
    visit.press("I am all right, carry on")
    expect(visit.title).to_have_text("The People Around You")


def test_on_a_phone_the_three_ways_and_the_first_words_are_in_sight_at_once(make_visit: MakeVisit) -> None:
    upright, across = (390, 664), (844, 390)
    visit = make_visit(*upright)
    visit.begin_to_read().press("Continue")
    visit.answer(URGENT_ANSWER)
    for width, height in (upright, across):
        visit.page.set_viewport_size({"width": width, "height": height})
        expect(visit.title).to_be_in_viewport(ratio=1)
        expect(visit.page.get_by_text("Thank you for saying that.")).to_be_in_viewport(ratio=1)
        expect(visit.page.get_by_role("link", name="Call now")).to_be_in_viewport(ratio=1)
        for name in ("Rest for now", "I am all right, carry on"):
            expect(visit.button(name)).to_be_in_viewport(ratio=1)


def test_after_a_heavy_answer_the_help_line_is_there_quietly(reading: Visit) -> None:
    reading.answer(HEAVY_ANSWER)
    expect(reading.page.locator("[data-reply-help]")).to_contain_text("Call Samaritans: 116 123")
    expect(reading.title).to_have_text("A few words about your answer")
    reading.press("Continue")
    reading.answer("We danced in the kitchen every Saturday.")
    wait_until(lambda: bool(words_of(reading.page)), "a reply")
    expect(reading.page.locator("[data-reply-help]")).to_be_hidden()


def test_a_heavy_answer_shows_no_help_line_where_the_care_team_has_switched_it_off(reading: Visit) -> None:
    help_line = reading.page.locator("[data-reply-help]")
    assert help_line.get_attribute("data-levels") == "urgent heavy"
    help_line.evaluate("element => { element.dataset.levels = 'urgent' }")  # as HELP_AFTER_HEAVY=false has it
    reading.answer(HEAVY_ANSWER)
    wait_until(lambda: bool(words_of(reading.page)), "a reply")
    expect(help_line).to_be_hidden()


def test_a_cry_for_help_in_a_very_long_answer_opens_the_safety_screen(reading: Visit) -> None:
    for length in (21_000, 90_000):
        words = "We sang in the yard and had bread. " * (length // 35)
        reading.answer(f"{words}{URGENT_ANSWER} {words[:5_000]}")
        expect(reading.title).to_have_text(SAFETY)
        reading.press("I am all right, carry on")
        expect(reading.title).not_to_have_text(SAFETY)


def test_a_very_long_answer_that_gets_no_reply_shows_quietly_whom_to_call_and_goes_on(reading: Visit) -> None:
    words = "We sang in the yard and had bread. " * 700
    reading.is_network_broken = True  # the browser notes that it was refused
    reading.answer(words)
    expect(reading.page.locator("[data-reply-words]")).to_have_text(SORRY)
    expect(reading.page.locator("[data-reply-help]")).to_contain_text("Call Samaritans: 116 123")
    reading.press("Continue")
    expect(reading.title).to_have_text("The People Around You")
    assert boxes_on(reading) == [words]


def test_rest_for_now_comes_back_to_the_safety_screen(reading: Visit) -> None:
    reading.answer(URGENT_ANSWER)
    reading.press("Rest for now")
    expect(reading.title).to_have_text("A short rest")
    reading.press("Carry on")
    expect(reading.title).to_have_text(SAFETY)


# --- the end ---------------------------------------------------------------------------------------------
def at_the_finish(visit: Visit) -> Visit:
    visit.answer(CANARY)
    wait_until(lambda: bool(words_of(visit.page)), "a reply")
    visit.jump("finish")
    return visit


def test_finish_and_clear_leaves_nothing_in_the_browser_or_on_the_page(reading: Visit) -> None:
    at_the_finish(reading).press("Finish and clear this device")
    reading.press("No, go back")
    assert boxes_on(reading) == [CANARY]
    reading.press("Finish and clear this device")
    reading.press("Yes, clear everything")
    expect(reading.title).to_have_text("Your life story, at your own pace")
    expect(reading.page.get_by_text("This device is clear.")).to_be_visible()
    assert reading.stored() == []
    reading.page.go_back()
    reading.page.wait_for_timeout(1500)  # no draft is kept late
    expect(reading.title).to_have_text("Your life story, at your own pace")
    assert boxes_on(reading) == []
    assert CANARY not in reading.page.content()
    assert not any("zanzibar" in kept for kept in reading.stored())


EVERYTHING_STORED = """
  async () => {
    const kept = [localStorage, sessionStorage].map((store) => JSON.stringify({ ...store }));
    for (const { name } of await indexedDB.databases()) kept.push(`database ${name}`);
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys()) kept.push(`cache ${name} ${url}`);
    }
    kept.push(JSON.stringify(history.state), document.cookie, window.name, location.href, document.title);
    kept.push(...performance.getEntries().map(({ name }) => name));
    if (navigator.storage.getDirectory) {
      for await (const name of (await navigator.storage.getDirectory()).keys()) kept.push(`file ${name}`);
    }
    return kept;
  }
"""


@pytest.mark.parametrize("way", ["Finish and clear this device", "I am someone else"])
def test_no_store_of_the_browser_and_no_step_of_its_history_holds_a_word_after_clearing(
    visit: Visit, way: str
) -> None:
    """Local and session storage, IndexedDB, Cache Storage, private files, history, cookies and addresses."""
    page = visit.page
    quoting = "It sounds as though the zanzibar bakery was home. Thank you for telling it."
    audio = {"url": "data:audio/mpeg;base64,AAAA", "content_hash": None, "ready": True, "duration_ms": 9}
    personal = reply({**audio, "bytes": 3, "content_type": "audio/mpeg"}, text=quoting, source="model")
    page.route(REPLIES, lambda route: route.fulfill(json=personal))
    visit.begin_to_read().press("Continue")
    visit.answer(CANARY)
    expect(page.locator("[data-reply-words]")).to_have_text(quoting)
    assert any("zanzibar" in kept for kept in page.evaluate(EVERYTHING_STORED))
    visit.press("Continue")
    visit.box.fill("And zanzibar was the word for it.")
    if way == "I am someone else":
        page.reload()
        visit.wait_until_open().press(way)
    else:
        visit.press("I need a break or help")
        visit.press(way)
        visit.press("Yes, clear everything")
    expect(visit.title).to_have_text("Your life story, at your own pace")

    assert visit.stored() == []
    for _ in range(page.evaluate("history.length") - 1):  # the first step is the empty page of a new tab
        assert [kept for kept in page.evaluate(EVERYTHING_STORED) if "zanzibar" in kept] == []
        assert "zanzibar" not in page.content()
        assert boxes_on(visit) == []
        assert set(page.evaluate("Object.keys(history.state)")) == {"place", "visitor"}
        page.go_back()
        page.wait_for_timeout(100)


def test_somebody_else_begins_only_once_everything_is_cleared(make_visit: MakeVisit) -> None:
    """Also without a network, and also what the last person had chosen."""
    visit = make_visit()
    visit.begin()
    visit.button("A++, very large text").click()
    visit.page.get_by_label("Speed").select_option("Slower")
    visit.press("Continue")
    visit.answer(CANARY)
    expect(visit.page.locator("[data-reply-words]")).not_to_be_empty()
    words = words_of(visit.page)
    visit.page.reload()
    visit.wait_until_open()
    visit.page.context.set_offline(True)
    visit.is_network_broken = True
    visit.page.evaluate(
        """() => {
          window.atTheStart = [];
          const start = document.querySelector('[data-screen="start"]');
          new MutationObserver(() => start.hidden || atTheStart.push(document.body.innerHTML)).observe(
            start, { attributes: true, attributeFilter: ["hidden"] });
        }"""
    )
    visit.press("I am someone else")
    expect(visit.page.get_by_text("Everything that was written here is cleared.")).to_be_visible()
    (seen,) = visit.page.evaluate("atTheStart")  # as soon as the start shows, nothing else is left
    assert words not in seen
    assert visit.stored() == []
    assert boxes_on(visit) == []
    assert visit.page.evaluate("seen.kept") == 0  # no sound either
    assert visit.page.evaluate("document.documentElement.dataset.size") == "1"
    visit.page.context.set_offline(False)
    visit.press("Begin")
    visit.press("I agree, continue")
    expect(visit.page.get_by_label("How fast")).to_have_value("1")
    visit.press("I can hear it")
    visit.press("Continue")
    expect(visit.box).to_have_value("")


def test_clearing_the_device_needs_no_network_and_clears_other_tabs(make_visit: MakeVisit) -> None:
    first = make_visit()
    first.begin_to_read().press("Continue")
    first.box.fill(CANARY)
    second = make_visit(beside=first)
    second.begin_to_read().press("Continue")
    second.box.fill(CANARY)
    second.page.context.set_offline(True)
    second.press("I need a break or help")
    second.press("Finish and clear this device")
    second.press("Yes, clear everything")
    for visit in (first, second):
        expect(visit.title).to_have_text("Your life story, at your own pace")
        assert visit.stored() == []
        assert boxes_on(visit) == []


def test_from_the_end_a_listener_can_add_to_an_answer(reading: Visit) -> None:
    at_the_finish(reading).press("Add to an answer")
    reading.press("1. Where It Began")
    expect(reading.box).to_have_value(CANARY)
    reading.answer(f"{CANARY} It smelled of bread.")
    wait_until(lambda: bool(words_of(reading.page)), "a reply")
    reading.press("Continue")
    expect(reading.title).to_have_text("You have reached the end.")


def test_the_keepsake_is_one_file_that_reads_aloud_without_a_network(
    visit: Visit, browser: Browser, tmp_path: Path
) -> None:
    visit.begin().press("Continue")
    visit.answer(f"{CANARY} <b>& more</b>")
    visit.expect_sound()
    visit.jump("finish")
    visit.press("Print or save my story")
    expect(visit.page.get_by_text("cannot remove a file that you save here")).to_be_visible()
    with visit.page.expect_download() as download:
        visit.press("Save as a page that reads aloud")
    file = tmp_path / "story.html"
    download.value.save_as(file)
    expect(visit.page.get_by_text("Your story was saved.")).to_be_visible()

    context = browser.new_context(offline=True)
    page = context.new_page()
    urls: list[Any] = []
    page.on("request", lambda request: None if request.url.startswith("data:") else urls.append(request.url))
    page.goto(file.as_uri())
    expect(page.get_by_text(f"{CANARY} <b>& more</b>", exact=True)).to_be_visible()
    expect(page.locator(".reply")).to_have_count(1)
    expect(page.locator("audio")).to_have_count(13)  # twelve narratives and a reply
    page.get_by_role("button", name="Read it all aloud").click()
    wait_until(lambda: page.evaluate("document.querySelector('audio').currentTime") > 0.2, "sound")
    assert urls == [file.as_uri()]
    context.close()


@pytest.mark.parametrize("road", ["the end", "help", "clearing"])
def test_before_anything_is_saved_the_page_says_that_clearing_cannot_remove_a_file(
    make_visit: MakeVisit, road: str
) -> None:
    visit = make_visit(390, 664)
    visit.begin_to_read().press("Continue")
    visit.box.fill(CANARY)
    if road == "the end":
        visit.jump("finish")
        visit.press("Print or save my story")
    else:
        visit.press("I need a break or help")
        visit.press("Print or save my story" if road == "help" else "Finish and clear this device")
        if road == "clearing":
            visit.press("Print or save my story first")
    warning = visit.page.locator("p.warning:visible")
    expect(warning).to_contain_text("Is this device shared with others?")
    expect(warning).to_contain_text("“Finish and clear” cannot remove a file that you save here.")
    expect(warning).to_be_in_viewport(ratio=1)
    above = warning.bounding_box()
    assert above is not None
    for name in ("Save as text", "Save as a page that reads aloud"):
        below = visit.button(name).bounding_box()
        assert below is not None
        assert above["y"] + above["height"] <= below["y"]


def test_a_listener_who_reads_without_sound_saves_a_page_without_sound(
    reading: Visit, tmp_path: Path
) -> None:
    at_the_finish(reading).press("Print or save my story")
    with reading.page.expect_download() as download:
        reading.press("Save as a page that reads aloud")
    page = Path(download.value.path()).read_text()
    assert CANARY in page
    assert "<audio" not in page
    assert reading.requests_to("/api/audio/") == []


def test_the_story_is_saved_as_text_and_printed_with_answers_and_replies(reading: Visit) -> None:
    at_the_finish(reading).press("Print or save my story")
    with reading.page.expect_download() as download:
        reading.press("Save as text")
    text = Path(download.value.path()).read_text()
    places = [text.index(each) for each in ("Question 1 of 10: Where It Began", CANARY, "Question 2 of 10")]
    assert places == sorted(places)
    sent = len(reading.requests_to(""))
    reading.page.emulate_media(media="print")
    reading.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(reading.page.locator(".story .answer")).to_have_text(CANARY)
    expect(reading.page.locator(".story .reply")).to_be_visible()
    expect(reading.page.locator(".screen:visible")).to_have_count(0)
    reading.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert reading.page.locator(".story").inner_text() == ""
    assert len(reading.requests_to("")) == sent
