"""The ledgers of many processes on one database: exact, and after kill -9 short of one interval at most."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from harness.counting_process import Request, request_of
from harness.postgres import IS_ON_POSTGRESQL, PostgresServer
from harness.process import ServerProcess
from harness.site import MakeSite, WebServer
from harness.site_data import query
from harness.waiting import wait_until
from ttscache.accounting.ledger import LATENCY_BUCKETS_MS

pytestmark = pytest.mark.site

REQUESTS = 10_000
DIMENSIONS = ("content_type", "voice", "outcome", "latency_bucket")
FIGURES = ("requests", "characters", "audio_bytes", "list_price_microusd")


class CountingProcess:
    """A process that counts requests, and its notes about them."""

    def __init__(
        self, site: WebServer, folder: Path, index: int, *, accent: str = "", seconds: float = 2
    ) -> None:
        self.accent = accent
        self._notes = folder / f"notes-{index}"
        self._notes.touch()
        numbers = (str(index * REQUESTS), str(REQUESTS), str(seconds))
        self.process = ServerProcess(
            [sys.executable, "-m", "harness.counting_process", self._notes, accent, *numbers],
            log=folder / f"log-{index}",
            env=site.environment() | {"DJANGO_SETTINGS_MODULE": "lifereview.settings"},
        )

    @property
    def notes(self) -> list[str]:
        return self._notes.read_text().splitlines()

    @property
    def has_counted_all(self) -> bool:
        assert self.process.is_running, self.process.log_tail()
        return sum(note.startswith("=") for note in self.notes) == REQUESTS

    @property
    def begun(self) -> list[Request]:
        """The requests that it may have counted."""
        return self._requests("?", self.notes)

    @property
    def written(self) -> list[Request]:
        """The requests that it counted before its last complete flush."""
        notes = self.notes
        end = max(place for place, note in enumerate(notes) if note == ">")
        begin = max(place for place, note in enumerate(notes[:end]) if note == "<")
        return self._requests("=", notes[:begin])

    def _requests(self, mark: str, notes: Iterable[str]) -> list[Request]:
        return [request_of(self.accent, int(note[1:])) for note in notes if note.startswith(mark)]


def wait_until_all_is_counted(processes: Sequence[CountingProcess]) -> None:
    wait_until(lambda: all(each.has_counted_all for each in processes), "all requests", seconds=90, every=0.2)


def expected_usage(requests: Iterable[Request]) -> Counter[tuple[object, ...]]:
    """Return the expected sums by figure and by all dimensions."""
    expected: Counter[tuple[object, ...]] = Counter()
    for one in requests:
        bucket = bisect_left(LATENCY_BUCKETS_MS, one.seconds * 1_000)
        list_price = 0 if one.outcome == "failed" else one.characters * 30
        figures = (1, one.characters, one.audio_bytes, list_price)
        for name, number in zip(FIGURES, figures, strict=True):
            expected[one.kind, one.voice, one.outcome, bucket, name] += number
    return +expected


def expected_clips(requests: Iterable[Request]) -> Counter[str]:
    return Counter(one.content_hash for one in requests if one.content_hash)


def written_usage(site: WebServer, accent: str = "") -> Counter[tuple[object, ...]]:
    columns = ", ".join(f"sum({name})" for name in FIGURES)
    found = query(
        site,
        f"SELECT {', '.join(DIMENSIONS)}, {columns} FROM ttscache_usage "
        f"WHERE voice IN (%s, %s) GROUP BY {', '.join(DIMENSIONS)}",
        f"{accent}nova",
        f"{accent}onyx",
    )
    written: Counter[tuple[object, ...]] = Counter()
    for row in found:
        for name, number in zip(FIGURES, row[len(DIMENSIONS) :], strict=True):
            written[*row[: len(DIMENSIONS)], name] = int(number)
    return +written


def written_clips(site: WebServer, among: Iterable[str]) -> Counter[str]:
    wanted = set(among)
    found = query(
        site, "SELECT content_hash, sum(requests) FROM ttscache_dailyrequests GROUP BY content_hash"
    )
    return Counter({content_hash: int(count) for content_hash, count in found if content_hash in wanted})


def days_of(site: WebServer) -> set[str]:
    return {str(day) for (day,) in query(site, "SELECT DISTINCT day FROM ttscache_dailyrequests")}


def today() -> str:
    return str(datetime.now(UTC).date())


class TestFourProcessesAndAFifthThatIsKilled:
    @pytest.fixture(scope="class")
    @staticmethod
    def site(make_site: MakeSite) -> WebServer:
        site: WebServer = make_site(WebServer)
        return site

    @pytest.fixture(scope="class")
    @staticmethod
    def processes(site: WebServer, tmp_path_factory: pytest.TempPathFactory) -> list[CountingProcess]:
        """Five processes count on one database. The last is killed halfway; the others end normally."""
        folder, began = tmp_path_factory.mktemp("processes"), today()
        processes = [CountingProcess(site, folder, index) for index in range(4)]
        victim = CountingProcess(site, folder, 4, accent="victim-", seconds=60)
        wait_until_all_is_counted(processes)
        wait_until(lambda: victim.notes.count(">") > 5, "the victim to flush its ledger", seconds=60)
        victim.process.kill()
        for each in processes:
            each.process.stop()
        assert days_of(site) <= {began, today()}
        return [*processes, victim]

    def test_every_request_of_cleanly_stopped_processes_is_counted_once(
        self, site: WebServer, processes: list[CountingProcess]
    ) -> None:
        requests = [one for each in processes[:4] for one in each.begun]
        assert len(requests) == 4 * REQUESTS
        assert written_usage(site) == expected_usage(requests)
        assert written_clips(site, expected_clips(requests)) == expected_clips(requests)

    def test_a_killed_process_loses_at_most_its_last_unflushed_counts(
        self, site: WebServer, processes: list[CountingProcess]
    ) -> None:
        victim = processes[4]
        usage, clips = written_usage(site, victim.accent), written_clips(site, expected_clips(victim.begun))
        assert 0 < len(victim.written) <= len(victim.begun) < REQUESTS
        assert expected_usage(victim.written) <= usage <= expected_usage(victim.begun)
        assert expected_clips(victim.written) <= clips <= expected_clips(victim.begun)


if IS_ON_POSTGRESQL:  # an SQLite file has no connection to cut

    def test_a_database_that_cuts_connections_crashes_and_returns_has_every_request_once(
        make_site: MakeSite, tmp_path: Path
    ) -> None:
        with PostgresServer() as database:
            site: WebServer = make_site(WebServer, DATABASE_URL=database.create_database())
            site.prepare()
            processes = [CountingProcess(site, tmp_path, index, seconds=3) for index in range(2)]
            wait_until(lambda: all(each.notes for each in processes), "the first requests", seconds=60)
            for _ in range(60):
                cut_connections(database)
                time.sleep(0.02)
            database.kill()
            time.sleep(0.3)
            database.start()
            wait_until_all_is_counted(processes)
            for each in processes:
                each.process.stop()

            requests = [one for each in processes for one in each.begun]
            assert any("keeps its counts" in each.process.log_tail() for each in processes)
            assert written_usage(site) == expected_usage(requests)
            assert written_clips(site, expected_clips(requests)) == expected_clips(requests)


def cut_connections(database: PostgresServer) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'"
        )
