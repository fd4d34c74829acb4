"""A web process is replaced if its pool lost its connections, and kept if the database is down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.caller import Caller
from harness.fault_table import NoteFault
from harness.postgres import IS_ON_POSTGRESQL, PostgresServer
from harness.site import MakeSite, WebServer
from harness.waiting import wait_until

pytestmark = pytest.mark.site


class LeakingServer(WebServer):
    """A web server whose pool loses its connections on request."""

    def command(self) -> list[str]:
        return [*super().command()[:-1], "harness.leaking_site:application"]


if IS_ON_POSTGRESQL:

    @pytest.fixture(scope="module")
    def database() -> Iterator[PostgresServer]:
        """A database server of its own, because the test stops it while other tests run."""
        with PostgresServer() as server:
            yield server

    @pytest.fixture(scope="module")
    def server(make_site: MakeSite, database: PostgresServer) -> Iterator[WebServer]:
        with make_site(LeakingServer, DATABASE_URL=database.create_database()) as server:
            yield server

    def times_housekeeping_waited(server: WebServer) -> int:
        return server.log().count("Housekeeping waits for the database.")

    def test_a_web_process_whose_database_is_down_stays(server: WebServer, database: PostgresServer) -> None:
        workers = server.worker_pids()
        database.stop()
        wait_until(lambda: times_housekeeping_waited(server) >= 5, "five looks", seconds=60, every=0.2)
        database.start()

        wait_until(lambda: Caller(server).get("/api/narratives").status != 503, "the database", seconds=60)
        assert server.worker_pids() == workers

    def test_a_web_process_whose_pool_has_lost_its_connections_is_replaced(
        server: WebServer, note_fault: NoteFault
    ) -> None:
        workers = server.worker_pids()
        assert Caller(server).post("/lose-connections", {}).status == 204
        assert Caller(server).get("/api/narratives").status == 503

        wait_until(
            lambda: (now := server.worker_pids()) and set(now).isdisjoint(workers),
            "a new process",
            seconds=60,
            every=0.2,
        )
        wait_until(lambda: Caller(server).get("/api/narratives").status != 503, "an answer", seconds=60)
        assert "The pool has lost its database connections" in server.log()
        note_fault("web process: its pool loses all connections", "503 for half a minute", "it is replaced")
