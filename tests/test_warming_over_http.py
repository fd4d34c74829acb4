"""Clips made ahead: over HTTP, by command, and at most as many at once as the settings allow."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from harness.caller import Caller, sound_of
from harness.http import Response, at_once
from harness.openai_server import OpenAIServer
from harness.process import PROJECT, leashed
from harness.site import MakeSite, Site, WebServer
from harness.site_data import files_of, query, ready_clips
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

CLIPS_A_VOICE = 17
MISSING = (
    ("nova", 0),
    ("onyx", 17),
    ("sage", 17),
)  # missing clips of each voice at the start of TestWarmCommand
AT_ONCE = 3
PRE_CACHE = "/api/pre-cache-narratives"


@pytest.fixture(scope="module")
def site(make_site: MakeSite, gated_voice: OpenAIServer) -> Iterator[Site]:
    with make_site(Site, TTS_WARM_CONCURRENCY=str(AT_ONCE), TTS_LISTENER_VOICES="nova,sage") as site:
        yield site


@pytest.fixture(scope="module")
def stranger(site: Site) -> Caller:
    return Caller(site)


def answered(response: Response) -> Any:
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def run_of(caller: Caller, voice: str = "nova") -> Any:
    begun = answered(caller.post(PRE_CACHE, {"voice": voice}))
    return answered(caller.get(begun["status_url"]))


class TestOverHttp:
    """The tests run in order, through the states of one warm run."""

    def test_pre_cache_queues_missing_clips(self, stranger: Caller) -> None:
        response = stranger.post(PRE_CACHE, {"voice": "nova"})
        assert response.status == 202
        begun = answered(response)
        assert begun["success"] is True
        assert (begun["voice"], begun["total_count"], begun["cached_count"]) == ("nova", CLIPS_A_VOICE, 0)
        assert begun["queued_count"] == CLIPS_A_VOICE
        assert begun["status_url"] == f"/api/warm-runs/{begun['run']}"

    def test_a_second_pre_cache_joins_the_run(self, stranger: Caller, site: Site) -> None:
        answers = at_once(8, lambda index: answered(stranger.post(PRE_CACHE, {"voice": "nova"})))
        assert len({answer["run"] for answer in answers if not isinstance(answer, Exception)}) == 1
        assert [answer for answer in answers if isinstance(answer, Exception)] == []
        assert (
            answered(stranger.post(PRE_CACHE, {}))["run"] == run_of(stranger)["run"]
        )  # nova is the default voice

    def test_pre_cache_of_another_voice_has_its_own_run(self, stranger: Caller) -> None:
        assert run_of(stranger, "sage")["run"] != run_of(stranger, "nova")["run"]

    def test_a_run_uses_exactly_the_allowed_concurrency(
        self, stranger: Caller, gated_voice: OpenAIServer
    ) -> None:
        wait_until(lambda: len(gated_voice.calls()) == AT_ONCE, "calls in all slots", seconds=60)
        state = run_of(stranger)
        assert (state["state"], state["done"], state["total"]) == ("running", 0, CLIPS_A_VOICE)
        assert state["started_at"] is not None
        assert state["finished_at"] is None
        gated_voice.behave(chunk_delay_seconds=0.05)
        wait_until(lambda: run_of(stranger)["done"] >= 2, "progress", seconds=60)
        wait_until(lambda: run_of(stranger, "sage")["state"] == "done", "the end of both runs", seconds=120)
        assert gated_voice.peak_concurrency() == AT_ONCE

    def test_the_status_of_a_run_reports_its_end(
        self, stranger: Caller, site: Site, gated_voice: OpenAIServer
    ) -> None:
        for voice in ("nova", "sage"):
            run = run_of(stranger, voice)
            assert (run["state"], run["failed"], run["eta_seconds"]) == ("done", 0, 0)
            assert run["done"] + run["skipped"] == run["total"] == CLIPS_A_VOICE
            assert run["finished_at"] >= run["started_at"]
            spoken = sum(len(call.text) for call in gated_voice.calls() if call.voice == voice)
            assert run["characters"] == spoken
            assert run["cost_usd"] == pytest.approx(spoken * 30 / 1e6, abs=1e-5)
        assert len(gated_voice.calls()) == ready_clips(site) == 2 * CLIPS_A_VOICE

    def test_pre_cache_queues_nothing_when_all_clips_exist(
        self, stranger: Caller, gated_voice: OpenAIServer
    ) -> None:
        before = len(gated_voice.calls())
        response = stranger.post(PRE_CACHE, {"voice": "sage"})
        assert response.status == 200
        begun = answered(response)
        assert (begun["cached_count"], begun["queued_count"]) == (CLIPS_A_VOICE, 0)
        assert answered(stranger.get(begun["status_url"]))["state"] == "done"
        assert len(gated_voice.calls()) == before

    def test_clips_of_a_run_are_the_clips_that_play(
        self, stranger: Caller, gated_voice: OpenAIServer
    ) -> None:
        before = len(gated_voice.calls())
        for voice in ("nova", "sage"):
            listed = stranger.narratives(voice)
            for item in [*listed["narratives"], *listed["system"].values()]:
                assert item["audio"]["ready"] is True
                assert stranger.get(item["audio"]["url"]).body == sound_of(item["text"], voice)
        assert len(gated_voice.calls()) == before


@pytest.fixture(scope="module")
def idle_site(make_site: MakeSite) -> WebServer:
    """A site that is never started. Its database has the default journey, made in one of three voices."""
    idle_site: WebServer = make_site(WebServer, TTS_LISTENER_VOICES="nova")

    idle_site.manage("load_default_content", check=True)
    idle_site.manage("warm", check=True)
    idle_site.env["TTS_LISTENER_VOICES"] = "nova,onyx,sage"
    return idle_site


@contextmanager
def run_in_terminal(site: WebServer, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Screen]]:
    """Run a management command in a terminal, and yield its process and its screen."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    command = leashed([site.python, "manage.py", *arguments])
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=site.environment(),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        yield process, Screen(ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


class Screen:
    def __init__(self, terminal: int) -> None:
        os.set_blocking(terminal, False)
        self._terminal = terminal
        self._shown = b""

    def text(self) -> str:
        """Everything that the terminal has shown so far."""
        with suppress(OSError):  # no more output at the moment, or the command has ended
            while more := os.read(self._terminal, 65_536):
                self._shown += more
        return self._shown.decode()


class TestWarmCommand:
    def test_the_warm_command_dry_run_counts_and_writes_nothing(
        self, idle_site: WebServer, openai: OpenAIServer
    ) -> None:
        tables = ("tts_cache", "tts_cache_files", "ttscache_warmrun", "ttscache_warmitem", "django_q_ormq")
        before = [query(idle_site, f"SELECT * FROM {name} ORDER BY id") for name in tables]
        files = files_of(idle_site)
        done = idle_site.manage("warm", "--dry-run", check=True)
        found = re.match(r"34 of 51 clips are missing: (\d+) characters, ([\d.]+) USD", done.stdout)
        assert found
        assert float(found[2]) == pytest.approx(int(found[1]) * 30 / 1e6, abs=1e-4)
        assert [f"  {voice}: {number} of 17" in done.stdout for voice, number in MISSING] == [True] * 3
        assert (
            len(re.findall(r"^  (onyx|sage) .* characters .* USD  [0-9a-f]{32}  ", done.stdout, re.M)) == 34
        )
        assert [query(idle_site, f"SELECT * FROM {name} ORDER BY id") for name in tables] == before
        assert files_of(idle_site) == files
        assert openai.calls() == []

    def test_ctrl_c_ends_the_warm_command_and_the_cluster_continues(
        self, idle_site: WebServer, openai: OpenAIServer
    ) -> None:
        """The command runs in a terminal, where it draws a progress bar."""
        openai.behave(gate_after_chunks=1)
        with run_in_terminal(idle_site, "warm", "--voice", "sage") as (command, screen):
            wait_until(lambda: "0/17 clips" in screen.text() and openai.calls(), "a bar, and clips under way")
            command.send_signal(signal.SIGINT)
            openai.release()
            wait_until(lambda: screen.text() and command.poll() is not None, "its end")
            assert command.returncode == 130
            assert "The cluster continues with" in screen.text()
            assert "Traceback" not in screen.text()
        run = query(idle_site, "SELECT state, requested_by FROM ttscache_warmrun ORDER BY created_at DESC")[0]
        assert run == ("running", "manage.py warm")
        assert {call.outcome for call in openai.calls()} == {"completed"}  # paid clips are finished
        assert ready_clips(idle_site) == CLIPS_A_VOICE + len(openai.calls())

    def test_the_warm_command_can_make_one_voice(self, idle_site: WebServer, openai: OpenAIServer) -> None:
        done = idle_site.manage("warm", "--voice", "sage", check=True)
        assert "17/17" in done.stdout
        assert {call.voice for call in openai.calls()} == {"sage"}
        assert 0 < len(openai.calls()) <= CLIPS_A_VOICE
        assert ready_clips(idle_site) == 2 * CLIPS_A_VOICE

    def test_the_warm_command_names_failed_clips_without_words_and_makes_the_others(
        self, idle_site: WebServer, openai: OpenAIServer
    ) -> None:
        texts = [
            text for (text,) in query(idle_site, "SELECT content_text FROM tts_cache WHERE voice = 'nova'")
        ]
        longest = max(texts, key=len)
        openai.behave(fault=405, on_text=longest)
        done = idle_site.manage("warm")
        assert done.returncode == 1
        assert longest[:20] not in done.stdout + done.stderr
        assert ready_clips(idle_site) == 3 * CLIPS_A_VOICE - 1

    def test_the_next_warm_command_makes_the_rest(self, idle_site: WebServer, openai: OpenAIServer) -> None:
        idle_site.manage("warm", check=True)
        assert [call.outcome for call in openai.calls()] == ["completed"]
        assert ready_clips(idle_site) == 3 * CLIPS_A_VOICE
        assert idle_site.manage("warm", check=True).stdout.startswith("0 of 51 clips are missing")

    def test_the_warm_command_refuses_an_unknown_voice(self, idle_site: WebServer) -> None:
        done = idle_site.manage("warm", "--voice", "robot")
        assert done.returncode == 1
        assert "nova, onyx, sage" in done.stderr
