"""Each number on the dashboard has a formula, and each row links to the list that it counts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ

from harness.clips import speech
from harness.staff_pages import INDEX, STALE, link_in, old_clip, reflection, text_of, usage
from ttscache.maintenance.pruning import find_stale
from ttscache.models import (
    Clip,
    LastProviderOutcome,
    Pin,
    PlaybackStart,
    PruneRun,
    Spending,
    WarmItem,
    WarmRun,
)
from ttscache.reports.storage import note_stale_total
from ttscache.warming.retry_limit import MOST_TRIES

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

NOW, DAY = timezone.now(), timedelta(days=1)
VOID = {"input", "br", "link", "meta", "img", "path", "rect", "hr"}
PARTS = ("section", "h3")  # each of them ends with the formulas of its numbers
NOT_READ = {"nav", "svg", "time"}


@dataclass
class Row:
    """Text that belongs together: a paragraph, a list item or a table row."""

    tag: str
    is_of_a_list: bool
    words: list[str] = field(default_factory=list)
    has_link: bool = False


class DashboardReader(HTMLParser):
    """A parser of the page. `wrong` lists rows without a link and numbers that no formula follows."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.numbers: list[str] = []  # numbers whose formula has not come yet
        self.numbers_seen = 0
        self.rows: list[Row] = []
        self.path: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        classes = given.get("class", "").split()
        if tag in VOID:
            return
        if tag in PARTS:
            self._end_part()
        mark = "unread" if given.get("aria-hidden") == "true" or "dash-bar" in classes else ""
        if "how" in classes:
            self.numbers, mark = [], "unread"
        self.path.append((tag, mark))
        if tag in ("p", "li", "tr") or (tag == "div" and self._is_in("dl")):
            self.rows.append(Row(tag, is_of_a_list=tag == "li" or (tag != "p" and not self._is_in("thead"))))
        if tag == "a" and given.get("href"):
            for row in self.rows:
                row.has_link = True

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self.path:
            ended, _ = self.path.pop()
            if ended == tag:
                break
        if tag == "section":
            self._end_part()
        if self.rows and self.rows[-1].tag == tag and not (tag == "div" and self._is_in("dt")):
            self._end_row(self.rows.pop())

    def handle_data(self, words: str) -> None:
        is_read = not any(mark or tag in NOT_READ for tag, mark in self.path)
        if not is_read or not re.search(r"\d", words) or not self._is_in("section") or self._is_in("thead"):
            return
        if (self._is_in("h2") and not self._is_in("a")) or self._is_in("h3"):
            return  # a name, such as "last 24 hours"
        self.numbers.append(words.strip())
        self.numbers_seen += 1
        for row in self.rows:
            row.words.append(words.strip())

    def _is_in(self, tag: str) -> bool:
        return any(name == tag for name, _ in self.path)

    def _end_part(self) -> None:
        self.wrong += [f"not said how it is counted: {each}" for each in self.numbers]
        self.numbers = []

    def _end_row(self, row: Row) -> None:
        if not row.has_link and (row.words or row.is_of_a_list):
            self.wrong.append(f"a <{row.tag}> without a link: {' '.join(row.words)}")


@pytest.fixture
def dashboard_text(admin_client: Client, settings: Any) -> str:
    """The text of a dashboard with data in every card and table."""
    settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 10_000_000, "daily_budget_usd": 5.0}
    for outcome in ("memory", "generated", "failed"):
        usage(30, outcome, list_price_microusd=90_000)
        usage(30, outcome, hour=NOW - 8 * DAY)
    PlaybackStart.objects.create(hour=NOW, content_type="question", voice="nova", latency_bucket=3, starts=9)
    codes = ("ok", "key_refused", "quota_used_up", "provider_busy", "provider_timeout", "text_refused", "odd")
    for code in codes:
        Spending.objects.create(hour=NOW, voice="nova", outcome=code, calls=3, cost_microusd=4_000)
        LastProviderOutcome.objects.create(outcome=code, at=NOW - DAY)
    reflection()
    reflection("Rare.", plays=1)
    old_clip("Nobody asks for this.")
    never = old_clip("Never heard.", days=40)
    Pin.objects.create(content_hash=never.content_hash, reason="draft")
    runs = [WarmRun.objects.create(scope=f"run {number}", state="running") for number in (1, 2)]
    WarmRun.objects.filter(pk=runs[0].pk).update(created_at=NOW - DAY)
    for number, (run, state) in enumerate([(0, "queued"), (1, "queued"), (1, "making"), (1, "failed")]):
        clip = Clip.objects.record(speech(f"Text {number}"), "question")
        item(runs[run], clip, state)
    published = Clip.objects.record(speech("Published."), "question")
    Pin.objects.create(content_hash=published.content_hash, reason="live")
    for hour in range(MOST_TRIES):
        item(WarmRun.objects.create(scope=f"hour {hour}", state="failed"), published, "failed")
    PruneRun.objects.create(days=90, freed_bytes=14)
    OrmQ.objects.create(key="q", payload="", lock=NOW - DAY)
    Failure.objects.create(id="f", name="f", func="f", started=NOW, stopped=NOW, success=False)
    note_stale_total(90, find_stale(90))
    return text_of(admin_client.get(INDEX))


def item(run: WarmRun, clip: Clip, state: str) -> None:
    position = run.items.count()
    WarmItem.objects.create(
        run=run, clip=clip, position=position, characters=6, state=state, finished_at=NOW - timedelta(hours=1)
    )


def test_every_number_says_how_it_is_counted_and_every_row_leads_somewhere(dashboard_text):
    reader = DashboardReader()
    reader.feed(dashboard_text[dashboard_text.index('<main class="dash">') : dashboard_text.index("</main>")])
    assert reader.wrong == []
    assert reader.numbers_seen > 80


COUNTED = {  # link text: number of rows in the list that it opens
    "Clips waiting": 2,
    "Being made": 1,
    "Longest wait": 1,
    "Done in about": 2,
    "Clips failed in 24 hours": 2,
    f"Published clips failed {MOST_TRIES} times": 1,
    "Background tasks waiting": 1,
    "Last success": 1,
    f"1 published clip failed {MOST_TRIES} times: .*": 1,
    "1 missing": 1,
    "0 / 1": 1,
    "saved audio": 1,
    "made live": 1,
    "Today": 7,
    "<strong>5 plays</strong>": 1,
    '<strong data-figure="not-asked-for">1 clip</strong>': 1,
    '<strong data-figure="never-heard">2 clips</strong>': 2,
}


@pytest.mark.parametrize("words", COUNTED, ids=lambda words: re.sub(r"<[^>]+>", "", words))
def test_each_count_of_the_dashboard_matches_the_list_it_leads_to(dashboard_text, admin_client, words):
    link = link_in(dashboard_text, rf'href="([^"]+)"[^>]*>{words}</a>')
    assert admin_client.get(link).context["cl"].result_count == COUNTED[words]


def test_the_oldest_waiting_clip_is_that_of_the_first_run(dashboard_text, admin_client):
    link = link_in(dashboard_text, r'href="([^"]+)">Longest wait</a>')
    assert [clip.content_text for clip in admin_client.get(link).context["cl"].result_list] == ["Text 0"]


def test_stale_clips_are_told_with_bytes_and_price(dashboard_text):
    card = dashboard_text[dashboard_text.index("Not asked for in 90 days") :].partition("</section>")[0]
    assert "1 clip</strong></a>, 1.0\xa0KB, $0.0006" in card


def test_opening_the_dashboard_never_counts_stale_clips(admin_client):
    old_clip("Nobody asks for this.")
    assert "Counted each night, after the clean-up" in text_of(admin_client.get(INDEX))


def test_a_button_retries_clips_that_failed_too_often(dashboard_text, admin_client):
    WarmItem.objects.filter(clip__content_text="Published.").update(finished_at=NOW - 2 * DAY)
    retry = link_in(dashboard_text, r'class="dash-button" href="([^"]+)">Try again')
    assert "Published." in text_of(admin_client.get(retry))
    admin_client.post(retry, {"confirmed": "yes"})
    assert WarmItem.objects.filter(clip__content_text="Published.", state="queued").exists()


REACHED = [
    *(f"ttscache_{name}_changelist" for name in ("clip", "usage", "spending", "playbackstart", "warmrun")),
    *("ttscache_prunerun_changelist", "ttscache_clip_make_missing", "ttscache_clip_retry"),
]


@pytest.mark.parametrize("name", REACHED)
def test_pages_behind_the_dashboard_say_how_they_count(dashboard_text, admin_client, name):
    assert "How is this counted?" in text_of(admin_client.get(reverse(f"admin:{name}")))


def test_the_dry_run_page_says_how_it_counts(dashboard_text, admin_client):
    assert "How is this counted?" in text_of(admin_client.get(STALE))


ESTIMATED = ("usage_changelist", "prunerun_changelist", "clip_make_missing", "clip_stale")


@pytest.mark.parametrize("name", ESTIMATED)
def test_pages_with_an_estimated_price_name_each_way_in_which_models_are_priced(
    dashboard_text, admin_client, name
):
    page = text_of(admin_client.get(reverse(f"admin:ttscache_{name}")))
    assert "priced by characters, by seconds of sound or by tokens" in page


def test_the_page_about_spending_says_that_failed_calls_may_cost_money(dashboard_text, admin_client):
    page = text_of(admin_client.get(reverse("admin:ttscache_spending_changelist")))
    assert "A failed call that made sound is paid for" in page
