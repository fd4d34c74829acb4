"""1,000,000 clips: hits against 1,000 clips; planning, listing and pruning against plain SQL; listeners.

A hit in process, by tier, takes turns in two databases, of which one has a thousand clips. There are two
voices. A tenth of the clips was last requested 100 days ago, another tenth 400 days ago. The baseline of
planning is one SELECT, that of listing a SELECT of the same rows. Two plain DELETEs remove the older tenth,
`manage.py prune` the other one, while a web server answers requests for a published clip in memory, an
unpublished one that needs the database, and the journey; the baseline of these is the quiet site.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import clip
from bench.load import Load, load
from bench.product import inside
from bench.rows.hit_latency import time_tiers
from bench.table import Judged, MeasuredRow, Target, rounded
from harness import http
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.site import WebServer

CLIPS, FEW_CLIPS = 1_000_000, 1_000
TIERS = ["memory", "file", "database"]
DAYS = 90
PLANNED = (17, 1_000)  # the default journey in one voice, and a thousand texts
ROUNDS = 5
LOOKS = 3  # of each kind on the quiet site, and as many during the prune
LOOK_SECONDS = 2.0
CONNECTIONS = 4
BOUND_SECONDS = 600  # of each step

Figures = dict[str, Any]


def measure() -> Iterator[MeasuredRow]:
    with OpenAIServer() as provider:
        # Without a key no clip could be bought again, and prune would keep them all.
        paid = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": provider.base_url, "WEB_WORKERS": "1"}
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield from _rows(Path(folder), [paid, paid], database="SQLite")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, PostgresServer() as postgres:
            given = [paid | {"DATABASE_URL": postgres.create_database()} for _ in range(2)]
            yield from _rows(Path(folder), given, database="PostgreSQL")


def _rows(folder: Path, given: Sequence[dict[str, str]], *, database: str) -> Iterator[MeasuredRow]:
    web, small = WebServer(folder / "var", given[0]), WebServer(folder / "small", given[1])
    web.prepare()
    web.manage("load_default_content", check=True)
    environment = web.environment()
    inside(environment, fill_with_clips, clips=CLIPS, timeout_seconds=BOUND_SECONDS)
    small.prepare()
    inside(small.environment(), fill_with_clips, clips=FEW_CLIPS)
    yield from _growth(web, small, database)
    took: Figures = inside(environment, planning_and_listing, timeout_seconds=BOUND_SECONDS)
    for texts in PLANNED:
        ours, plain = took[f"plan {texts}"], took[f"plain plan {texts}"]
        yield MeasuredRow(name=f"plan {texts} clips ({database})", ours=ours, baseline=plain, unit="ms")
    stale = took["stale"]
    yield MeasuredRow(
        name=f"list stale ({database})",
        ours=[stale / seconds for seconds in took["list"]],
        baseline=[stale / seconds for seconds in took["plain list"]],
        unit="rows/s",
        is_more_better=True,
        notes=f"{stale:,} of {CLIPS:,}",
    )
    deleted: Figures = inside(environment, delete_plainly, timeout_seconds=BOUND_SECONDS)
    with web:
        yield from _prune(web, deleted, database)


def _growth(large: WebServer, small: WebServer, database: str) -> Iterator[MeasuredRow]:
    took: dict[str, tuple[list[float], list[float]]] = {f"{tier} find": ([], []) for tier in TIERS}
    for _ in range(ROUNDS):
        for place, site in enumerate((large, small)):
            folder = str(site.var_dir)
            timed = inside(site.environment(), time_tiers, folder=folder, tiers=TIERS, rounds=1)
            for name, sides in took.items():
                sides[place].extend(timed[name]["medians"])
    for name, (ours, baseline) in took.items():
        yield MeasuredRow(
            name=f"{name}, against {FEW_CLIPS:,} clips ({database})",
            ours=ours,
            baseline=baseline,
            unit="us",
            target=Target(Judged.RATIO, 1.1),
        )


def _prune(web: WebServer, deleted: Figures, database: str) -> Iterator[MeasuredRow]:
    kinds = _kinds(web)
    quiet = {name: [_look(web, *arguments) for _ in range(LOOKS)] for name, arguments in kinds.items()}
    during: dict[str, list[Load]] = {name: [] for name in kinds}
    with ThreadPoolExecutor(1) as threads:
        pruning: Future[Figures] = threads.submit(
            inside, web.environment(), time_prune, timeout_seconds=BOUND_SECONDS
        )
        while not pruning.done():
            for name, arguments in kinds.items():
                during[name].append(_look(web, *arguments))
        pruned = pruning.result()
    yield MeasuredRow(
        name=f"prune ({database})",
        ours=[pruned["rows"] / pruned["seconds"]],
        baseline=[deleted["rows"] / deleted["seconds"]],
        unit="rows/s",
        is_more_better=True,
        notes=f"{pruned['rows']:,} in {rounded(pruned['seconds'])} s, during listeners' requests",
    )
    for name in kinds:
        looks = min(LOOKS, len(during[name]))
        yield MeasuredRow(
            name=f"p99 during it, {name} ({database})",
            ours=[look.p99_ms for look in during[name][:looks]],
            baseline=[look.p99_ms for look in quiet[name][:looks]],
            unit="ms",
            notes=f"medians {rounded(during[name][0].median_ms)} and {rounded(quiet[name][0].median_ms)}",
        )


def _kinds(web: WebServer) -> dict[str, tuple[str, bytes, dict[str, str]]]:
    """The requests of listeners: path, expected body and headers."""
    kept: dict[str, str] = inside(web.environment(), keep_two)
    token = {"Authorization": f"Bearer {web.api_token()}"}
    journey = http.get(f"{web.url}/api/narratives").body
    json.loads(journey)
    return {
        "a published clip": (f"/api/audio/{kept['published']}.mp3", clip.mp3(), {}),
        "an unpublished clip": (f"/api/audio/{kept['unpublished']}.mp3", clip.mp3(), token),
        "the journey": ("/api/narratives", journey, {}),
    }


def _look(web: WebServer, path: str, body: bytes, headers: dict[str, str]) -> Load:
    url = f"{web.url}{path}"
    return load(url, body, connections=CONNECTIONS, seconds=LOOK_SECONDS, headers=headers)


# --- in the product ---------------------------------------------------------------------------------------
_COLUMNS = """id, content_hash, content_text, voice, audio_file_size, content_type, is_active, created_at,
    last_accessed_at, model, audio_format, speed, instructions, stored_at, checksum, duration_ms, stored_in,
    encoding, stored_size, is_shareable, made_ahead"""

# Texts of 20 to 260 characters. Every tenth clip was last requested 100 days ago, every tenth 400 days ago.
_FILL = {
    "postgresql": f"""
        INSERT INTO tts_cache ({_COLUMNS})
        SELECT gen_random_uuid(), md5('clip ' || n), rpad('Text number ' || n, 20 + n %% 241, ' of a life'),
            CASE n %% 2 WHEN 0 THEN 'nova' ELSE 'onyx' END, 64, 'question', true, now() - interval '500 days',
            now() - CASE n %% 10 WHEN 0 THEN interval '100 days' WHEN 1 THEN interval '400 days'
                ELSE interval '1 day' END,
            'tts-1-hd', 'mp3', 1, '', now() - interval '500 days', md5('sum ' || n), 4000, 'database', '', 64,
            false, false
        FROM generate_series(1, %s) AS n""",
    "sqlite": f"""
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
        INSERT INTO tts_cache ({_COLUMNS})
        SELECT lower(hex(randomblob(16))), lower(hex(randomblob(16))),
            substr('Text number ' || n || replace(hex(zeroblob(12)), '00', ' of a life'), 1, 20 + n %% 241),
            CASE n %% 2 WHEN 0 THEN 'nova' ELSE 'onyx' END, 64, 'question', 1, datetime('now', '-500 days'),
            datetime('now', CASE n %% 10 WHEN 0 THEN '-100 days' WHEN 1 THEN '-400 days' ELSE '-1 day' END),
            'tts-1-hd', 'mp3', 1, '', datetime('now', '-500 days'), lower(hex(randomblob(16))), 4000,
            'database', '', 64, 0, 0
        FROM numbers""",
}
_FILES = {
    "postgresql": """
        INSERT INTO tts_cache_files (id, cache_id, file_data, file_size, created_at)
        SELECT gen_random_uuid(), id, decode(repeat('ab', 64), 'hex'), 64, now() FROM tts_cache
        WHERE stored_at IS NOT NULL""",
    "sqlite": """
        INSERT INTO tts_cache_files (id, cache_id, file_data, file_size, created_at)
        SELECT lower(hex(randomblob(16))), id, randomblob(64), 64, datetime('now') FROM tts_cache
        WHERE stored_at IS NOT NULL""",
}
_OLDER = "SELECT id FROM tts_cache WHERE last_accessed_at < %s"


def fill_with_clips(*, clips: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_FILL[connection.vendor], [clips])
        cursor.execute(_FILES[connection.vendor])
        cursor.execute("ANALYZE")


def planning_and_listing() -> Figures:
    """In the product: milliseconds of planning and seconds of listing in each round."""
    from django.db import connection

    from ttscache.maintenance.pruning import find_stale
    from ttscache.models import ContentType
    from ttscache.renditions.current import request_for
    from ttscache.warming import ClipSpec, plan

    took: Figures = {}
    for texts in PLANNED:
        requests = [request_for(f"Planned text {number}?", "nova") for number in range(texts)]
        wanted = [ClipSpec(request, ContentType.QUESTION) for request in requests]
        hashes = [request.content_hash for request in requests]
        marks = ", ".join(["%s"] * texts)
        select = f"SELECT * FROM tts_cache WHERE content_hash IN ({marks})"
        took[f"plan {texts}"], took[f"plain plan {texts}"] = [], []
        for _ in range(ROUNDS):
            took[f"plan {texts}"].append(_seconds(lambda wanted=wanted: plan(wanted)) * 1_000)
            plainly = _seconds(lambda select=select, hashes=hashes: _fetched(select, hashes))
            took[f"plain plan {texts}"].append(plainly * 1_000)
    columns = "content_hash, model, length(content_text), audio_file_size, stored_at"
    select = f"SELECT {columns} FROM tts_cache WHERE last_accessed_at < %s ORDER BY last_accessed_at"
    took["list"], took["plain list"] = [], []
    for _ in range(ROUNDS):
        took["list"].append(_seconds(lambda: find_stale(DAYS)))
        took["plain list"].append(_seconds(lambda: _fetched(select, [_ago(DAYS)])))
    took["stale"] = len(find_stale(DAYS).content_hashes)
    connection.close()
    return took


def delete_plainly() -> Figures:
    """In the product: delete clips that were not requested for 300 days, with plain SQL."""
    from django.db import connection, transaction

    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM tts_cache_files WHERE cache_id IN ({_OLDER})", [_ago(300)])
        cursor.execute("DELETE FROM tts_cache WHERE last_accessed_at < %s", [_ago(300)])
        rows = cursor.rowcount
    return {"rows": rows, "seconds": time.perf_counter() - began}


def time_prune() -> Figures:
    """In the product: time `manage.py prune`."""
    import io

    from django.core.management import call_command

    from ttscache.models import Clip

    before = Clip.objects.count()
    began = time.perf_counter()
    call_command("prune", days=DAYS, stdout=io.StringIO())
    return {"seconds": time.perf_counter() - began, "rows": before - Clip.objects.count()}


def keep_two() -> dict[str, str]:
    """In the product: store a published clip and one without a pin; returns their hashes."""
    from ttscache.models import Pin

    unpublished = clip.keep_published()
    Pin.objects.filter(content_hash=unpublished).delete()
    published = clip.keep_published("What do you see from the window of that place?")
    return {"published": published, "unpublished": unpublished}


def _seconds(action: Any) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _fetched(select: str, values: list[Any]) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(select, values)
        return len(cursor.fetchall())


def _ago(days: int) -> Any:
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    moment = timezone.now() - timedelta(days=days)
    return connection.ops.adapt_datetimefield_value(moment)
