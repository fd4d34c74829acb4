from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from harness.clips import KEY, TEXT, speech
from harness.fake_voice import free_ledger
from harness.waiting import wait_until
from ttscache.accounting.ledger import HITS, OUTCOMES, Ledger, RequestedClip
from ttscache.models import Clip, DailyRequests, FlushedBatch, PlaybackStart, Spending, Usage

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = RequestedClip(KEY, "question", "nova", "tts-1-hd", 100)


def total(ledger: Ledger) -> int:
    ledger.flush()
    return sum(Usage.objects.values_list("requests", flat=True))


def test_ledger_counts_every_request_once() -> None:
    ledger = free_ledger()
    for outcome in ("memory", "memory", "generated", "failed"):
        ledger.record_request(ASKED, outcome, 0.003, 1_000)
    ledger.flush()
    ledger.record_request(ASKED, "memory", 0.003, 1_000)

    assert total(ledger) == 5
    memory = Usage.objects.get(outcome="memory")
    assert (memory.requests, memory.characters, memory.audio_bytes, memory.list_price_microusd) == (
        3,
        300,
        3_000,
        9_000,
    )
    assert Usage.objects.get(outcome="failed").list_price_microusd == 0
    assert DailyRequests.objects.get(content_hash=KEY).requests == 5


def test_a_flush_that_the_database_refuses_loses_no_playback_start() -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("gone")

    ledger = free_ledger()
    for milliseconds in (90, 100, 2_900):
        ledger.record_playback("question", "nova", milliseconds)
    with connection.execute_wrapper(refuse):
        assert ledger.flush() is False
    ledger.record_playback("question", "nova", 95)

    assert total(ledger) == 0
    assert dict(PlaybackStart.objects.values_list("latency_bucket", "starts")) == {6: 3, 11: 1}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_hits_on_clips_made_ahead_are_counted_as_such_and_nothing_else(outcome: str) -> None:
    ledger = free_ledger()
    for made_ahead in (True, True, False):
        ledger.record_request(ASKED, outcome, 0.001, 1, made_ahead=made_ahead)

    assert total(ledger) == 3
    assert Usage.objects.get().warmed_hits == (2 if outcome in HITS else 0)


def test_ledger_counts_a_latency_in_its_bucket() -> None:
    ledger = free_ledger()
    for seconds in (0.0005, 0.001, 0.0015, 60):
        ledger.record_request(ASKED, "memory", seconds, 0)
    ledger.flush()

    buckets = dict(Usage.objects.values_list("latency_bucket", "requests"))
    assert buckets == {0: 2, 1: 1, 14: 1}


def test_counters_of_several_threads_add_up() -> None:
    ledgers = [free_ledger() for _ in range(4)]

    def work(ledger: Ledger) -> None:
        for _ in range(10):
            for _ in range(20):
                ledger.record_request(ASKED, "file", 0.002, 10)
            ledger.flush()
        connection.close()

    threads = [threading.Thread(target=work, args=[ledger]) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert total(ledgers[0]) == 800


def test_a_flush_returns_only_when_one_that_is_under_way_has_written() -> None:
    ledger, may_go_on, has_begun = free_ledger(), threading.Event(), threading.Event()
    ledger.record_request(ASKED, "memory", 0.001, 1)

    def slow(execute: Any, *arguments: Any) -> Any:
        has_begun.set()
        assert may_go_on.wait(60)
        return execute(*arguments)

    def flush_slowly() -> None:
        with connection.execute_wrapper(slow):
            ledger.flush()
        connection.close()

    first = threading.Thread(target=flush_slowly)
    first.start()
    assert has_begun.wait(60)
    second = threading.Thread(target=ledger.flush)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    may_go_on.set()
    first.join()
    second.join()

    assert total(ledger) == 1


@pytest.mark.parametrize("error", [OperationalError("database is locked"), InterfaceError("closed")])
def test_counts_that_the_database_refuses_wait_for_the_next_flush(error: Error) -> None:
    def refuse(*_: object) -> None:
        raise error

    ledger = free_ledger()
    ledger.record_request(ASKED, "memory", 0.001, 1)
    with connection.execute_wrapper(refuse):
        assert ledger.flush() is False
        ledger.record_request(ASKED, "memory", 0.001, 1)
        assert ledger.flush() is False
    ledger.record_request(ASKED, "memory", 0.001, 1)

    assert total(ledger) == 3


def test_a_database_lost_during_a_flush_keeps_none_of_the_batch() -> None:
    def refuse_clips(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if "dailyrequests" in sql:
            raise OperationalError("gone")
        return execute(sql, *arguments)

    ledger = free_ledger()
    ledger.record_request(ASKED, "memory", 0.001, 1)
    with connection.execute_wrapper(refuse_clips):
        assert ledger.flush() is False

    assert not Usage.objects.exists()
    assert total(ledger) == 1


def test_a_batch_whose_commit_answer_is_lost_is_not_written_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit_and_fall_silent() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    ledger, backend = free_ledger(), cast(Any, connection)
    commit = backend._commit
    ledger.record_request(ASKED, "memory", 0.001, 1)
    ledger.record_call(speech(), "question", 0.5, "ok")
    with monkeypatch.context() as patch:
        patch.setattr(backend, "_commit", commit_and_fall_silent)
        assert ledger.flush() is False
    ledger.record_request(ASKED, "memory", 0.001, 1)

    assert total(ledger) == 2
    assert Spending.objects.get().calls == 1


def test_a_batch_that_is_being_committed_is_not_written_in_parallel() -> None:
    has_signed, may_commit, answers = threading.Event(), threading.Event(), []

    def sign_slowly() -> None:
        with transaction.atomic():
            answers.append(FlushedBatch.objects.register("ledger", 1))
            has_signed.set()
            assert may_commit.wait(60)
        connection.close()

    def sign_again() -> None:
        with transaction.atomic():
            answers.append(FlushedBatch.objects.register("ledger", 1))
        connection.close()

    threads = [threading.Thread(target=sign_slowly), threading.Thread(target=sign_again)]
    threads[0].start()
    assert has_signed.wait(60)
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    may_commit.set()
    for thread in threads:
        thread.join()

    assert answers == [True, False]


def test_a_request_is_counted_in_its_own_hour_and_day_even_if_the_flush_comes_later() -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    times = iter([midnight - 0.001, midnight, midnight + 3_599.999, midnight + 3_600, midnight - 7_200])
    ledger = Ledger(lambda clip: 0, clock=lambda: next(times))
    for _ in range(5):
        ledger.record_request(ASKED, "memory", 0.001, 1)

    assert total(ledger) == 5
    hours = {(row.hour.day, row.hour.hour): row.requests for row in Usage.objects.all()}
    assert hours == {(28, 22): 1, (28, 23): 1, (1, 0): 2, (1, 1): 1}
    days = dict(DailyRequests.objects.values_list("day", "requests"))
    assert days == {date(2026, 2, 28): 2, date(2026, 3, 1): 3}


def test_flushing_a_thousand_clips_takes_a_few_statements() -> None:
    ledger = free_ledger()
    for number in range(1_000):
        ledger.record_request(
            RequestedClip(f"{number:032x}", "question", "nova", "tts-1-hd", 9), "memory", 0.001, 1
        )
    with CaptureQueriesContext(connection) as queries:
        assert ledger.flush()

    assert DailyRequests.objects.count() == 1_000
    assert len(queries) < 20


def test_long_work_without_housekeeping_still_flushes_its_counts() -> None:
    ledger = free_ledger()
    with ledger.flushed_every(0.01):
        ledger.record_call(speech(), "question", 0.5, "ok")
        wait_until(Spending.objects.exists, "the first call to be written")
        ledger.record_call(speech(), "question", 0.5, "ok")

    assert Spending.objects.get().calls == 2


def test_a_persons_own_words_are_counted_without_a_key() -> None:
    ledger = free_ledger()
    ledger.record_request(RequestedClip("", "response", "nova", "tts-1-hd", 10), "generated", 1, 1)

    assert total(ledger) == 1
    assert not DailyRequests.objects.exists()


def clip_last_requested(ago: timedelta, text: str = TEXT) -> Clip:
    clip = Clip.objects.record(speech(text), "question")
    Clip.objects.filter(pk=clip.pk).update(last_accessed_at=timezone.now() - ago)
    clip.refresh_from_db()
    return clip


@pytest.mark.parametrize("outcome", HITS)
@pytest.mark.parametrize(("minutes", "is_noted"), [(59, False), (61, True)])
def test_a_flush_writes_the_last_request_of_a_clip_to_the_hour(
    outcome: str, minutes: int, is_noted: bool
) -> None:
    clip, other = (clip_last_requested(timedelta(minutes=minutes), text) for text in ("This.", "Another."))
    ledger = free_ledger()
    ledger.record_request(RequestedClip(clip.content_hash, "question", "nova", "tts-1-hd", 10), outcome, 1, 1)
    assert ledger.flush()

    then, now = clip.last_accessed_at, Clip.objects.get(pk=clip.pk).last_accessed_at
    assert (now > then) is is_noted
    assert now == then or timezone.now() - now < timedelta(minutes=1)
    assert Clip.objects.get(pk=other.pk).last_accessed_at == other.last_accessed_at


def test_a_flush_writes_the_last_requests_of_all_clips_in_one_statement() -> None:
    clips = [clip_last_requested(timedelta(days=80), f"Text {number}.") for number in range(50)]
    ledger = free_ledger()
    for clip in clips:
        ledger.record_request(
            RequestedClip(clip.content_hash, "question", "nova", "tts-1-hd", 10), "memory", 1, 1
        )
    with CaptureQueriesContext(connection) as queries:
        assert ledger.flush()

    assert sum('UPDATE "tts_cache"' in query["sql"] for query in queries) == 1
    assert not Clip.objects.filter(last_accessed_at__lt=timezone.now() - timedelta(hours=1)).exists()
