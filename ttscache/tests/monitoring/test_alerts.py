"""Each alert is mailed once when it begins and once when it ends, through a real mail server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from harness.mail import MailServer
from harness.process import HOST
from ttscache import tasks
from ttscache.models import Alert, BudgetDay, Clip, ContentType, LastProviderOutcome, Pin, Usage
from ttscache.monitoring import alerts
from ttscache.renditions.current import request_for
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

KEY, BUDGET = "The voice service refuses our key", "Today's budget is nearly spent"
QUOTA = "Our quota with the voice service is used up"
MISSING, WAITING = "Published clips are missing", "Listeners wait too often"
SPACE = "Space runs out"


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    """A running mail server that the settings name."""
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = HOST, server.port
        settings.ALERT_EMAILS = ["ana@example.org", "ops@example.org"]
        yield server


@pytest.fixture(autouse=True)
def _ample_space(settings: Any) -> None:
    """Storage never counts as full, whatever disk this machine has."""
    settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 10_000, "daily_budget_usd": 5.0}


def subjects_after_a_look(mail: MailServer) -> list[str]:
    before = len(mail.received)
    tasks.look_for_trouble()
    return [subject.removeprefix("[Life Review] ") for subject in mail.subjects[before:]]


# --- causes, and their ends ------------------------------------------------------------------------------
def last_call(outcome: str) -> None:
    LastProviderOutcome.objects.note(outcome, timezone.now())


def commit(usd: float) -> None:
    day = datetime.now(UTC).date()
    BudgetDay.objects.update_or_create(day=day, defaults={"committed_microusd": round(usd * 1e6)})


def clip(text: str, size: int = 1_000) -> Clip:
    made = Clip.objects.record(request_for(text, "nova"), ContentType.QUESTION)
    Clip.objects.filter(pk=made.pk).update(stored_at=timezone.now(), audio_file_size=size)
    return made


def ask(hits: int, misses: int, kind: str = "question", hours_ago: int = 1) -> None:
    hour = timezone.now() - timedelta(hours=hours_ago)
    for outcome, requests in (("memory", hits), ("generated", misses)):
        Usage.objects.create(
            hour=hour, content_type=kind, voice="nova", outcome=outcome, latency_bucket=0, requests=requests
        )


CAUSES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    KEY: (lambda: last_call("key_refused"), lambda: last_call("ok")),
    QUOTA: (lambda: last_call("quota_used_up"), lambda: last_call("ok")),
    BUDGET: (lambda: commit(4.0), lambda: commit(1.0)),
    WAITING: (lambda: ask(90, 10), lambda: ask(900, 0)),
    SPACE: (lambda: clip("Long", size=9_500), lambda: Clip.objects.all().delete()),
}


@pytest.mark.parametrize("what", CAUSES, ids=["key", "quota", "budget", "hit-rate", "storage"])
def test_an_alert_is_mailed_once_when_it_begins_and_once_when_it_ends(what: str, mail: MailServer) -> None:
    begin, end = CAUSES[what]
    told = [subjects_after_a_look(mail)]
    begin()
    told += [subjects_after_a_look(mail) for _ in range(3)]
    end()
    told += [subjects_after_a_look(mail) for _ in range(2)]
    begin_again = CAUSES[what][0]
    if what != WAITING:
        begin_again()
        told.append(subjects_after_a_look(mail))

    assert told[:6] == [[], [what], [], [], [f"Resolved: {what}"], []]
    assert told[6:] in ([], [[what]])


class TestMissingClips:
    @pytest.fixture(autouse=True)
    def published(self) -> Clip:
        """One of two published clips; its audio is missing."""
        missing = clip("Missing")
        for one in (missing, clip("There")):
            Pin.objects.create(content_hash=one.content_hash, reason=Pin.Reason.LIVE)
        Clip.objects.filter(pk=missing.pk).update(stored_at=None)
        return missing

    def test_missing_clips_raise_no_alert_before_fifteen_minutes(self, mail: MailServer) -> None:
        assert subjects_after_a_look(mail) == []
        assert alerts.open_alerts() == []
        let_minutes_pass(14)
        assert subjects_after_a_look(mail) == []
        let_minutes_pass(1)
        assert subjects_after_a_look(mail) == [MISSING]
        assert "1 of 2 published clips are ready" in mail.received[-1].get_content()

    def test_missing_clips_made_in_time_raise_no_alert(self, mail: MailServer, published: Clip) -> None:
        tasks.look_for_trouble()
        Clip.objects.filter(pk=published.pk).update(stored_at=timezone.now())

        assert subjects_after_a_look(mail) == []
        assert not Alert.objects.exists()

    def test_the_alert_of_missing_clips_ends_once_they_are_made(
        self, mail: MailServer, published: Clip
    ) -> None:
        tasks.look_for_trouble()
        let_minutes_pass(15)
        tasks.look_for_trouble()
        Clip.objects.filter(pk=published.pk).update(stored_at=timezone.now())

        assert subjects_after_a_look(mail) == [f"Resolved: {MISSING}"]


class TestAlertMail:
    def test_alert_mail_goes_to_every_address_and_says_what_is_wrong(self, mail: MailServer) -> None:
        last_call("quota_used_up")
        tasks.look_for_trouble()

        (message,) = mail.received
        assert message["To"] == "ana@example.org, ops@example.org"
        assert "our quota is used up" in message.get_content()

    def test_alert_mail_is_sent_later_when_the_mail_server_is_down(self, mail: MailServer) -> None:
        last_call("key_refused")
        mail.stop()
        tasks.look_for_trouble()
        assert [alert.kind for alert in alerts.open_alerts()] == ["key_refused"]
        mail.start()

        assert [subjects_after_a_look(mail), subjects_after_a_look(mail)] == [[KEY], []]

    def test_alert_mail_is_sent_later_when_the_mail_server_refuses_it(self, mail: MailServer) -> None:
        commit(4.5)
        mail.refuses = True
        assert subjects_after_a_look(mail) == []
        mail.refuses = False

        assert subjects_after_a_look(mail) == [BUDGET]

    def test_alert_mail_after_an_outage_says_only_that_the_alert_ended(self, mail: MailServer) -> None:
        last_call("key_refused")
        mail.stop()
        tasks.look_for_trouble()
        last_call("ok")
        mail.start()

        assert subjects_after_a_look(mail) == [f"Resolved: {KEY}"]

    def test_an_alert_without_addresses_is_a_log_line(
        self, mail: MailServer, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.ALERT_EMAILS = []
        commit(4.5)
        for _ in range(3):
            tasks.look_for_trouble()

        lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert [line for line in lines if "ALERT_EMAILS" in line] == lines
        assert (len(lines), mail.received) == (1, [])

    def test_alert_mail_is_sent_by_one_of_two_hosts(self, mail: MailServer) -> None:
        last_call("key_refused")
        held = speech_cache().leases.acquire("look-for-trouble")
        assert held is not None
        assert subjects_after_a_look(mail) == []
        speech_cache().leases.release(held)

        assert subjects_after_a_look(mail) == [KEY]


class TestHitRates:
    @pytest.mark.parametrize(
        ("kind", "hits", "misses", "is_told"),
        [
            ("question", 45, 4, False),  # fewer than fifty requests raise no alert
            ("question", 95, 5, False),
            ("question", 94, 6, True),
            ("narrative", 95, 5, True),
            ("analysis", 60, 40, False),
            ("response", 0, 500, False),
        ],
        ids=["too-few", "at-the-target", "under-it", "higher-target", "lower-target", "none"],
    )
    def test_hit_rates_are_compared_with_the_target_of_their_kind(
        self, kind: str, hits: int, misses: int, is_told: bool, mail: MailServer
    ) -> None:
        ask(hits, misses, kind)

        assert (WAITING in subjects_after_a_look(mail)) is is_told

    def test_hit_rates_for_alerts_cover_the_last_day(self, mail: MailServer) -> None:
        ask(0, 500, hours_ago=25)

        assert subjects_after_a_look(mail) == []

    def test_low_hit_rates_are_alerted_by_kind(self, mail: MailServer) -> None:
        ask(50, 50, "question")
        ask(50, 50, "narrative")

        assert subjects_after_a_look(mail) == [WAITING, WAITING]

    def test_hit_rate_targets_can_be_set(self, mail: MailServer, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "hit_rate_targets": {"question": 0.5}}
        ask(60, 40)

        assert subjects_after_a_look(mail) == []


def test_a_call_that_gives_money_back_does_not_end_the_alert_of_the_budget(mail: MailServer) -> None:
    commit(4.0)
    tasks.look_for_trouble()
    commit(3.9)

    assert subjects_after_a_look(mail) == []


def test_an_open_alert_shows_its_current_figures(mail: MailServer) -> None:
    for usd in (4.0, 4.75):
        commit(usd)
        tasks.look_for_trouble()

    assert "$4.75 of today's $5.00" in alerts.open_alerts()[0].says


def let_minutes_pass(minutes: int) -> None:
    """Move every alert back in time by this many minutes."""
    earlier = timedelta(minutes=minutes)
    Alert.objects.update(since=F("since") - earlier, due_at=F("due_at") - earlier)
