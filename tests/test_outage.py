"""The site works while a part of it is broken, and recovers by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.caller import Caller, hash_of, phrase, sound_of, whole_body
from harness.fault_table import NoteFault
from harness.http import Response
from harness.openai_server import OpenAIServer
from harness.postgres import IS_ON_POSTGRESQL, PostgresServer
from harness.site import MakeSite, WebServer
from harness.site_data import files_of, new_token
from harness.waiting import wait_until

pytestmark = pytest.mark.site


def assert_store_unavailable(response: Response) -> None:
    assert response.status == 503
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == {"error", "code"}
    for secret in ("psycopg", "OperationalError", "Traceback", "5432"):
        assert secret not in response.body.decode()


if IS_ON_POSTGRESQL:  # an SQLite database cannot go away

    class TestDatabase:
        """The tests run in order, through one outage."""

        @pytest.fixture(scope="class")
        @staticmethod
        def database() -> Iterator[PostgresServer]:
            """A database server of its own, because the test stops it while other tests run."""
            with PostgresServer() as server:
                yield server

        @pytest.fixture(scope="class")
        @staticmethod
        def server(make_site: MakeSite, database: PostgresServer) -> Iterator[WebServer]:
            server = make_site(WebServer, DATABASE_URL=database.create_database())
            server.prepare()
            server.manage("load_default_content", check=True)
            server.manage("warm", check=True)
            with server:
                yield server

        @pytest.fixture(scope="class")
        @staticmethod
        def caller(server: WebServer) -> Caller:
            return Caller(server, new_token(server))

        @pytest.fixture(scope="class")
        @staticmethod
        def published(caller: Caller) -> list[Any]:
            """The published texts. Their clips are in files; the first is in memory too."""
            listed = caller.narratives()["narratives"]
            for _ in range(2):
                assert caller.get(listed[0]["audio"]["url"]).status == 200
            return list(listed)

        def test_published_clips_in_memory_and_files_still_play(
            self, server: WebServer, database: PostgresServer, published: list[Any], note_fault: NoteFault
        ) -> None:
            database.stop()
            statuses = []
            for item in published:
                response = Caller(server).get(item["audio"]["url"])
                assert (response.status, response.body) == (200, sound_of(item["text"]))
                assert "public" in response.headers["Cache-Control"]
                statuses.append(response.headers["Cache-Status"])
            assert statuses[0] == "lifereview; hit; detail=memory"
            assert set(statuses[1:]) == {"lifereview; hit; detail=file"}
            note_fault(
                "database: down", "published clips play; all else 503 store_unavailable", "nothing paid"
            )

        def test_a_site_without_its_database_is_alive_and_not_ready(self, server: WebServer) -> None:
            assert Caller(server).get("/api/health").status == 200
            ready = Caller(server).get("/readyz")
            assert ready.status == 503
            assert "database: NOT READY" in ready.body.decode()
            assert "local files: ok" in ready.body.decode()

        @pytest.mark.parametrize(
            ("method", "path"),
            [
                ("GET", "/api/narratives"),
                ("POST", "/api/pre-cache-narratives"),
                ("GET", "/api/warm-runs/5f0c2ad6-3c44-4c9c-9d9c-6f1f0d3f4a77"),
                ("GET", "/api/cache-stats"),
                ("GET", f"/api/audio/{'0' * 32}.mp3"),
            ],
        )
        def test_requests_that_need_the_database_get_503_during_its_outage(
            self, caller: Caller, method: str, path: str
        ) -> None:
            assert_store_unavailable(caller.ask(method, path))

        def test_the_listeners_page_asks_to_wait_during_an_outage_of_the_database(
            self, server: WebServer
        ) -> None:
            response = Caller(server).get("/")
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert "tries again by itself" in response.body.decode()

        def test_no_clip_is_generated_while_the_database_cannot_store_it(
            self, caller: Caller, openai: OpenAIServer
        ) -> None:
            assert_store_unavailable(caller.say(phrase()))
            assert openai.calls() == []

        def test_the_site_recovers_from_a_database_outage_without_a_restart(
            self, server: WebServer, caller: Caller, database: PostgresServer, openai: OpenAIServer
        ) -> None:
            database.start()
            text = phrase()
            wait_until(lambda: caller.say(text).status == 200, "a clip after the outage", seconds=60)
            assert caller.say(text).body == sound_of(text)
            assert "database: ok" in caller.get("/readyz").body.decode()
            assert len(caller.narratives()["narratives"]) == 12
            assert caller.post("/api/pre-cache-narratives", {}).status == 200

        def test_a_clip_under_way_plays_to_its_end_when_the_database_goes(
            self, caller: Caller, database: PostgresServer, openai: OpenAIServer, note_fault: NoteFault
        ) -> None:
            """The database stops before the clip is stored. Files keep it, so it is not paid for again."""
            text = phrase()
            openai.behave(gate_after_chunks=1)
            with caller.start_saying(text) as response:
                _, first = next(iter(response))
                database.stop()
                openai.release()
                assert first + whole_body(response) == sound_of(text)
            database.start()
            wait_until(lambda: caller.say(text).status == 200, "the database", seconds=60)
            assert caller.say(text).body == sound_of(text)
            assert len(openai.calls()) == 1
            note_fault("database: goes in mid-generation", "the whole clip", "in files; no second payment")

        def test_requests_during_a_database_outage_are_counted_afterwards(
            self, caller: Caller, published: list[Any]
        ) -> None:
            wait_until(
                lambda: (
                    caller.by_tier()["file"] == len(published)
                ),  # the first clip was counted before the outage
                "the ledger to be written",
                seconds=30,
            )


class TestFiles:
    """The local folder is damaged or gone, and the database has the clips."""

    @pytest.fixture(scope="class")
    @staticmethod
    def server(make_site: MakeSite) -> Iterator[WebServer]:
        with make_site(WebServer, TTS_MEMORY_BYTES="1") as server:
            yield server

    @pytest.fixture(scope="class")
    @staticmethod
    def caller(server: WebServer) -> Caller:
        return Caller(server, new_token(server))

    def test_a_removed_clip_folder_is_created_again(self, caller: Caller, openai: OpenAIServer) -> None:
        text = phrase()
        caller.say(text)
        shutil.rmtree(caller.site.var_dir / "tts_cache")
        heard = [caller.clip(hash_of(text)) for _ in range(2)]
        assert [response.body for response in heard] == [sound_of(text)] * 2
        assert [response.headers["Cache-Status"].rpartition("=")[2] for response in heard] == [
            "database",
            "file",
        ]

    def test_a_damaged_local_file_is_not_played(
        self, caller: Caller, openai: OpenAIServer, note_fault: NoteFault
    ) -> None:
        text = phrase()
        caller.say(text)
        (audio,) = (path for path in files_of(caller.site, hash_of(text)) if path.suffix == ".mp3")
        for damage in (sound_of(text)[:-100], b"", bytes(len(sound_of(text)))):
            audio.write_bytes(damage)
            heard = caller.clip(hash_of(text))
            assert (heard.body, heard.headers["Cache-Status"]) == (
                sound_of(text),
                "lifereview; hit; detail=database",
            )
        assert len(openai.calls()) == 1
        note_fault("files: a damaged file", "the whole clip, from the database", "the file, anew")

    def test_a_read_only_clip_folder_costs_no_clip(self, caller: Caller, openai: OpenAIServer) -> None:
        """A file lies in place of the folder, so that not even root can write there."""
        folder: Path = caller.site.var_dir / "tts_cache"
        text = phrase()
        caller.say(text)
        shutil.rmtree(folder)
        folder.write_text("in the way")
        try:
            for words in (text, phrase()):
                assert caller.say(words).body == sound_of(words)
                again = caller.clip(hash_of(words))
                assert (again.body, again.headers["Cache-Status"]) == (
                    sound_of(words),
                    "lifereview; hit; detail=database",
                )
            ready = caller.get("/readyz")
            assert (ready.status, "local files: NOT READY" in ready.body.decode()) == (503, True)
        finally:
            folder.unlink()
        caller.say(text)
        assert caller.clip(hash_of(text)).headers["Cache-Status"] == "lifereview; hit; detail=file"
