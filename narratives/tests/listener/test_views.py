from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from harness.prepared_rows import put_rows_of
from narratives import publishing
from narratives.content import loading
from narratives.editing.deleting import delete_narratives
from narratives.listener.views import paragraphs
from narratives.models import Journey, Narrative

STYLES = Path(settings.BASE_DIR) / "narratives" / "static" / "narratives" / "listener.css"
MARKUP = "<b>Mum & Dad</b></script>"


@pytest.fixture
def journey(db: None) -> Journey:
    put_rows_of(loading.load_default_content)
    return Journey.objects.get()


def page(query: str = "") -> str:
    response = Client().get(f"/{query}")
    assert response.status_code == 200
    return response.content.decode()


def playlist(html: str) -> dict[str, Any]:
    match = re.search(r'<script id="playlist" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert match is not None
    told: dict[str, Any] = json.loads(match[1])
    return told


class Reader(HTMLParser):
    """Reads what is written on the page, without markup."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def read_aloud(html: str) -> str:
    reader = Reader()
    reader.feed(html.partition('<script id="playlist"')[0])
    return " ".join(reader.words)


def test_all_words_are_on_the_page_in_their_order(journey: Journey) -> None:
    words = read_aloud(page()).partition("Introduction")[2]
    listed = Client().get("/api/narratives").json()["narratives"]
    places = [words.index(text) for each in listed for text in (each["title"], each["text"])]
    assert len(places) == 24
    assert places == sorted(places)


def test_without_scripts_each_narrative_has_a_player_of_its_own(journey: Journey) -> None:
    html = page()
    players = re.findall(r'<audio class="plain-sound" controls preload="none" src="([^"]+)"', html)
    listed = Client().get("/api/narratives").json()["narratives"]
    assert [unescape(url) for url in players] == [each["audio"]["url"] for each in listed]
    assert "<noscript>" in html


def test_the_scripts_get_what_the_api_tells(journey: Journey) -> None:
    assert playlist(page()) == Client().get("/api/narratives").json()


def test_the_page_says_where_one_is(journey: Journey) -> None:
    words = read_aloud(page())
    for place in ("Introduction", "Question 1 of 10", "Question 10 of 10", "Closing words"):
        assert words.count(place) == 1
    assert "A computer voice asks ten questions." in words


def test_an_unpublished_question_is_not_counted(journey: Journey) -> None:
    delete_narratives(journey.narratives.filter(slug="q10"))
    publishing.publish_journey(journey)
    words = read_aloud(page())
    assert "Question 9 of 9" in words
    assert "asks nine questions" in words


def test_words_cannot_bring_markup_with_them(journey: Journey) -> None:
    question = journey.narratives.get(slug="q04")
    question.title, question.text = MARKUP, MARKUP
    question.save()
    publishing.publish([question], at_once=True)
    html = page()
    assert MARKUP not in html
    assert "&lt;b&gt;Mum &amp; Dad&lt;/b&gt;&lt;/script&gt;" in html
    assert [each["title"] for each in playlist(html)["narratives"]].count(MARKUP) == 1


def test_nothing_on_the_page_is_inline_or_from_elsewhere(journey: Journey) -> None:
    html = page()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", html)
    assert re.findall(r"<script(?![^>]*(?:application/json|\ssrc=\"/static/))", html) == []
    assert not re.search(r'(?:src|href)="(?!/static/|/api/audio/|#)', html)


def test_the_page_is_asked_for_anew_each_time(journey: Journey) -> None:
    response = Client().get("/")
    assert response["Cache-Control"] == "no-cache"
    assert not response.cookies


def test_a_journey_in_another_language_says_so_where_its_words_stand(journey: Journey) -> None:
    Journey.objects.create(slug="he", title="\u05d0", language="he", is_live=True)
    other = Journey.objects.get(slug="he")
    words = Narrative.objects.create(journey=other, slug="q1", title="\u05d0", text="\u05d1?")
    publishing.publish([words], at_once=True)
    html = page("?journey=he")
    assert '<div class="words" lang="he" dir="rtl">' in html
    assert html.count('<html lang="en">') == 1  # the buttons are in English


def test_the_start_offers_a_choice_where_several_journeys_are_live(journey: Journey) -> None:
    assert "Choose a story" not in page()
    other = Journey.objects.create(slug="gentle", title="A gentle one", is_live=True)
    words = Narrative.objects.create(journey=other, slug="q1", title="Home", text="Where?")
    publishing.publish([words], at_once=True)
    html = page("?journey=gentle")
    assert re.findall(r'href="\?journey=([^"]+)"[^>]*aria-current="true"', html) == ["gentle"]
    assert re.findall(r'href="\?journey=([^"]+)"', html) == ["life-review-default", "gentle"]


@pytest.mark.django_db
def test_an_unknown_journey_or_address_has_a_kind_page(client: Client) -> None:
    for address in ("/?journey=nowhere", "/nowhere"):
        response = client.get(address)
        assert response.status_code == 404
        html = response.content.decode()
        assert "This page is not here" in html
        assert 'href="/"' in html


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(journey: Journey) -> None:
    policy = Client().get("/")["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_consent_says_whether_answers_leave_this_site(journey: Journey, settings: Any) -> None:
    html = page()
    assert "No computer program of another company is sent your answers" in html
    for address, name in (("", "OpenAI"), ("https://speech.example.org/v1", "speech.example.org")):
        settings.TTSCACHE = {**settings.TTSCACHE, "openai_api_key": "sk", "openai_base_url": address}
        assert f"A computer program ({name}) is sent each answer to write a short reply." in page()


@pytest.mark.django_db
def test_without_a_live_journey_there_is_a_kind_sentence() -> None:
    html = page()
    assert "Please come back a little later" in html
    assert "<audio" not in html
    assert "<script" not in html


def test_a_blank_line_starts_a_paragraph() -> None:
    told = paragraphs("How are you? I am well.\n\nLet us begin.")
    assert [[sentence.words for sentence in each] for each in told] == [
        ["How are you?", "I am well."],
        ["Let us begin."],
    ]
    assert told[0][0].start == 0
    assert told[0][0].end == told[0][1].start
    assert told[1][0].end == 1000


# --- colours (WCAG 2.2, 1.4.6 and 1.4.11) ----------------------------------------------------------------
def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        ("ink", "page", 7),
        ("muted", "page", 7),
        ("primary", "page", 7),
        ("on-primary", "primary", 7),
        ("ink", "highlight", 7),
        ("control", "page", 3),
        ("focus", "page", 3),
        ("primary", "highlight", 3),
        ("ring", "focus", 3),
    ],
)
def test_colours_can_be_told_apart(front: str, back: str, least: float, scheme: int) -> None:
    root = re.findall(r":root \{(.*?)\}", STYLES.read_text(), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", root))
    assert contrast(colours[front], colours[back]) >= least
