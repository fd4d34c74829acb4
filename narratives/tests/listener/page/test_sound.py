"""The listener's page in a real browser, in which sound waits for a person's press, as at home."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Route, expect

from harness import http
from harness.listener_visit import Visit, listed_narratives
from harness.site import Site
from harness.waiting import wait_until
from ttscache.audio import cues

pytestmark = [pytest.mark.site, pytest.mark.any_database]

AUDIO = "**/api/audio/**"


def sound_of(narrative: dict[str, object]) -> str:
    """The address of its clip; until the clip is made, there is no version to it."""
    return f"/api/audio/{narrative['audio']['content_hash']}.mp3"  # type: ignore[index]


# --- hearing ---------------------------------------------------------------------------------------------
def test_nothing_sounds_before_a_press(visit: Visit) -> None:
    visit.open().page.wait_for_timeout(500)

    assert visit.requests_to("/api/") == []
    assert visit.page.evaluate("document.querySelector('[data-audio]').getAttribute('src')") is None
    expect(visit.title).to_have_text("Your life story, at your own pace")


def test_begin_plays_the_intro_with_its_words_on_the_screen(visit: Visit, site: Site) -> None:
    visit.begin()

    expect(visit.title).to_have_text("Welcome")
    expect(visit.title).to_be_focused()
    visit.expect_sound()
    for sentence in re.split(r"(?<=[.!?]) ", listed_narratives(site.url)[0]["text"]):
        expect(visit.page.get_by_text(sentence, exact=True)).to_be_visible()
    expect(visit.page.locator(".sentence.current")).to_have_text("Welcome, and thank you for being here.")
    wait_until(lambda: visit.seconds_played() > 0.3, "sound that goes on")
    assert "NotAllowedError" not in visit.page.evaluate("seen.refused")


def test_all_sound_uses_one_element_that_starts_inside_the_press(visit: Visit) -> None:
    """Phones demand this. The tests have no phone, and Chromium is content with less."""
    visit.begin().expect_sound()
    visit.press("Continue")
    visit.expect_sound()
    assert visit.page.evaluate("seen.startedIn[0]") == "click"
    assert visit.page.evaluate("seen.elements.size") == 1


def test_the_highlight_follows_the_voice(visit: Visit) -> None:
    visit.begin()
    visit.expect_sound()
    visit.page.get_by_role("slider").fill("25")

    expect(visit.page.locator(".sentence.current")).to_contain_text("You can read instead of listening")


def test_the_highlight_follows_the_cues_of_the_clip_where_it_has_some(visit: Visit) -> None:
    html = http.get(visit.url).body.decode()
    before, opening, rest = html.partition('<script id="playlist" type="application/json">')
    listed, closing, after = rest.partition("</script>")
    playlist = json.loads(listed)
    intro = playlist["narratives"][0]
    sentences = cues(intro["text"], 1000)
    ends = [
        100,
        *(60_000 for _ in sentences[1:]),
    ]  # the second is heard for long
    intro["audio"]["cues"] = [
        {"start_ms": 0, "end_ms": end, "start": cue.first_char, "end": cue.last_char + 1}
        for cue, end in zip(sentences, ends, strict=True)
    ]
    changed = "".join((before, opening, json.dumps(playlist), closing, after))
    visit.page.route(visit.url, lambda route: route.fulfill(body=changed, content_type="text/html"))
    visit.begin().expect_sound()
    expect(visit.page.locator(".sentence.current")).to_contain_text("The voice you are hearing")
    visit.page.get_by_role("slider").fill("25")
    visit.page.wait_for_timeout(300)
    expect(visit.page.locator(".sentence.current")).to_contain_text("The voice you are hearing")


def test_the_next_clip_is_fetched_while_one_plays(visit: Visit, site: Site) -> None:
    intro, question = listed_narratives(site.url)[:2]
    with visit.page.expect_request(lambda request: sound_of(question) in request.url):
        visit.begin()
        visit.expect_sound()
    assert len(visit.requests_to(sound_of(intro))) == 1
    assert len(visit.requests_to("/api/audio/")) == 2


def test_the_play_button_says_what_it_does(visit: Visit) -> None:
    visit.begin()
    visit.press("Continue")
    visit.expect_sound()
    visit.play.click()
    expect(visit.play).to_have_text("Go on")
    visit.play.click()
    visit.expect_sound()
    visit.page.keyboard.press("Escape")
    expect(visit.play).to_have_text("Go on")
    visit.page.get_by_role("slider").press("End")
    visit.play.click()
    expect(visit.play).to_have_text("Hear again")
    expect(visit.play).to_be_focused()
    expect(visit.button("Hear again")).to_have_count(1)
    visit.play.click()
    visit.expect_sound()
    expect(visit.title).to_have_text("Where It Began")


def test_keys_work_inside_the_player(visit: Visit) -> None:
    visit.begin()
    visit.expect_sound()
    visit.play.press("ArrowRight")
    wait_until(lambda: visit.seconds_played() >= 5, "five seconds further on")
    visit.play.press("Home")
    wait_until(lambda: visit.seconds_played() < 3, "the beginning")
    visit.play.press("+")
    expect(visit.page.get_by_label("Speed")).to_have_value("1.1")
    assert visit.page.evaluate("document.querySelector('[data-audio]').playbackRate") == 1.1
    expect(visit.page.get_by_role("slider")).to_have_attribute(
        "aria-valuetext", re.compile(r"\d+ of \d+ seconds")
    )


def test_a_trembling_hand_does_not_skip_a_question(visit: Visit) -> None:
    visit.begin().rest()
    visit.button("Continue").dblclick()
    visit.expect_sound()
    expect(visit.title).to_have_text("Where It Began")


# --- choosing --------------------------------------------------------------------------------------------
def comfort(visit: Visit) -> Visit:
    visit.open().press("Begin")
    visit.press("I agree, continue")
    return visit


def test_choosing_a_voice_has_it_made_once_and_plays_it(visit: Visit, site: Site) -> None:
    page = comfort(visit).page
    for name in ("A man's voice", "A woman's voice", "A man's voice"):
        page.get_by_role("radio", name=name).check()
    visit.press("I can hear it")
    visit.expect_sound()

    posted = [request.post_data_json for request in visit.requests_to("/api/pre-cache-narratives")]
    journey = http.get(f"{site.url}/api/narratives").json()["journey"]
    assert posted == [{"voice": voice, "journey": journey} for voice in ("nova", "onyx")]
    assert visit.requests_to(sound_of(listed_narratives(site.url, "onyx")[0]))
    assert not visit.requests_to(sound_of(listed_narratives(site.url)[0]))


def test_a_sample_of_each_voice_can_be_heard_and_stopped(visit: Visit) -> None:
    page = comfort(visit).page
    man = page.get_by_role("button", name="sample A man's voice")
    man.click()
    expect(man).to_have_text(re.compile("Stop the sample"))
    page.get_by_role("button", name="sample A woman's voice").click()
    expect(man).to_have_text(re.compile("Hear a sample"))
    page.get_by_role("button", name="Stop the sample A woman's voice").click()
    expect(page.get_by_role("button", name="Stop the sample")).to_have_count(0)
    assert visit.is_silent()


def test_the_voice_of_the_last_sample_tells_the_story(visit: Visit, site: Site) -> None:
    page = comfort(visit).page
    page.get_by_role("button", name="sample A man's voice").click()
    expect(page.get_by_role("radio", name="A man's voice")).to_be_checked()
    visit.press("I can hear it")
    visit.expect_sound()
    assert visit.requests_to(sound_of(listed_narratives(site.url, "onyx")[0]))


def test_with_a_screen_reader_the_voice_waits(visit: Visit) -> None:
    comfort(visit).page.get_by_role("checkbox", name="I use a screen reader").check()
    visit.press("I can hear it")
    expect(visit.message).to_have_text("Press Listen when you are ready.")
    expect(visit.play).to_have_text("Listen")
    assert visit.requests_to("/api/audio/") == []
    visit.play.click()
    visit.expect_sound()


def test_size_speed_and_voice_are_remembered(visit: Visit) -> None:
    page = comfort(visit).page
    page.get_by_role("radio", name="A man's voice").check()
    visit.button("A++, very large text").click()
    visit.press("I can hear it")
    page.get_by_label("Speed").select_option("Slower")
    page.reload()
    visit.wait_until_open().press("Carry on")
    expect(visit.button("A++, very large text")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "24px"
    expect(page.get_by_label("Speed")).to_have_value("0.75")
    visit.press("I need a break or help")
    visit.press("Another voice, or larger words")
    expect(page.get_by_role("radio", name="A man's voice")).to_be_checked()


def test_reading_without_sound_never_asks_for_sound(visit: Visit) -> None:
    visit.begin_to_read(agrees=False)
    for title in ("Welcome", "Where It Began"):
        expect(visit.title).to_have_text(title)
        expect(visit.page.get_by_role("group", name="Sound player")).to_have_count(0)
        visit.press("Continue")
    visit.page.reload()
    visit.wait_until_open().press("Carry on at question 2")
    expect(visit.title).to_have_text("The People Around You")
    assert visit.requests_to("/api/") == []
    visit.press("Turn the sound on")
    visit.expect_sound()


def test_a_listener_who_turns_to_reading_hears_no_more(visit: Visit) -> None:
    visit.begin().expect_sound()
    visit.press("I need a break or help")
    visit.press("Start again from the beginning")
    visit.press("Read without sound")
    visit.page.wait_for_timeout(300)
    assert visit.is_silent()


# --- coming back -----------------------------------------------------------------------------------------
def test_the_browsers_back_button_goes_one_screen_back(visit: Visit) -> None:
    visit.begin().press("Continue")
    expect(visit.title).to_have_text("Where It Began")
    visit.page.go_back()
    expect(visit.title).to_have_text("Welcome")
    visit.page.go_back()
    expect(visit.title).to_have_text("Make yourself comfortable")
    assert visit.is_silent()


def test_the_page_works_where_the_browser_may_remember_nothing(visit: Visit) -> None:
    visit.page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    visit.begin().expect_sound()
    visit.press("Continue")
    visit.answer("We lived above the bakery.")
    expect(visit.page.locator("[data-reply-words]")).not_to_be_empty()
    visit.press("I need a break or help")
    visit.press("Carry on")
    expect(visit.title).to_have_text("A few words about your answer")


# --- when sound fails ------------------------------------------------------------------------------------
def test_lost_sound_blocks_nobody(visit: Visit, site: Site) -> None:
    visit.is_network_broken = True
    visit.page.route(AUDIO, lambda route: route.abort())
    visit.begin()
    for narrative in listed_narratives(site.url)[:3]:
        expect(visit.title).to_have_text(narrative["title"])
        expect(visit.button("Continue").or_(visit.button("Save and continue"))).to_be_in_viewport(ratio=1)
        visit.press("Continue" if narrative["kind"] == "intro" else "Skip this question")
    expect(visit.play).to_have_text("Try the sound again")
    expect(visit.message).to_have_text(
        "The sound is not working just now. You can read the words and carry on."
    )
    expect(visit.title).to_be_focused()
    visit.page.unroute(AUDIO)
    visit.play.click()
    visit.expect_sound()


def test_a_clip_that_the_cdn_does_not_give_comes_from_this_site(visit: Visit) -> None:
    html = (
        http.get(visit.url).body.decode().replace('"url": "/api/audio/', '"url": "https://cdn.example.org/')
    )
    visit.page.route(visit.url, lambda route: route.fulfill(body=html, content_type="text/html"))
    visit.is_network_broken = True
    visit.page.route("https://cdn.example.org/**", lambda route: route.abort())
    visit.begin()
    visit.expect_sound()
    assert visit.requests_to("cdn.example.org")


def test_a_busy_server_is_asked_again(visit: Visit) -> None:
    answers = iter([503, 502])

    def answer(route: Route) -> None:
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status)

    visit.page.route(AUDIO, answer)
    visit.begin()
    expect(visit.play).to_have_text("Pause")
    visit.complaints = [each for each in visit.complaints if not re.search("50[23]", each)]


@pytest.mark.parametrize(
    ("is_ready", "message"),
    [
        (True, "The connection is slow. You can read the words above."),
        (False, "Getting the voice ready. You can read it meanwhile."),
    ],
)
def test_a_listener_who_has_to_wait_is_told(visit: Visit, site: Site, is_ready: bool, message: str) -> None:
    html = re.sub(r'"ready": \w+', f'"ready": {str(is_ready).lower()}', http.get(visit.url).body.decode())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route(visit.url, lambda route: route.fulfill(body=html, content_type="text/html"))
    visit.page.route(AUDIO, hold)
    visit.begin()
    expect(visit.play).to_have_attribute("aria-disabled", "true")
    expect(visit.message).to_have_text(message)
    expect(visit.button("Continue")).to_be_enabled()
    held[0].continue_()
    visit.expect_sound()
    expect(visit.message).to_be_empty()


# --- without scripts -------------------------------------------------------------------------------------
def test_without_scripts_every_word_is_there_to_read(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    for narrative in listed_narratives(site.url):
        expect(page.get_by_role("heading", name=narrative["title"], exact=True)).to_be_visible()
    expect(page.locator("audio[controls]")).to_have_count(12)
    expect(page.get_by_role("button")).to_have_count(0)
    context.close()
