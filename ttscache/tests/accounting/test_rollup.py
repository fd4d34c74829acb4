from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.db.models import Sum

from ttscache.accounting.counters import DAILY_REQUESTS, PLAYBACK_STARTS, SPENDING, USAGE, CounterTable
from ttscache.accounting.ledger import Ledger, RequestedClip
from ttscache.accounting.rollup import is_whole_day, roll_up, start_of_day
from ttscache.api.stats import cache_stats
from ttscache.models import ContentType, DailyRequests, PlaybackStart, Spending, Usage
from ttscache.speech import SpeechRequest

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 6, 15, 13, 30, tzinfo=UTC)
TABLES = (USAGE, SPENDING, PLAYBACK_STARTS, DAILY_REQUESTS)
OUTCOMES = ("memory", "file", "database", "collapsed", "generated", "failed")


def count(ledger: Ledger, chance: random.Random, requests: int) -> None:
    for _ in range(requests):
        kind = chance.choice(ContentType.values)
        voice = chance.choice(["nova", "onyx"])
        clip = f"{chance.randrange(5):032x}"
        requested = RequestedClip(clip, kind, voice, "tts-1-hd", chance.randrange(1, 300))
        seconds, audio_bytes = chance.choice([0.001, 0.1, 3]), chance.randrange(1_000)
        ledger.record_request(
            requested, chance.choice(OUTCOMES), seconds, audio_bytes, made_ahead=chance.random() < 0.5
        )
        request = SpeechRequest(text="x" * chance.randrange(1, 99), voice=voice, model="tts-1-hd")
        ledger.record_call(request, kind, 0.01, chance.choice(["ok", "provider_timeout"]))
        ledger.record_playback(kind, voice, chance.choice([90, 2_900]))


def ledger_at(chance: random.Random, newest: datetime, days: int) -> Ledger:
    """Return a ledger whose clock jumps at random between the hours of the last `days` days."""

    def jump() -> float:
        return (newest - timedelta(hours=chance.randrange(24 * days))).timestamp()

    return Ledger(lambda requested: requested.characters * 30 / 1e6, clock=jump)


def fill(days: int = 480, requests: int = 1_500) -> None:
    chance = random.Random(1)
    ledger = ledger_at(chance, NOW, days)
    count(ledger, chance, requests)
    assert ledger.flush()


def sums(table: CounterTable) -> list[tuple[Any, ...]]:
    """Return the sums of a table by every key column except the time."""
    rows = table.model._default_manager.order_by(*table.key[1:]).values_list(*table.key[1:])
    return list(rows.annotate(*(Sum(name) for name in table.counts)))


def all_rows() -> list[list[Any]]:
    return [sorted(table.model._default_manager.values_list()) for table in TABLES]


def all_sums() -> list[list[tuple[Any, ...]]]:
    return [sums(table) for table in TABLES]


def test_rollup_keeps_every_sum_and_merges_old_rows_into_days_and_months() -> None:
    fill()
    before, rows, stats = all_sums(), Usage.objects.count(), cache_stats()
    days = Usage.objects.values("hour__date").annotate(Sum("requests")).order_by("hour__date")
    by_day = list(days)
    roll_up(NOW)

    assert all_sums() == before
    assert cache_stats() == stats
    assert list(days) == by_day
    assert Usage.objects.count() < rows
    boundary = start_of_day(NOW) - timedelta(days=90)
    for table in (Usage, Spending, PlaybackStart):
        old = {
            moment.hour for moment in table.objects.filter(hour__lt=boundary).values_list("hour", flat=True)
        }
        young = {
            moment.hour for moment in table.objects.filter(hour__gt=boundary).values_list("hour", flat=True)
        }
        assert old == {0}
        assert len(young) == 24
    first_day = date(2025, 5, 1)
    assert {
        day.day for day in DailyRequests.objects.filter(day__lt=first_day).values_list("day", flat=True)
    } == {1}
    assert DailyRequests.objects.filter(day__gt=first_day, day__lt=date(2025, 6, 1)).count() > 20


def test_a_second_rollup_changes_nothing() -> None:
    fill()
    roll_up(NOW)
    rows = all_rows()
    roll_up(NOW)

    assert all_rows() == rows


def test_rollup_adds_a_late_count_to_its_day() -> None:
    fill(requests=200)
    roll_up(NOW)
    for hour in (0, 7):
        late = Ledger(lambda _: 0, clock=datetime(2025, 3, 4, hour, tzinfo=UTC).timestamp)
        for _ in range(3):
            late.record_request(
                RequestedClip("f" * 32, "question", "fable", "tts-1-hd", 10), "edge", 0.001, 1
            )
        assert late.flush()
    roll_up(NOW)

    (row,) = Usage.objects.filter(voice="fable")
    assert (row.hour, row.requests) == (datetime(2025, 3, 4, tzinfo=UTC), 6)
    (month,) = DailyRequests.objects.filter(content_hash="f" * 32)
    assert (month.day, month.requests) == (date(2025, 3, 1), 6)


@pytest.mark.parametrize("statement", range(1, 16, 2))
def test_a_rollup_cut_off_anywhere_loses_nothing_and_resumes(statement: int) -> None:
    left = iter(range(1, statement))

    def cut_off(execute: Callable[..., Any], *arguments: Any) -> Any:
        if next(left, None) is None:
            raise OperationalError("killed")
        return execute(*arguments)

    fill()
    before = all_sums()
    with pytest.raises(OperationalError), connection.execute_wrapper(cut_off):
        roll_up(NOW)

    assert all_sums() == before
    roll_up(NOW)
    rows = all_rows()
    roll_up(NOW)
    assert all_sums() == before
    assert all_rows() == rows


def test_rollups_on_two_hosts_beside_two_counting_processes_lose_nothing() -> None:
    """The processes write into the hours that are being merged, as a process that is far behind would."""
    fill(requests=300)
    before = Usage.objects.aggregate(Sum("requests"))["requests__sum"]
    is_over = threading.Event()

    def keep_counting(seed: int) -> None:
        chance = random.Random(seed)
        ledger = ledger_at(chance, NOW - timedelta(days=470), 3)
        for _ in range(15):
            count(ledger, chance, 20)
            ledger.flush()
        while not ledger.flush():
            pass
        connection.close()

    def keep_rolling_up() -> None:
        while not is_over.is_set():
            try:
                roll_up(NOW)
            except DatabaseError:  # a deadlock: the database aborts one of the two
                continue
        connection.close()

    counting = [threading.Thread(target=keep_counting, args=[seed]) for seed in (1, 2)]
    rolling = [threading.Thread(target=keep_rolling_up) for _ in range(2)]
    for thread in (*counting, *rolling):
        thread.start()
    for thread in counting:
        thread.join()
    is_over.set()
    for thread in rolling:
        thread.join()
    roll_up(NOW)

    assert Usage.objects.aggregate(Sum("requests"))["requests__sum"] == before + 600
    assert Spending.objects.aggregate(Sum("calls"))["calls__sum"] == before + 600
    assert PlaybackStart.objects.aggregate(Sum("starts"))["starts__sum"] == before + 600
    assert DailyRequests.objects.aggregate(Sum("requests"))["requests__sum"] == before + 600
    assert not Usage.objects.filter(hour__lt=NOW - timedelta(days=100)).exclude(hour__hour=0).exists()


def test_only_the_first_hour_of_an_old_day_holds_its_sum() -> None:
    today = start_of_day(datetime.now(UTC))

    assert is_whole_day(today - timedelta(days=91))
    assert not is_whole_day(today - timedelta(days=91, hours=-1))
    assert not is_whole_day(today)
