"""`make run` on a clean clone without key, database server or network: it speaks, stops and restarts."""

from __future__ import annotations

import io
import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from harness import http
from harness.offline import in_network_of, offline
from harness.optional import skipped_when_unavailable
from harness.process import PROJECT, ServerProcess
from harness.waiting import wait_until
from ttscache.audio import examine

URL = "http://127.0.0.1:8000"  # the default address; the network belongs to this test alone
VOICES = ("nova", "onyx")
KEPT_FROM_THE_SHELL = ("PATH", "HOME", "LANG")

pytestmark = [pytest.mark.site, pytest.mark.any_database, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Clone:
    """A copy of the files in git, without ignored files, environment or data."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_FROM_THE_SHELL if name in os.environ}
        pips = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        # Compiling all modules takes pip half a minute, and Python compiles those that it loads.
        # PIP_NO_COMPILE=1 would have pip compile: a variable is named like what it sets, not like the option.
        return kept | pips | {"PIP_COMPILE": "0"}

    def make(self, target: str) -> None:
        subprocess.run(["make", target], cwd=self.folder, env=self.environment, check=True, timeout=800)

    def manage(self, *arguments: str) -> str:
        command = [str(self.folder / ".venv" / "bin" / "python"), "manage.py", *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout

    def data(self) -> dict[str, list[Any]]:
        """Return the data that a second start must not change."""
        tables = (
            "tts_cache_files",
            "narratives_narrative",
            "narratives_revision",
            "auth_user",
            "ttscache_pin",
        )
        with closing(sqlite3.connect(self.folder / "var" / "lifereview.sqlite3", timeout=20)) as database:
            return {
                table: database.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in tables
            }


class Run:
    """A running `make run` in a network of its own."""

    def __init__(self, clone: Clone, log: Path) -> None:
        self.log = log
        self.process = ServerProcess(offline("make", "run"), log=log, env=clone.environment, cwd=clone.folder)

    def get(self, path: str, **headers: str) -> http.Response:
        with in_network_of(self.process.pid) as thread:
            return thread.submit(http.get, f"{URL}{path}", headers).result()

    def is_healthy(self) -> bool:
        try:
            return self.get("/api/health").status == 200
        except (OSError, http.BrokenTransfer):
            return False

    def audio(self) -> list[Any]:
        listed = [self.get(f"/api/narratives?voice={voice}").json() for voice in VOICES]
        return [
            {"text": item["text"], "voice": page["voice"], **item["audio"]}
            for page in listed
            for item in [*page["narratives"], *page["system"].values()]
        ]


@contextmanager
def running(clone: Clone, log: Path) -> Iterator[Run]:
    with skipped_when_unavailable():
        run = Run(clone, log)
    try:
        run.process.wait_until_ready(run.is_healthy, seconds=120)
        yield run
    finally:
        run.process.kill()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=PROJECT, check=True, capture_output=True
    )
    clone = Clone(tmp_path_factory.mktemp("clone"))
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (PROJECT / name).is_file():
            (clone.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (clone.folder / name).write_bytes((PROJECT / name).read_bytes())
    clone.make(".venv/.installed")
    return clone


@pytest.fixture(scope="module")
def first(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with running(clone, tmp_path_factory.mktemp("first") / "log") as run:
        yield run


@pytest.fixture(scope="module")
def clips(first: Run) -> list[tuple[Any, bytes]]:
    """Each clip as the API lists it, with its bytes, once all are made."""
    wait_until(lambda: all(audio["ready"] for audio in first.audio()), "all clips", seconds=600, every=1)
    return [(audio, first.get(audio["url"]).body) for audio in first.audio()]


def pitch_of(clip: bytes) -> float:
    """Return the median pitch in Hz over the voiced stretches of 40 ms, by autocorrelation."""
    with av.open(io.BytesIO(clip), "r") as container:
        rate = container.streams.audio[0].rate
        frames = [frame.to_ndarray().astype(np.float64).reshape(-1) for frame in container.decode(audio=0)]
    samples = np.concatenate(frames)
    size, pitches = rate // 25, []
    for begin in range(0, len(samples) - size, size):
        frame = samples[begin : begin + size] - samples[begin : begin + size].mean()
        alike = np.correlate(frame, frame, "full")[size - 1 :]
        lags = alike[rate // 350 : rate // 70] / max(alike[0], 1e-9)
        if lags.max() > 0.6:
            pitches.append(rate / (rate // 350 + int(lags.argmax())))
    return float(np.median(pitches))


class TestFirstStart:
    def test_the_first_start_prints_addresses_and_the_first_user(self, first: Run) -> None:
        said = first.log.read_text()
        assert f"{URL}/\n" in said
        assert f"{URL}/admin/\n" in said
        assert re.search(r"admin with the password \S{12,}", said)

    def test_the_first_start_serves_every_page(self, first: Run) -> None:
        for path in ("/", "/admin/login/", "/api/docs"):
            assert first.get(path).status == 200
        wait_until(lambda: first.get("/readyz").status == 200, "the first task", seconds=120, every=1)

    def test_the_first_start_loads_the_default_journey(self, first: Run) -> None:
        listed = first.get("/api/narratives").json()
        kinds = [item["kind"] for item in listed["narratives"]]
        assert kinds == ["intro", *["question"] * 10, "outro"]
        assert set(listed["system"]) == {
            "safety",
            "break",
            "welcome_back",
            "hard_moment",
            "sorry_no_reflection",
        }
        assert listed["voices"] == list(VOICES)

    def test_the_first_start_makes_every_clip_whole(self, clips: list[tuple[Any, bytes]]) -> None:
        assert len(clips) == len({audio["content_hash"] for audio, _ in clips}) == 34
        for audio, clip in clips:
            facts = examine(clip, "mp3")  # raises if the clip does not decode, is cut off or is silent
            assert len(clip) == audio["bytes"]
            assert facts.duration_ms == audio["duration_ms"]
            assert -40 < facts.loudness_dbfs < -10
            assert 9 <= len(audio["text"]) / (facts.duration_ms / 1000) <= 26, audio["text"]

    def test_the_two_embedded_voices_differ_clearly_in_pitch(self, clips: list[tuple[Any, bytes]]) -> None:
        pitches = {
            voice: np.median([pitch_of(clip) for audio, clip in clips if audio["voice"] == voice])
            for voice in VOICES
        }
        assert pitches["nova"] >= 1.4 * pitches["onyx"]

    def test_the_first_start_stops_cleanly(self, first: Run, clips: list[tuple[Any, bytes]]) -> None:
        first.process.send(signal.SIGTERM)
        first.process.wait(30)
        assert first.process.tree() == []
        assert "Traceback" not in first.log.read_text()
        assert "was killed" not in first.log.read_text()


class TestSecondStart:
    """The tests run in order, after the first start has stopped."""

    @pytest.fixture(scope="class")
    @staticmethod
    def before(clone: Clone, clips: list[tuple[Any, bytes]]) -> dict[str, list[Any]]:
        return clone.data()

    @pytest.fixture(scope="class")
    @staticmethod
    def second(
        clone: Clone, before: dict[str, list[Any]], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Run]:
        with running(clone, tmp_path_factory.mktemp("second") / "log") as run:
            yield run

    def test_the_second_start_shows_no_password_and_installs_nothing(self, second: Run) -> None:
        said = second.log.read_text()
        assert f"{URL}/" in said
        assert "password" not in said
        assert "Installing" not in said

    def test_the_second_start_changes_no_data(
        self, clone: Clone, second: Run, before: dict[str, list[Any]]
    ) -> None:
        assert clone.data() == before

    def test_the_second_start_finds_every_clip(
        self, clone: Clone, second: Run, clips: list[tuple[Any, bytes]]
    ) -> None:
        token = clone.manage("api_token", "test").split()[-1]

        def generated() -> int:
            stats = second.get("/api/cache-stats", Authorization=f"Bearer {token}").json()
            return int(stats["by_tier"]["generated"])

        before = generated()
        for audio, clip in clips:
            heard = second.get(audio["url"])
            assert heard.body == clip
            assert heard.headers["Cache-Status"] in {
                "lifereview; hit; detail=file",
                "lifereview; hit; detail=database",
            }
        assert generated() == before

    def test_ctrl_c_stops_the_second_start_cleanly(self, second: Run) -> None:
        second.process.send(signal.SIGINT, to_group=True)
        second.process.wait(30)
        assert second.process.tree() == []
        assert "Traceback" not in second.log.read_text()
