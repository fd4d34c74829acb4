"""Every trouble that people had with the listener's page has a test that fails when it comes back."""

from __future__ import annotations

import itertools
import re
import time
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from harness import http
from harness.listener_visit import MakeVisit, Visit
from harness.site import Site
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

PHONES = [(844, 390), (390, 664)]
SLOW_BYTES_PER_SECOND = 50_000
# Its first 400 bytes are ones, and then the connection ends; the rest, or all of another clip, are twos.
READ_A_CLIP_THAT_IS_CUT = """
  async (isSame) => {
    const scripts = performance.getEntriesByType("resource").map(({ name }) => name);
    const { readClip } = await import(scripts.find((name) => /narratives.api[.]/.test(name)));
    const asked = [];
    window.fetch = async (address, { headers }) => {
      asked.push(headers.Range || "");
      const isFirst = asked.length === 1;
      const [status, length] = isFirst ? [200, 400] : isSame ? [206, 600] : [200, 1000];
      let isSent = false;
      const pull = (stream) => {
        if (isSent && isFirst) stream.error(new TypeError("cut off"));
        else if (isSent) stream.close();
        else stream.enqueue(new Uint8Array(length).fill(isFirst ? 1 : 2));
        isSent = true;
      };
      const body = new ReadableStream({ pull }, { highWaterMark: 0 });
      return new Response(body, { status, headers: { ETag: '"one"' } });
    };
    let read = [];
    const sink = {
      bytes: 0,
      etag: "",
      add(part) { read.push(...part); sink.bytes += part.length; },
      restart() { read = []; sink.bytes = 0; },
    };
    await readClip({ find: async () => ({ url: "/api/audio/some.mp3" }) }, sink, [0]);
    return [asked, read];
  }
"""
BLOCKED = """
  HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException("no", "NotAllowedError"));
"""


def scrolled(page: Page) -> float:
    position: float = page.evaluate("window.scrollY")
    return position


def hear_sentence(visit: Visit, words: str, second: float) -> None:
    """Move the voice to where it says these words."""
    visit.page.get_by_role("slider").evaluate(
        "(bar, second) => { bar.value = second; bar.dispatchEvent(new Event('input')); }", second
    )
    expect(visit.page.locator(".sentence.current")).to_contain_text(words)


def test_the_skip_link_leads_to_the_answer_and_keeps_the_place(visit: Visit) -> None:
    page = visit.begin_to_read().page
    visit.press("Continue")
    link = page.get_by_role("link", name="Skip to your answer")
    link.focus()
    page.keyboard.press("Enter")
    expect(visit.box).to_be_focused()
    expect(visit.title).to_have_text("Where It Began")
    assert page.url == visit.url


def test_a_change_of_the_address_that_names_no_place_leaves_the_listener_where_they_are(visit: Visit) -> None:
    visit.begin_to_read()
    visit.page.evaluate("location.hash = 'main'")
    visit.page.go_back()
    visit.page.wait_for_timeout(200)
    expect(visit.title).to_have_text("Welcome")


def test_the_page_never_moves_again_by_itself_once_the_listener_has_moved_it(make_visit: MakeVisit) -> None:
    visit = make_visit(390, 664)
    visit.begin().expect_sound()
    hear_sentence(visit, "Make yourself comfortable", 30)
    wait_until(lambda: scrolled(visit.page) > 0, "a page that follows the voice")
    visit.page.wait_for_timeout(700)
    visit.page.mouse.move(200, 300)
    visit.page.mouse.wheel(0, -2000)
    wait_until(lambda: scrolled(visit.page) == 0, "the beginning of the page")
    for words, second in (("Make yourself comfortable", 36), ("You can read instead", 22)):
        hear_sentence(visit, words, second)
    visit.page.wait_for_timeout(500)
    assert scrolled(visit.page) == 0


def test_pause_and_the_way_on_are_in_reach_wherever_the_page_is(visit: Visit) -> None:
    visit.begin().expect_sound()
    for name in ("Continue", "Save and continue"):
        for (width, height), part in itertools.product(PHONES, (0, 0.5, 1)):
            visit.page.set_viewport_size({"width": width, "height": height})
            visit.page.evaluate(
                "part => window.scrollTo(0, part * document.documentElement.scrollHeight)", part
            )
            expect(visit.play).to_be_in_viewport(ratio=1)
            if part == 0:
                expect(visit.button(name)).to_be_in_viewport(ratio=1)
        if name == "Continue":
            visit.press(name)
            visit.expect_sound()


def test_the_sentence_that_is_heard_is_behind_no_button(make_visit: MakeVisit) -> None:
    for width, height in PHONES:
        visit = make_visit(width, height)
        visit.begin().expect_sound()
        hear_sentence(visit, "Make yourself comfortable", 30)
        sentence = visit.page.locator(".sentence.current")
        expect(sentence).to_be_in_viewport(ratio=1)

        def is_above_the_buttons(visit: Visit = visit) -> bool:
            words = visit.page.locator(".sentence.current").bounding_box()
            bars = [visit.play.bounding_box(), visit.button("Continue").bounding_box()]
            return words is not None and all(bar and words["y"] + words["height"] <= bar["y"] for bar in bars)

        wait_until(is_above_the_buttons, "a sentence that nothing hides")
        visit.page.close()


def test_the_large_button_that_the_voice_speaks_of_is_the_way_on(make_visit: MakeVisit) -> None:
    visit = make_visit(390, 664)
    visit.begin().expect_sound()
    expect(visit.page.get_by_text("press the large button")).to_be_attached()
    filled = visit.page.locator(".primary:visible")
    expect(filled).to_have_text("Continue")
    areas = visit.page.locator("button:visible").evaluate_all(
        "all => Object.fromEntries(all.map((b) => [b.innerText.trim(), b.offsetWidth * b.offsetHeight]))"
    )
    assert max(areas, key=lambda name: areas[name]) == "Continue"
    assert areas["Continue"] > areas["Pause"]


def test_a_break_help_another_voice_a_new_start_and_the_end_are_reachable_from_every_screen(
    visit: Visit,
) -> None:
    ways = ["Take a break", "Another voice, or larger words", "Start again from the beginning"]
    ways.append("Finish and clear this device")
    boxes = set()
    for name in visit.screens():
        button = visit.button("I need a break or help")
        expect(button, name).to_be_visible()
        box = button.bounding_box()
        assert box is not None
        boxes.add((round(box["x"]), round(box["y"] + scrolled(visit.page))))
        if name == "help":
            for way in ways:
                expect(visit.button(way)).to_be_visible()
    assert len(boxes) == 1  # the same place on all of them


def test_not_now_is_as_much_in_sight_as_to_agree(make_visit: MakeVisit) -> None:
    visit = make_visit(*PHONES[0])
    visit.open().press("Begin")
    for width, height in PHONES:
        visit.page.set_viewport_size({"width": width, "height": height})
        for name in ("I agree, continue", "Not now"):
            expect(visit.button(name)).to_be_in_viewport(ratio=1)


def test_from_help_one_comes_back_to_the_words_one_was_writing(visit: Visit) -> None:
    visit.begin_to_read().press("Continue")
    visit.box.fill("We lived above the bakery.")
    visit.press("I need a break or help")
    visit.press("Another voice, or larger words")
    visit.press("Continue")
    expect(visit.title).to_have_text("Where It Began")
    expect(visit.box).to_have_value("We lived above the bakery.")


def test_the_next_person_on_a_shared_tablet_sees_no_word_of_the_last_one(
    visit: Visit,
) -> None:
    visit.begin_to_read().press("Continue")
    visit.box.fill("We lived above the bakery.")
    visit.page.reload()
    visit.wait_until_open()
    expect(visit.title).to_have_text("Welcome back.")
    expect(visit.button("Carry on at question 1")).to_be_visible()
    assert "bakery" not in visit.page.locator("body").inner_text()
    visit.page.go_back()  # the last person's question
    visit.page.wait_for_timeout(200)
    expect(visit.title).to_have_text("Welcome back.")
    visit.press("I need a break or help")
    expect(visit.button("Print or save my story")).to_have_count(0)
    visit.press("Carry on")
    visit.press("I am someone else")
    expect(visit.title).to_have_text("Your life story, at your own pace")
    assert visit.stored() == []
    assert visit.page.locator("textarea").evaluate_all("all => all.map((box) => box.value).join('')") == ""


def test_coming_back_from_another_page_shows_no_word_either(visit: Visit) -> None:
    visit.begin_to_read().press("Continue")
    visit.box.fill("We lived above the bakery.")
    visit.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(visit.title).to_have_text("Welcome back.")
    assert "bakery" not in visit.page.locator("body").inner_text()
    visit.press("Carry on at question 1")
    expect(visit.box).to_have_value("We lived above the bakery.")


@pytest.mark.parametrize("has_channel", [True, False])
def test_two_tabs_never_speak_at_once(make_visit: MakeVisit, has_channel: bool) -> None:
    first = make_visit()
    if not has_channel:
        first.page.context.add_init_script("window.BroadcastChannel = undefined;")
    first.begin().expect_sound()
    second = make_visit(beside=first)
    second.begin().expect_sound()
    expect(first.play).to_have_text("Go on")
    assert first.is_silent()
    first.play.click()
    expect(second.play).to_have_text("Go on")


def test_blocked_sound_says_something_new_after_a_press(visit: Visit) -> None:
    visit.page.add_init_script(BLOCKED)
    visit.begin()
    expect(visit.message).to_have_text("Press Listen when you are ready.")
    visit.play.click()
    expect(visit.play).to_have_text("Try the sound again")
    expect(visit.message).to_contain_text("This browser does not let the sound through.")
    visit.press("Continue")
    expect(visit.title).to_have_text("Where It Began")


@pytest.mark.parametrize("streams", [True, False])
def test_on_a_slow_connection_sound_begins_before_all_of_it_is_there(
    make_visit: MakeVisit, site: Site, streams: bool
) -> None:
    visit = make_visit()
    if not streams:
        visit.page.add_init_script("window.MediaSource = undefined;")
    visit.open().press("Begin")
    visit.press("I agree, continue")
    network = visit.page.context.new_cdp_session(visit.page)
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": SLOW_BYTES_PER_SECOND}
    network.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": SLOW_BYTES_PER_SECOND})
    finished: list[str] = []
    visit.page.on("requestfinished", lambda request: finished.append(request.url))
    if streams:
        pressed = time.monotonic()
        visit.press("I can hear it")
        wait_until(lambda: visit.seconds_played() > 0, "sound", seconds=6)
        sounded = time.monotonic() - pressed
        wait_until(lambda: visit.seconds_played() > 0.5, "sound that goes on", seconds=6)
        assert not [address for address in finished if "/api/audio/" in address]
        expect(visit.page.locator(".sentence.current")).to_have_count(1)
        with suppress(TimeoutError):  # the end is measured only: a busy machine may take longer
            wait_until(lambda: [each for each in finished if "/api/audio/" in each], "all of it", seconds=30)
        print(
            f"at {SLOW_BYTES_PER_SECOND:,} bytes a second the introduction sounds {sounded:.1f} s after"
            f" the press; all of it has come after {time.monotonic() - pressed:.1f} s"
        )
    else:
        visit.page.get_by_role("button", name="sample A woman's voice").click()
        wait_until(lambda: visit.seconds_played() > 0.1, "sound", seconds=20)
        assert [address for address in finished if "/api/audio/" in address]


def test_a_clip_that_is_cut_off_is_read_on_or_anew_if_its_bytes_have_changed(visit: Visit) -> None:
    visit.open()
    for is_same in (True, False):
        ranges, read = visit.page.evaluate(READ_A_CLIP_THAT_IS_CUT, is_same)
        assert ranges == ["", "bytes=400-"]
        assert read == ([1] * 400 + [2] * 600 if is_same else [2] * 1000)


def test_an_address_that_is_not_here_has_a_kind_page_with_a_way_to_the_start(
    make_visit: MakeVisit, site: Site
) -> None:
    for path in ("/nowhere", "/?journey=nowhere"):
        visit = make_visit(path=path)
        visit.is_network_broken = True  # the browser notes the 404
        answer = visit.page.goto(visit.url)
        assert answer is not None
        assert answer.status == 404
        expect(visit.title).to_have_text("This page is not here")
        visit.page.get_by_role("link", name="Go to the start").click()
        visit.wait_until_open()
        assert re.fullmatch(re.escape(site.url) + "/?", visit.page.url)
    assert http.get(f"{site.url}/api/nowhere").json()["code"] == "not_found"
