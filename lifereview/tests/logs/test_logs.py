"""The log: JSON lines, ids of requests, and nothing that a stranger has sent."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import datetime
from typing import Any

import pytest

from harness.clips import entry
from lifereview.logs.log_filters import RefusalWithoutQuotation, RefusalWithoutTraceback
from lifereview.logs.log_format import JsonLines
from lifereview.middleware.request_ids import RequestIds, current_request_id
from ttscache.connections import OrmThreadPool, start_thread
from ttscache.generation.recording import Recording
from ttscache.tiers import Entry
from ttscache.warming.prefetch import Prefetcher

pytestmark = pytest.mark.any_database

WORDS = "words of a person"


def record_of(
    message: str, *values: object, error: BaseException | None = None, name: str = "ttscache.x"
) -> Any:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord(name, logging.WARNING, "file.py", 1, message, values, info)


def answered_with(is_from_proxy: bool, given: str, own: str = "") -> tuple[str, list[str]]:
    """Return the id that the application sees, and the ids in the answer."""
    seen: dict[str, str] = {}
    sent: list[tuple[str, str]] = []

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.update(environ)
        start("200 OK", [("x-request-id", own)] if own else [])
        return []

    environ = {"HTTP_X_REQUEST_ID": given, "lifereview.is_from_proxy": is_from_proxy}
    RequestIds(application)(environ, lambda _, headers: sent.extend(headers))  # type: ignore[arg-type]
    return seen["HTTP_X_REQUEST_ID"], [value for name, value in sent if name.lower() == "x-request-id"]


def test_a_json_line_has_time_level_logger_message_and_the_id_of_the_request() -> None:
    answered_with(True, "abcdefgh-12")
    line = json.loads(JsonLines().format(record_of("Clip %s is made.", "ab12")))

    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "level": "WARNING",
        "logger": "ttscache.x",
        "message": "Clip ab12 is made.",
        "request_id": "abcdefgh-12",
    }


def test_a_json_line_names_the_exception_and_its_cause_without_their_messages() -> None:
    try:
        try:
            raise KeyError(WORDS)
        except KeyError as cause:
            raise ValueError(WORDS) from cause
    except ValueError as error:
        text = JsonLines().format(record_of("It failed.", error=error))

    line = json.loads(text)
    assert line["exception"] == "ValueError"
    assert [place for place in line["traceback"] if ":" not in place] == ["KeyError", "ValueError"]
    assert "in test_a_json_line_names" in line["traceback"][1]
    assert WORDS not in text


def test_a_json_line_leaves_out_what_django_attaches_to_a_record() -> None:
    record = record_of("Not found.")
    record.request = WORDS

    assert WORDS not in JsonLines().format(record)


@pytest.mark.parametrize("given", ["abcdefgh", "0af7651916cd43dd8448eb211c80319c", "req_1234-5678.9"])
def test_a_well_formed_id_of_a_proxy_is_kept(given: str) -> None:
    assert answered_with(True, given) == (given, [given])


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 129, "new\nline-12", "spaces in it", "ä" * 10, "<script>"]
)
def test_a_malformed_id_of_a_proxy_is_replaced(given: str) -> None:
    seen, sent = answered_with(True, given)

    assert seen != given
    assert sent == [seen]
    assert len(seen) == 32


def test_the_id_that_a_stranger_sends_is_replaced() -> None:
    assert answered_with(False, "0af7651916cd43dd8448eb211c80319c")[0] != "0af7651916cd43dd8448eb211c80319c"


def test_an_answer_has_one_id_only() -> None:
    assert answered_with(True, "abcdefgh", own="req_of_its_own") == ("abcdefgh", ["abcdefgh"])


@pytest.mark.parametrize(
    ("message", "values", "logged"),
    [
        (f"Invalid request from ip=127.0.0.1: Invalid HTTP request line: '{WORDS}'", (), "127.0.0.1"),
        (f"Invalid request from ip=2001:db8::7: {WORDS}: x\ny", (), "2001:db8::7"),
        (f"Invalid request from ip=: {WORDS}", (), "was answered with an error"),
        ("Error handling request %s %s", ("GET", f"/api/narratives?voice={WORDS}"), "GET /api/narratives"),
    ],
)
def test_a_line_of_the_server_quotes_nothing_that_was_sent(
    message: str, values: tuple[str, ...], logged: str
) -> None:
    record = record_of(message, *values, name="gunicorn.error")
    assert RefusalWithoutQuotation().filter(record)

    assert logged in record.getMessage()
    assert WORDS not in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_strange_host_makes_one_short_line_without_a_traceback() -> None:
    record = record_of(
        "Invalid HTTP_HOST header: %r.\n" + "x" * 1_000, "evil", name="django.security.DisallowedHost"
    )
    try:
        raise ValueError
    except ValueError:
        record.exc_info = sys.exc_info()
    assert RefusalWithoutTraceback().filter(record)
    line = logging.Formatter().format(record)

    assert line.startswith("Invalid HTTP_HOST header: 'evil'.")
    assert len(line) <= 300
    assert "\n" not in line


# --- threads that work for a request ----------------------------------------------------------------------
def in_a_request(request_id: str, work: Callable[[], object]) -> None:
    def serve() -> None:
        answered_with(True, request_id)
        work()

    copy_context().run(serve)


def id_in_a_recording(note: Callable[[], None]) -> None:
    def make(recording: Recording) -> Entry:
        note()
        return entry()

    recording = Recording(make)
    start_thread(recording.run, name="recording")
    recording.result()


def id_in_a_prefetch(note: Callable[[], None]) -> None:
    noted = threading.Event()

    def what_follows(content_hash: str) -> tuple[()]:
        note()
        noted.set()
        return ()

    prefetcher = Prefetcher(what_follows).start()
    prefetcher.note_request("a" * 32)
    assert noted.wait(10)
    prefetcher.stop()


def id_in_a_pool(note: Callable[[], None]) -> None:
    with OrmThreadPool(1) as pool:
        pool.submit(note).result()


@pytest.mark.parametrize(
    "work_for",
    [id_in_a_recording, id_in_a_prefetch, id_in_a_pool, lambda note: start_thread(note, name="x").join()],
)
def test_lines_of_a_thread_carry_the_id_of_the_request_that_it_works_for(work_for: Any) -> None:
    seen: list[str] = []
    in_a_request("abcdefgh-34", lambda: work_for(lambda: seen.append(current_request_id())))
    assert seen == ["abcdefgh-34"]


def test_a_thread_of_a_pool_forgets_the_request_whose_task_it_has_ended() -> None:
    with OrmThreadPool(1) as pool:
        in_a_request("abcdefgh-56", lambda: pool.submit(int).result())
        # Past the pool's own submit, as the thread itself sees it between two tasks.
        assert super(OrmThreadPool, pool).submit(current_request_id).result() == ""
