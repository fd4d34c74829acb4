"""The listener's page in a real browser, in which sound waits for a person's press, as at home."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect

from harness import http
from harness.openai_server import OpenAIServer
from harness.site import Site
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

AUDIO = "**/api/audio/**"
PRESS_APART_MS = 450  # two presses closer than this are taken for one
# What the page does with sound, seen from inside without touching it.
WATCH = """
  window.seen = { refused: [], kept: 0, startedIn: [], elements: new Set() };
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    seen.startedIn.push(window.event ? window.event.type : "nothing");
    seen.elements.add(this);
    return play.call(this).catch((error) => { seen.refused.push(error.name); throw error; });
  };
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => { seen.kept += 1; return createObjectURL(blob); };
  URL.revokeObjectURL = (address) => { seen.kept -= 1; revokeObjectURL(address); };
"""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    site_database: Callable[[], dict[str, str]],
    with_static_files: Callable[[Path], None],
) -> Iterator[Site]:
    var_dir = tmp_path_factory.mktemp("listener") / "var"
    with_static_files(var_dir)
    with OpenAIServer() as voice:
        env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": voice.base_url, **site_database()}
        with Site(var_dir, env) as site:
            yield site


def told(site: Site, voice: str = "nova") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = http.get(f"{site.url}/api/narratives?voice={voice}").json()["narratives"]
    return listed


def sound_of(narrative: dict[str, Any]) -> str:
    """The address of its clip; until the clip is made, there is no version to it."""
    return f"/api/audio/{narrative['audio']['content_hash']}.mp3"


class Visit:
    """One person's browser on the page, and all that it asked for and complained about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self.is_network_broken = False  # then the browser says so, which is no complaint about the page
        self.page.add_init_script(WATCH)
        self.page.on("request", self._note)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.url = url
        self._pressed = 0.0

    def _note(self, request: Request) -> None:
        self.requests.append(request)

    def _hear(self, message: ConsoleMessage) -> None:
        is_expected = self.is_network_broken and "ERR_FAILED" in message.text
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(message.text)

    def open(self) -> Visit:
        self.page.goto(self.url)
        return self.wait_until_open()

    def wait_until_open(self) -> Visit:
        expect(self.page.locator("[data-ready]")).to_have_count(1)
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.rest()
        self.button(name).click()
        self._pressed = time.monotonic()  # a busy machine may press late

    def rest(self) -> None:
        """A person does not press twice within a blink."""
        self.page.wait_for_timeout(max(0, PRESS_APART_MS - 1000 * (time.monotonic() - self._pressed)))
        self._pressed = time.monotonic()

    @property
    def play(self) -> Locator:
        return self.page.locator("[data-play]")

    @property
    def title(self) -> Locator:
        return self.page.locator("h1:visible")

    @property
    def message(self) -> Locator:
        return self.page.locator("[role=status]:visible")

    def expect_sound(self) -> None:
        expect(self.play).to_have_text("Pause")

    def asked_for(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.url]


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True)
    visit = Visit(context, f"{site.url}/")
    yield visit
    context.close()
    assert visit.complaints == []


def seconds_played(page: Page) -> float:
    played: float = page.evaluate("document.querySelector('[data-audio]').currentTime")
    return played


# --- hearing ---------------------------------------------------------------------------------------------
def test_nothing_sounds_before_a_press(visit: Visit) -> None:
    visit.open().page.wait_for_timeout(500)

    assert visit.asked_for("/api/") == []
    assert visit.page.evaluate("document.querySelector('[data-audio]').getAttribute('src')") is None
    expect(visit.title).to_have_text("Your life story, at your own pace")


def test_begin_plays_the_intro_with_its_words_on_the_screen(visit: Visit, site: Site) -> None:
    visit.open().press("Begin")

    expect(visit.title).to_have_text("Welcome")
    expect(visit.title).to_be_focused()
    visit.expect_sound()
    for sentence in re.split(r"(?<=[.!?]) ", told(site)[0]["text"]):
        expect(visit.page.get_by_text(sentence, exact=True)).to_be_visible()
    expect(visit.page.locator(".sentence.current")).to_have_text("Welcome, and thank you for being here.")
    wait_until(lambda: seconds_played(visit.page) > 0.3, "sound that goes on")
    assert "NotAllowedError" not in visit.page.evaluate("seen.refused")


def test_one_element_is_started_inside_the_press_and_used_for_all(visit: Visit) -> None:
    """What phones ask for; here they cannot be had, and Chromium is content with less."""
    visit.open().press("Begin")
    visit.expect_sound()
    visit.press("Continue")
    visit.expect_sound()
    assert visit.page.evaluate("seen.startedIn[0]") == "click"
    assert visit.page.evaluate("seen.elements.size") == 1


def test_the_highlight_follows_the_voice(visit: Visit) -> None:
    visit.open().press("Begin")
    visit.expect_sound()
    visit.page.get_by_role("slider").fill("25")

    expect(visit.page.locator(".sentence.current")).to_contain_text("You can read instead of listening")


def test_the_next_clip_is_fetched_while_one_plays(visit: Visit, site: Site) -> None:
    intro, question = told(site)[:2]
    with visit.page.expect_request(lambda request: sound_of(question) in request.url):
        visit.open().press("Begin")
        visit.expect_sound()
    assert len(visit.asked_for(sound_of(intro))) == 1
    assert len(visit.asked_for("/api/audio/")) == 2


def test_the_play_button_says_what_it_does(visit: Visit) -> None:
    visit.open().press("Begin")
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
    visit.play.click()
    visit.expect_sound()
    expect(visit.title).to_have_text("Where It Began")


def test_keys_work_inside_the_player(visit: Visit) -> None:
    visit.open().press("Begin")
    visit.expect_sound()
    visit.play.press("ArrowRight")
    wait_until(lambda: seconds_played(visit.page) >= 5, "five seconds further on")
    visit.play.press("Home")
    wait_until(lambda: seconds_played(visit.page) < 3, "the beginning")
    visit.play.press("+")
    expect(visit.page.get_by_label("Speed")).to_have_value("1.1")
    assert visit.page.evaluate("document.querySelector('[data-audio]').playbackRate") == 1.1
    expect(visit.page.get_by_role("slider")).to_have_attribute(
        "aria-valuetext", re.compile(r"\d+ of \d+ seconds")
    )


def test_a_journey_by_keyboard_alone_with_twelve_clips_in_a_row(visit: Visit, site: Site) -> None:
    keyboard = visit.open().page.keyboard

    def tab_to_and_press(name: str) -> None:
        for _ in range(20):
            keyboard.press("Tab")
            if visit.button(name).evaluate("button => button === document.activeElement"):
                break
        visit.rest()
        keyboard.press("Enter")

    tab_to_and_press("Begin")
    for narrative in told(site):
        expect(visit.title).to_have_text(narrative["title"])
        expect(visit.title).to_be_focused()
        visit.expect_sound()
        assert visit.page.evaluate("seen.kept") <= 3  # this clip, the next one, and one just left
        tab_to_and_press("Continue")
    expect(visit.title).to_have_text("You have reached the end.")
    expect(visit.title).to_be_focused()
    assert "NotAllowedError" not in visit.page.evaluate("seen.refused")
    tab_to_and_press("Listen again")
    expect(visit.title).to_have_text("Welcome")
    visit.expect_sound()


def test_a_trembling_hand_does_not_skip_a_question(visit: Visit) -> None:
    visit.open().press("Begin")
    visit.rest()
    visit.button("Continue").dblclick()
    visit.expect_sound()
    expect(visit.title).to_have_text("Where It Began")


# --- choosing --------------------------------------------------------------------------------------------
def test_choosing_a_voice_has_it_made_once_and_plays_it(visit: Visit, site: Site) -> None:
    page = visit.open().page
    for name in ("A man's voice", "A woman's voice", "A man's voice"):
        page.get_by_role("radio", name=name).check()
    visit.press("Begin")
    visit.expect_sound()

    posted = [request.post_data_json for request in visit.asked_for("/api/pre-cache-narratives")]
    assert posted == [{"voice": "onyx"}, {"voice": "nova"}]
    assert visit.asked_for(sound_of(told(site, "onyx")[0]))
    assert not visit.asked_for(sound_of(told(site, "nova")[0]))


def test_a_sample_of_each_voice_can_be_heard_and_stopped(visit: Visit) -> None:
    page = visit.open().page
    man = page.get_by_role("button", name="sample A man's voice")
    man.click()
    expect(man).to_have_text(re.compile("Stop the sample"))
    page.get_by_role("button", name="sample A woman's voice").click()
    expect(man).to_have_text(re.compile("Hear a sample"))
    page.get_by_role("button", name="Stop the sample A woman's voice").click()
    expect(page.get_by_role("button", name="Stop the sample")).to_have_count(0)
    assert page.evaluate("document.querySelector('[data-audio]').paused") is True


def test_with_a_screen_reader_the_voice_waits(visit: Visit) -> None:
    visit.open().page.get_by_role("checkbox", name="I use a screen reader").check()
    visit.press("Begin")
    expect(visit.message).to_have_text("Press Listen when you are ready.")
    expect(visit.play).to_have_text("Listen")
    assert visit.asked_for("/api/audio/") == []
    visit.play.click()
    visit.expect_sound()


def test_size_speed_and_voice_are_remembered(visit: Visit) -> None:
    page = visit.open().page
    page.get_by_role("radio", name="A man's voice").check()
    visit.button("A++, very large text").click()
    visit.press("Begin")
    page.get_by_label("Speed").select_option("Slower")
    visit.press("Back")
    page.reload()
    visit.wait_until_open()
    expect(page.get_by_role("radio", name="A man's voice")).to_be_checked()
    expect(visit.button("A++, very large text")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "24px"
    visit.press("Begin")
    expect(page.get_by_label("Speed")).to_have_value("0.75")


def test_reading_without_sound_never_asks_for_sound(visit: Visit) -> None:
    visit.open().press("Read without sound")
    for title in ("Welcome", "Where It Began"):
        expect(visit.title).to_have_text(title)
        expect(visit.page.get_by_role("group", name="Sound player")).to_have_count(0)
        visit.press("Continue")
    visit.page.reload()
    visit.wait_until_open()
    expect(visit.title).to_have_text("The People Around You")
    assert visit.asked_for("/api/") == []
    visit.press("Turn the sound on")
    visit.expect_sound()


def test_who_turns_to_reading_hears_no_more(visit: Visit) -> None:
    visit.open().press("Begin")
    visit.expect_sound()
    visit.press("Back")
    visit.press("Read without sound")
    expect(visit.title).to_have_text("Welcome")
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("document.querySelector('[data-audio]').paused") is True


# --- coming back -----------------------------------------------------------------------------------------
def test_a_reload_comes_back_to_the_same_place(visit: Visit) -> None:
    visit.open().press("Begin")
    visit.press("Continue")
    visit.press("Continue")
    visit.expect_sound()
    visit.page.reload()
    visit.wait_until_open()
    expect(visit.title).to_have_text("The People Around You")
    expect(visit.page.get_by_role("banner")).to_contain_text("Question 2 of 10")
    expect(visit.play).to_have_text("Listen")
    visit.play.click()
    visit.expect_sound()


def test_the_browsers_back_button_goes_one_screen_back(visit: Visit) -> None:
    visit.open().press("Begin")
    visit.press("Continue")
    expect(visit.title).to_have_text("Where It Began")
    visit.page.go_back()
    expect(visit.title).to_have_text("Welcome")
    visit.page.go_back()
    expect(visit.title).to_have_text("Your life story, at your own pace")
    assert visit.page.evaluate("document.querySelector('[data-audio]').paused") is True


def test_it_works_where_nothing_may_be_remembered(visit: Visit) -> None:
    visit.page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    visit.open().press("Begin")
    visit.expect_sound()


# --- when sound fails ------------------------------------------------------------------------------------
def test_lost_sound_blocks_nobody(visit: Visit, site: Site) -> None:
    visit.is_network_broken = True
    visit.page.route(AUDIO, lambda route: route.abort())
    visit.open().press("Begin")
    for narrative in told(site)[:3]:
        expect(visit.title).to_have_text(narrative["title"])
        visit.press("Continue")
    expect(visit.play).to_have_text("Try the sound again")
    expect(visit.message).to_have_text(
        "The sound is not working just now. You can read the words and carry on."
    )
    expect(visit.title).to_be_focused()
    visit.page.unroute(AUDIO)
    visit.play.click()
    visit.expect_sound()


def test_what_the_cdn_does_not_give_comes_from_this_site(visit: Visit) -> None:
    html = (
        http.get(visit.url).body.decode().replace('"url": "/api/audio/', '"url": "https://cdn.example.org/')
    )
    visit.page.route(visit.url, lambda route: route.fulfill(body=html, content_type="text/html"))
    visit.is_network_broken = True
    visit.page.route("https://cdn.example.org/**", lambda route: route.abort())
    visit.open().press("Begin")
    visit.expect_sound()
    assert visit.asked_for("cdn.example.org")


def test_a_busy_server_is_asked_again(visit: Visit) -> None:
    answers = iter([503, 502])

    def answer(route: Route) -> None:
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status)

    visit.page.route(AUDIO, answer)
    visit.open().press("Begin")
    expect(visit.play).to_have_text("Pause")
    visit.complaints = [each for each in visit.complaints if not re.search("50[23]", each)]


@pytest.mark.parametrize(
    ("is_ready", "message"),
    [
        (True, "The connection is slow. You can read the words above."),
        (False, "Getting the voice ready. You can read it meanwhile."),
    ],
)
def test_who_has_to_wait_is_told(visit: Visit, site: Site, is_ready: bool, message: str) -> None:
    html = re.sub(r'"ready": \w+', f'"ready": {str(is_ready).lower()}', http.get(visit.url).body.decode())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route(visit.url, lambda route: route.fulfill(body=html, content_type="text/html"))
    visit.page.route(AUDIO, hold)
    visit.open().press("Begin")
    expect(visit.play).to_have_attribute("aria-disabled", "true")
    expect(visit.message).to_have_text(message)
    expect(visit.button("Continue")).to_be_enabled()
    held[0].continue_()
    visit.expect_sound()
    expect(visit.message).to_be_empty()


# --- seeing and touching ---------------------------------------------------------------------------------
def screens_of(visit: Visit) -> Iterator[str]:
    visit.open()
    yield "start"
    visit.press("Begin")
    visit.expect_sound()
    yield "intro"
    visit.press("Continue")
    visit.expect_sound()
    yield "question"


def test_no_sideways_scroll_and_nothing_clipped_at_320_pixels(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 640})
    visit.open().button("A++, very large text").click()
    for name in screens_of(visit):
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 320, name
        clipped = visit.page.evaluate(
            "[...document.querySelectorAll('main *, header *')].filter(e => e.checkVisibility()"
            " && !e.closest('.unseen') && e.getBoundingClientRect().right > 320).map(e => e.outerHTML)"
        )
        assert clipped == [], name


@pytest.mark.parametrize(("width", "primary"), [(390, 72), (820, 88)])
def test_what_is_pressed_is_large_and_apart(visit: Visit, width: int, primary: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 844})
    for name in screens_of(visit):
        boxes = visit.page.locator(
            "button:visible, select:visible, .choice:visible, input[type=range]:visible"
        )
        sizes = {
            each.inner_text() or each.evaluate("e => e.tagName"): box
            for each in boxes.all()
            if (box := each.bounding_box())
        }
        assert all(min(box["width"], box["height"]) >= 48 for box in sizes.values()), (name, sizes)
        for label in {"Begin", "Continue", "Pause"} & set(sizes):
            assert sizes[label]["height"] >= primary
        for label in {"Back", "Hear again", "Read without sound"} & set(sizes):
            assert sizes[label]["height"] >= 64


def test_pause_is_in_reach_while_a_long_text_is_heard(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 664})
    visit.open().press("Begin")
    visit.expect_sound()
    expect(visit.play).to_be_in_viewport(ratio=1)
    visit.page.get_by_role("slider").evaluate(
        "bar => { bar.value = 28; bar.dispatchEvent(new Event('input')); }"
    )
    sentence = visit.page.locator(".sentence.current")
    expect(sentence).to_contain_text("Make yourself comfortable")
    expect(sentence).to_be_in_viewport(ratio=1)

    def is_above_the_button() -> bool:
        words, button = sentence.bounding_box(), visit.play.bounding_box()
        return bool(words and button and words["y"] + words["height"] <= button["y"])

    wait_until(is_above_the_button, "a sentence that nothing hides")


def test_after_the_voice_what_comes_next_is_in_sight(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 664})
    visit.open().press("Begin")
    visit.press("Continue")
    visit.expect_sound()
    visit.page.get_by_role("slider").press("End")
    expect(visit.button("Continue")).to_be_in_viewport(ratio=1)
    expect(visit.play).to_have_text("Hear again")
    expect(visit.title).to_have_text("Where It Began")  # nothing moves on by itself


def test_without_scripts_every_word_is_there_to_read(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    for narrative in told(site):
        expect(page.get_by_role("heading", name=narrative["title"], exact=True)).to_be_visible()
    expect(page.locator("audio[controls]")).to_have_count(12)
    expect(page.get_by_role("button")).to_have_count(0)
    context.close()
