"""A walk through the editor in a browser while listeners listen: write, publish, pronounce, reorder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness.caller import Caller, hash_of, sound_of
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import query, ready_clips
from harness.staff_browser import hire, signed_in
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database, pytest.mark.timeout(300)]

VOICES = ("nova", "onyx")
CLIPS = 2 * 17
LOOKS = 200
LOOKS_BEFORE = 40
USD_A_CHARACTER = 30 / 1e6  # tts-1-hd
WORDS = "What could you see from the window of the room in which you slept as a child?"
LATE = "Which door would you like to walk through once more?"
NAMED = ("Did you ever meet Siobhan?", "What would Siobhan say of you?")


@pytest.fixture(scope="module")
def site(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Site]:
    """A site with every published clip made."""
    running_openai.reset()
    with make_site(Site) as site:
        hire(site, ana="Publisher")
        wait_until(lambda: ready_clips(site) == CLIPS, "all clips", seconds=120)
        yield site
    running_openai.reset()


@pytest.fixture(scope="module")
def ana(browser: Browser, site: Site) -> Iterator[Page]:
    """Ana's browser page at the editor, from the first test to the last."""
    with signed_in(browser, site, "ana", viewport={"width": 1440, "height": 900}) as page:
        page.get_by_role("link", name="Journeys").first.click()
        page.get_by_role("link", name="Life Review", exact=True).last.click()
        expect(page.get_by_role("button", name="Play whole journey: nova")).to_be_visible()
        yield page


# --- staff --------------------------------------------------------------------------------------------------
def the_question(page: Page, number: int) -> Locator:
    """Return the form of a question, by the number that listeners see."""
    return page.locator(".narratives .original[data-kind=question]").nth(number - 1)


def write(page: Page, number: int, words: str) -> None:
    the_question(page, number).get_by_label("Text").fill(words)


def press(page: Page, name: str, *, role: Any = "button") -> None:
    page.get_by_role(role, name=name).first.click()


def hear(player: Locator) -> None:
    """Press play, and wait until the playback time advances."""
    player.get_by_role("button").click()
    audio = player.locator("audio").element_handle()
    player.page.wait_for_function("(audio) => audio.currentTime > 0.2 && !audio.paused", arg=audio)


# --- listeners ----------------------------------------------------------------------------------------------
def questions(caller: Caller, voice: str) -> list[dict[str, Any]]:
    return [each for each in caller.narratives(voice)["narratives"] if each["kind"] == "question"]


def heard(caller: Caller, item: dict[str, Any]) -> bytes:
    return caller.get(item["audio"]["url"]).body


class Listeners(threading.Thread):
    """A thread that polls both voices, reads and plays the questions with these numbers, and notes results.

    It stops once both voices have the new words, after at least LOOKS polls.
    """

    def __init__(self, site: Site, new: dict[int, str], say: Callable[[str], str] = str) -> None:
        super().__init__()
        self.new, self.say, self.caller = new, say, Caller(site)
        self.looks: list[int] = []  # number of new texts that each poll saw
        self.mismatches: list[str] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        switched: set[str] = set()
        while not self.is_over.is_set() and (len(self.looks) < LOOKS or len(switched) < len(VOICES)):
            voice = VOICES[len(self.looks) % 2]
            listed = questions(self.caller, voice)
            seen = sum(self.look(listed[number - 1], words, voice) for number, words in self.new.items())
            if seen:
                switched.add(voice)
            self.looks.append(seen)

    def look(self, item: dict[str, Any], words: str, voice: str) -> bool:
        """Return whether the item has the new words. Note a mismatch if its audio has other words."""
        said = item["text"] if item["text"] != words else self.say(words)
        is_whole = item["audio"]["ready"] and item["audio"]["content_hash"] == hash_of(said, voice)
        if not is_whole or heard(self.caller, item) != sound_of(said, voice):
            self.mismatches.append(f"{voice}: {item}")
        return bool(item["text"] == words)

    def __enter__(self) -> Listeners:
        self.start()
        wait_until(lambda: len(self.looks) >= LOOKS_BEFORE or not self.is_alive(), "the first looks")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.is_over.set()
        self.join(120)
        self.is_over.set()

    def assert_switched_at_once(self) -> None:
        assert self.mismatches == []
        assert len(self.looks) >= LOOKS
        assert set(self.looks) == {0, len(self.new)}
        # Both voices are polled in turn, so a sorted list shows that neither was ever behind the other.
        assert self.looks == sorted(self.looks)


class TestWriteHearPublish:
    def test_the_price_is_shown_while_a_text_is_typed(self, ana: Page, openai: OpenAIServer) -> None:
        write(ana, 1, WORDS)
        estimate = the_question(ana, 1).locator("[data-estimate]")
        expect(estimate).to_contain_text(f"{len(WORDS)} characters")
        expect(estimate).to_contain_text(f"${len(WORDS) * USD_A_CHARACTER:.4f} a voice")

    def test_a_saved_text_is_a_draft_without_clips(self, ana: Page, openai: OpenAIServer) -> None:
        press(ana, "Save draft and stay")
        expect(the_question(ana, 1).get_by_label("Text")).to_have_value(WORDS)
        expect(the_question(ana, 1).get_by_text("Out of date")).to_have_count(2)
        assert openai.calls() == []

    def test_making_a_draft_asks_first_with_the_price(self, ana: Page, openai: OpenAIServer) -> None:
        press(ana, "Make missing clips", role="link")
        price = f"about ${max(2 * len(WORDS) * USD_A_CHARACTER, 0.001):.3f}"
        expect(ana.get_by_text(f"2 clips are missing: {2 * len(WORDS)} characters, {price}.")).to_be_visible()
        assert openai.calls() == []
        press(ana, "Make them")
        expect(the_question(ana, 1).get_by_text("Ready to publish")).to_have_count(2)
        assert sorted(call.voice for call in openai.calls()) == ["nova", "onyx"]

    @pytest.mark.parametrize("voice", VOICES)
    def test_a_made_draft_can_be_heard(self, ana: Page, voice: str) -> None:
        hear(the_question(ana, 1).locator("[data-player]").filter(has_text=voice))

    @pytest.mark.parametrize("voice", VOICES)
    def test_listeners_keep_the_old_words_and_audio_before_publishing(self, site: Site, voice: str) -> None:
        old = questions(Caller(site), voice)[0]
        assert old["text"].startswith("Let us start early on.")
        assert heard(Caller(site), old) == sound_of(old["text"], voice)

    def test_listeners_get_the_new_words_and_sounds_in_one_step(self, ana: Page, site: Site) -> None:
        with Listeners(site, {1: WORDS}) as listeners:
            press(ana, "Save and publish")
            expect(ana.get_by_text("Listeners have it now.")).to_be_visible()
        listeners.assert_switched_at_once()


class TestPublishUnmadeTexts:
    def test_publishing_unmade_texts_asks_first_and_waits_for_every_clip(
        self, ana: Page, site: Site, openai: OpenAIServer
    ) -> None:
        openai.behave(gate_before_headers=True, first_calls=1, on_text=LATE)
        write(ana, 2, LATE)
        press(ana, "Save and publish")
        press(ana, "Make clips first, then publish")
        expect(ana.get_by_label("Waiting version")).to_contain_text("1 of 2")
        for voice in VOICES:
            old = questions(Caller(site), voice)[1]
            assert old["text"] != LATE
            assert heard(Caller(site), old) == sound_of(old["text"], voice)

    def test_listeners_get_a_finished_version_in_both_voices_at_once(
        self, ana: Page, site: Site, running_openai: OpenAIServer
    ) -> None:
        with Listeners(site, {2: LATE}) as listeners:
            running_openai.release()
            expect(ana.get_by_label("Waiting version")).to_have_count(0)
        listeners.assert_switched_at_once()
        expect(the_question(ana, 2).get_by_text("Up to date")).to_have_count(2)


class TestLexicon:
    def test_a_pronunciation_shows_its_effect_and_price_before_saving(
        self, ana: Page, site: Site, openai: OpenAIServer
    ) -> None:
        for number, words in enumerate(NAMED, start=3):
            write(ana, number, words)
        press(ana, "Save and publish")
        press(ana, "Make clips first, then publish")
        wait_until(lambda: questions(Caller(site), "onyx")[3]["text"] == NAMED[1], "the names", seconds=60)
        openai.reset()

        press(ana, "Lexicon", role="link")
        press(ana, "Add", role="link")
        ana.get_by_label("Word", exact=False).first.fill("Siobhan")
        ana.get_by_label("Say as", exact=False).first.fill("Shivawn")
        press(ana, "Save")
        said = [words.replace("Siobhan", "Shivawn") for words in NAMED]
        expect(
            ana.get_by_text("This changes 4 clips in 2 texts. 4 new clips have to be made")
        ).to_contain_text(f"{2 * sum(map(len, said))} characters")
        for words in NAMED:
            expect(ana.get_by_role("listitem").filter(has_text=words.split("Siobhan")[0])).to_contain_text(
                "Shivawn"
            )
        assert query(site, "SELECT count(*) FROM narratives_pronunciation") == [(0,)]
        assert openai.calls() == []

    def test_a_published_pronunciation_changes_the_audio_of_both_texts_and_no_words(
        self, ana: Page, site: Site
    ) -> None:
        press(ana, "Save and publish")
        expect(ana.get_by_text("new pronunciation")).to_be_visible()
        wait_until(
            lambda: self.sounds(site, "onyx") != [hash_of(each, "onyx") for each in NAMED], "the sound"
        )
        for voice in VOICES:
            items = questions(Caller(site), voice)[2:4]
            said = [words.replace("Siobhan", "Shivawn") for words in NAMED]
            assert [each["text"] for each in items] == list(NAMED)
            assert [heard(Caller(site), each) for each in items] == [sound_of(each, voice) for each in said]

    @staticmethod
    def sounds(site: Site, voice: str) -> list[str]:
        return [each["audio"]["content_hash"] for each in questions(Caller(site), voice)[2:4]]


class TestOrder:
    def titles(self, site: Site) -> list[str]:
        return [each["title"] for each in questions(Caller(site), "nova")]

    def test_arrow_buttons_move_a_question_by_keyboard(self, ana: Page, site: Site) -> None:
        ana.goto(f"{site.url}/admin/narratives/journey/1/change/")
        before = self.titles(site)
        the_question(ana, 1).get_by_label("Title").focus()
        arrow = f"Move down: {before[0]}"
        for _ in range(6):
            ana.keyboard.press("Shift+Tab")
            if ana.evaluate("document.activeElement.getAttribute('aria-label')") == arrow:
                break
        ana.keyboard.press("Enter")
        expect(ana.locator("[data-moved]")).to_have_text(f"{before[0]} is now number 3 of 17.")
        expect(ana.get_by_role("button", name=arrow)).to_be_focused()
        press(ana, "Save draft and stay")
        expect(the_question(ana, 1).get_by_label("Title")).to_have_value(before[1])
        assert self.titles(site) == before
        press(ana, "Save and publish")
        expect(ana.get_by_text("1 text moves. Listeners have it now.")).to_be_visible()
        assert self.titles(site) == [before[1], before[0], *before[2:]]

    def test_a_question_is_dragged_by_its_handle(self, ana: Page, site: Site) -> None:
        before = self.titles(site)
        handle = the_question(ana, 2).get_by_title("Drag to another place")
        handle.scroll_into_view_if_needed()
        handle.hover()
        ana.mouse.down()
        target = the_question(ana, 1).locator(".narrative-head").bounding_box()
        assert target is not None
        ana.mouse.move(target["x"] + 20, target["y"] + target["height"] / 2, steps=8)
        ana.mouse.move(target["x"] + 20, target["y"] - 6, steps=4)
        ana.mouse.up()
        expect(the_question(ana, 1).get_by_label("Title")).to_have_value(before[1])
        press(ana, "Save and publish")
        expect(ana.get_by_text("1 text moves. Listeners have it now.")).to_be_visible()
        assert self.titles(site) == [before[1], before[0], *before[2:]]


# --- keyboard -----------------------------------------------------------------------------------------------
# Everything clickable, except hidden elements and the unchecked buttons of a radio group.
CLICKABLE = """() => [...document.querySelectorAll(
  "a[href], button, input, select, textarea, summary, [tabindex]"
)].filter((each) => !each.disabled && each.type !== "hidden" && each.tabIndex >= 0
  && each.checkVisibility({ visibilityProperty: true, opacityProperty: false })
).map((each, place) => {
  each.dataset.place = place;
  each.dataset.unfocused = look(each);
  return each.outerHTML.slice(0, 120);
})"""
# Place and name of the focused element, and whether it or its container looks different from before.
FOCUSED = """() => {
  const each = document.activeElement;
  if (!each.dataset.place) return null;
  return [Number(each.dataset.place), nameOf(each), look(each) !== each.dataset.unfocused];
}"""
HELP = """
  window.look = (each) => [each, each.parentElement, each.closest("label")].map((one) => {
    if (!one) return "";
    const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(one);
    return [outline, boxShadow, borderColor, backgroundColor].join();
  }).join("|");
  window.nameOf = (each) => each.getAttribute("aria-label") || each.innerText?.trim() || each.title
    || [...(each.labels ?? [])].map((label) => label.innerText).join(" ").trim();
  undefined; // or else Playwright calls what comes last
"""


def test_tab_reaches_everything_that_can_be_clicked_and_shows_where_it_is(ana: Page, site: Site) -> None:
    ana.goto(f"{site.url}/admin/narratives/journey/1/change/")
    ana.add_style_tag(content="* { transition: none !important }")
    ana.evaluate(HELP)
    clickable = dict(enumerate(ana.evaluate(CLICKABLE)))
    reached, nameless, unseen = set(), [], []
    for _ in range(len(clickable) + 20):
        ana.keyboard.press("Tab")
        if (at := ana.evaluate(FOCUSED)) is None:
            continue
        place, name, is_seen = at
        reached.add(place)
        nameless += [] if name else [clickable[place]]
        unseen += [] if is_seen else [clickable[place]]
    assert len(reached) > 8 * 17
    assert [html for place, html in clickable.items() if place not in reached] == []
    assert (nameless, unseen) == ([], [])
