"""p95 of the dashboard over HTTP, a million clips, a year of usage; the baseline is the list of groups.

Ours requests each range in turn, signed in, from gunicorn; the baseline is the simplest staff page. Figures
that are cached for a minute are refreshed meanwhile, at the same time as the measured requests.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil

from bench.product import inside
from bench.table import Judged, MeasuredRow, Target, rounded
from harness import http
from harness.postgres import PostgresServer
from harness.site import WebServer

CLIPS = 1_000_000
ROUNDS = 3
PAGES = 40  # of one round
RANGES = ("24h", "7d", "30d", "90d", "365d")
MOST_MS = {"SQLite": 600, "PostgreSQL": 300}


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield from _rows(Path(folder), {}, database="SQLite")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, PostgresServer() as postgres:
        given = {"DATABASE_URL": postgres.create_database()}
        yield from _rows(Path(folder), given, database="PostgreSQL")


def _rows(folder: Path, given: dict[str, str], *, database: str) -> Iterator[MeasuredRow]:
    site = WebServer(folder / "var", given | {"WEB_WORKERS": "2", "WEB_THREADS": "8"})
    site.prepare()
    began = time.monotonic()
    filled = inside(site.environment(), fill_a_year, clips=CLIPS, timeout_seconds=900)
    filled_seconds = time.monotonic() - began
    with site:
        headers = {"Cookie": f"sessionid={filled['session']}"}
        cold = [_load_ms(site, f"/admin/?range={name}", headers) for name in RANGES]
        ours, baseline = [], []
        by_range: dict[str, list[float]] = {name: [] for name in RANGES}
        cpu_ms = []
        for _ in range(ROUNDS):
            took, before = [], _cpu_seconds(site)
            for name in islice(cycle(RANGES), PAGES):
                took.append(_load_ms(site, f"/admin/?range={name}", headers))
                by_range[name].append(took[-1])
            cpu_ms.append((_cpu_seconds(site) - before) * 1_000 / PAGES)
            ours.append(_p95(took))
            baseline.append(_p95([_load_ms(site, "/admin/auth/group/", headers) for _ in range(PAGES)]))
    slowest = {name: rounded(_p95(took)) for name, took in by_range.items()}
    yield MeasuredRow(
        name=f"dashboard, p95 ({database})",
        ours=ours,
        baseline=baseline,
        unit="ms",
        target=Target(Judged.FIGURE, MOST_MS[database]),
        notes=f"by range {json.dumps(slowest)}; first request of a range "
        f"{rounded(max(cold))} ms at most; CPU of the web server per page {rounded(median(cpu_ms))} ms, "
        f"load average {os.getloadavg()[0]:.1f}; {filled['usage']:,} usage rows, "
        f"filled in {filled_seconds:.0f} s",
    )


def _load_ms(site: WebServer, address: str, headers: dict[str, str]) -> float:
    """Milliseconds to the last byte."""
    began = time.monotonic()
    answer = http.get(f"{site.url}{address}", headers=headers, timeout_seconds=120)
    assert answer.status == 200, answer.status
    return (time.monotonic() - began) * 1_000


def _cpu_seconds(site: WebServer) -> float:
    """CPU seconds of the workers since their start, including background look-ups."""
    times = [psutil.Process(pid).cpu_times() for pid in site.worker_pids()]
    return sum(each.user + each.system for each in times)


def _p95(took: list[float]) -> float:
    return quantiles(took, n=20, method="inclusive")[-1]


# --- in the product ---------------------------------------------------------------------------------------
def fill_a_year(clips: int) -> dict[str, Any]:
    """In the product: fill a year of figures with SQL, by the hour for 90 days and by the day before that.

    Most clips are reflections. Each was heard once or twice, some of them often.
    """
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connection

    from ttscache.accounting.rollup import HOURS_KEPT
    from ttscache.models import Usage
    from ttscache.reports.scope import DAY

    _fill_clips(clips)
    for table in ("ttscache_usage", "ttscache_spending"):
        _fill_figures(table, f"24 * {HOURS_KEPT // DAY}", "hour")
        _fill_figures(table, f"365 - {HOURS_KEPT // DAY}", "day")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    user = User.objects.create_superuser("bench")
    session = SessionStore()
    session.update(
        {
            "_auth_user_id": str(user.pk),
            "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
            "_auth_user_hash": user.get_session_auth_hash(),
        }
    )
    session.create()
    return {"session": session.session_key, "usage": Usage.objects.count()}


def _fill_clips(clips: int) -> None:
    from django.db import connection

    is_sqlite = connection.vendor == "sqlite"
    numbers = (
        f"WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < {clips - 1})"
        if is_sqlite
        else f"WITH g AS (SELECT generate_series(0, {clips - 1}) AS n)"
    )
    content_hash = "printf('%032x', n * 7919)" if is_sqlite else "lpad(to_hex(n * 7919::bigint), 32, '0')"
    key = content_hash if is_sqlite else f"{content_hash}::uuid"
    ago = _ago("(n % 365)", "days")
    with connection.cursor() as cursor:
        cursor.execute(
            f"{numbers} INSERT INTO tts_cache (id, content_hash, content_text, voice, content_type,"
            " created_at, last_accessed_at, stored_at, audio_file_size, stored_size, is_shareable, is_active,"
            " model, audio_format, speed, instructions, checksum, stored_in, encoding, made_ahead, is_hidden)"
            f" SELECT {key}, {content_hash}, 'A reflection of the usual length, which says back what somebody"
            " told, in other words, and asks for nothing more than that; number ' || n,"
            " CASE WHEN n % 3 = 0 THEN 'onyx' ELSE 'nova' END,"
            " CASE WHEN n % 50 = 0 THEN 'question' WHEN n % 70 = 0 THEN 'narrative' ELSE 'analysis' END,"
            f" {ago}, {ago}, {ago}, 60000 + n % 9000, 60000 + n % 9000, {_flag('n % 20 = 0')},"
            f" {_flag('1 = 1')}, 'tts-1-hd', 'mp3', 1, '', '0123456789', 'database', '', {_flag('1 = 0')},"
            f" {_flag('1 = 0')} FROM g"
        )
        for plays, every in ((1, 1), (2, 4), (9, 400)):  # fewer clips are heard more often
            day = _ago(f"((n + {plays} * 13) % 360)", "days")
            cursor.execute(
                f"{numbers} INSERT INTO ttscache_dailyrequests (content_hash, day, requests)"
                f" SELECT {content_hash}, {f'date({day})' if is_sqlite else f'{day}::date'},"
                f" {plays} FROM g WHERE n % {every} = 0 AND n % 10 <> 9 ON CONFLICT DO NOTHING"
            )


def _fill_figures(table: str, number: str, unit: str) -> None:
    """Insert every kind, voice and outcome, with three buckets, for each hour or day."""
    from django.db import connection

    is_usage = table.endswith("usage")
    columns = (
        "latency_bucket, requests, characters, audio_bytes, list_price_microusd"
        if is_usage
        else "model, calls, characters, cost_microusd"
    )
    offset = "0" if unit == "hour" else "90"
    series = (
        f"WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < {number} - 1)"
        if connection.vendor == "sqlite"
        else f"WITH g AS (SELECT generate_series(0, {number} - 1) AS n)"
    )
    values = "bucket, 40, 4000, 2400000, 120000" if is_usage else "'tts-1-hd', 3, 300, 9000"
    outcomes = "memory database generated failed" if is_usage else "ok provider_timeout"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{series}, kinds(kind) AS (VALUES ('narrative'), ('question'), ('analysis'), ('response')),"
            " voices(voice) AS (VALUES ('nova'), ('onyx')),"
            f" outcomes(outcome) AS (VALUES {', '.join(f'({each!r})' for each in outcomes.split())}),"
            f" buckets(bucket) AS (VALUES {'(1), (4), (9)' if is_usage else '(0)'})"
            f" INSERT INTO {table} (hour, content_type, voice, outcome, {columns})"
            f" SELECT {_beginning(unit, offset)}, kind, voice, outcome, {values}"
            " FROM g CROSS JOIN kinds CROSS JOIN voices CROSS JOIN outcomes CROSS JOIN buckets"
        )


def _ago(number: str, unit: str) -> str:
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"datetime('now', '-' || {number} || ' {unit}')"
    return f"(now() - {number} * interval '1 {unit}')"


def _beginning(unit: str, offset: str) -> str:
    """SQL for the start of the hour or day that was n units ago."""
    from django.db import connection

    if connection.vendor == "sqlite":
        shape = "%Y-%m-%d %H:00:00" if unit == "hour" else "%Y-%m-%d 00:00:00"
        return f"strftime('{shape}', {_ago(f'(n + {offset})', unit + 's')})"
    return f"date_trunc('{unit}', now() - (n + {offset}) * interval '1 {unit}')"


def _flag(condition: str) -> str:
    return f"({condition})"
