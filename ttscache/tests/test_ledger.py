from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection

from ttscache.ledger import Asked, Ledger
from ttscache.models import Clip, ClipDay, Usage
from ttscache.tests.fakes import KEY, free_ledger, speech

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = Asked(KEY, "question", "nova", "tts-1-hd", 100)


def total(ledger: Ledger) -> int:
    ledger.flush()
    return sum(Usage.objects.values_list("requests", flat=True))


def test_every_request_is_there_once() -> None:
    ledger = free_ledger()
    for outcome in ("memory", "memory", "generated", "failed"):
        ledger.asked(ASKED, outcome, 0.003, 1_000)
    ledger.flush()
    ledger.asked(ASKED, "memory", 0.003, 1_000)

    assert total(ledger) == 5
    memory = Usage.objects.get(outcome="memory")
    assert (memory.requests, memory.characters, memory.audio_bytes, memory.worth_microusd) == (
        3,
        300,
        3_000,
        9_000,
    )
    assert Usage.objects.get(outcome="failed").worth_microusd == 0
    assert ClipDay.objects.get(content_hash=KEY).requests == 5


def test_latency_goes_into_its_bucket() -> None:
    ledger = free_ledger()
    for seconds in (0.0005, 0.001, 0.0015, 60):
        ledger.asked(ASKED, "memory", seconds, 0)
    ledger.flush()

    buckets = dict(Usage.objects.values_list("latency_bucket", "requests"))
    assert buckets == {0: 2, 1: 1, 14: 1}


def test_books_of_several_threads_add_up() -> None:
    ledgers = [free_ledger() for _ in range(4)]

    def work(ledger: Ledger) -> None:
        for _ in range(10):
            for _ in range(20):
                ledger.asked(ASKED, "file", 0.002, 10)
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
    ledger.asked(ASKED, "memory", 0.001, 1)

    def slow(execute: Any, *arguments: Any) -> Any:
        has_begun.set()
        assert may_go_on.wait(10)
        return execute(*arguments)

    def flush_slowly() -> None:
        with connection.execute_wrapper(slow):
            ledger.flush()
        connection.close()

    first = threading.Thread(target=flush_slowly)
    first.start()
    assert has_begun.wait(10)
    second = threading.Thread(target=ledger.flush)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    may_go_on.set()
    first.join()
    second.join()

    assert total(ledger) == 1


def test_what_the_database_does_not_take_waits_for_the_next_time() -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("gone")

    ledger = free_ledger()
    ledger.asked(ASKED, "memory", 0.001, 1)
    with connection.execute_wrapper(refuse):
        assert ledger.flush() is False
    ledger.asked(ASKED, "memory", 0.001, 1)

    assert total(ledger) == 2


def test_a_persons_own_words_are_counted_without_a_key() -> None:
    ledger = free_ledger()
    ledger.asked(Asked("", "response", "nova", "tts-1-hd", 10), "generated", 1, 1)

    assert total(ledger) == 1
    assert not ClipDay.objects.exists()


def test_last_asked_for_rides_along_and_is_true_to_the_hour() -> None:
    clip = Clip.objects.record(speech(), "question")
    Clip.objects.update(last_accessed_at="2026-01-01T00:00:00Z")
    ledger = free_ledger()
    ledger.asked(Asked(clip.content_hash, "question", "nova", "tts-1-hd", 10), "memory", 1, 1)
    ledger.flush()
    first = Clip.objects.get().last_accessed_at
    ledger.asked(Asked(clip.content_hash, "question", "nova", "tts-1-hd", 10), "memory", 1, 1)
    ledger.flush()

    assert first.year > 2025 and (first.month, first.day) != (1, 1)
    assert Clip.objects.get().last_accessed_at == first
