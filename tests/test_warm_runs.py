"""Warm runs on whole sites: killed in the middle, shared by hosts, and never delaying a listener."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.caller import Caller, phrase, sound_of
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import new_token, query, ready_clips
from harness.sockets import callers_of
from harness.speech_api.calls import Call
from harness.waiting import wait_until
from harness.warm_work import end_at_once

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql]

VOICES, CLIPS_A_VOICE = ("nova", "sage"), 17
AT_ONCE = 3
MANY = 200


def started(make_site: MakeSite) -> Site:
    site: Site = make_site(
        Site,
        TTS_WARM_CONCURRENCY=str(AT_ONCE),
        TTS_LISTENER_VOICES=",".join(VOICES),
        TTS_TIMEOUT_SECONDS="120",  # a busy machine may be slow to release a gate
    )
    site.start()
    return site


def begin_run(site: Site, texts: str, scope: str = "many") -> None:
    """Start a warm run. `texts` is a Python expression for a list of texts."""
    code = (
        "from ttscache.renditions.current import request_for; "
        "from ttscache.warming import ClipSpec, start_run; "
        f"specs = [ClipSpec(request_for(text, 'nova'), 'question') for text in {texts}]; "
        f"start_run({scope!r}, specs)"
    )
    site.manage("shell", "-c", code, check=True)


def clip_of(call: Call) -> tuple[str, str]:
    return call.text, call.voice


def under_way(openai: OpenAIServer) -> list[Call]:
    return [call for call in openai.calls() if call.outcome is None]


class TestKilled:
    """The tests run in order: one site is killed twice in the middle of two runs."""

    @pytest.fixture(scope="class")
    @staticmethod
    def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
        running_openai.reset()
        TestKilled.hold_after(running_openai, 6)
        yield running_openai
        running_openai.reset()

    @pytest.fixture(scope="class")
    @staticmethod
    def site(make_site: MakeSite, openai: OpenAIServer) -> Iterator[Site]:
        site = started(make_site)
        yield site
        site.kill()

    @pytest.fixture(scope="class")
    @staticmethod
    def cut() -> set[tuple[str, str]]:
        """A set to which the tests add the clips that were under way at a kill."""
        return set()

    @staticmethod
    def hold_after(openai: OpenAIServer, clips: int) -> None:
        openai.behave(first_calls=clips)
        openai.behave_also(gate_after_chunks=1)

    def wait_in_the_middle(self, site: Site, openai: OpenAIServer, ready: int) -> set[tuple[str, str]]:
        wait_until(
            lambda: len(under_way(openai)) == AT_ONCE and ready_clips(site) == ready, "the middle", seconds=90
        )
        return {clip_of(call) for call in under_way(openai)}

    def runs(self, site: Site) -> list[Any]:
        return query(site, "SELECT id FROM ttscache_warmrun ORDER BY id")

    def test_a_killed_worker_is_replaced(
        self, site: Site, openai: OpenAIServer, cut: set[tuple[str, str]]
    ) -> None:
        cut |= self.wait_in_the_middle(site, openai, 6)
        end_at_once(callers_of(openai, site))
        self.hold_after(openai, 6 + AT_ONCE)
        wait_until(lambda: len(openai.calls()) > 6 + AT_ONCE, "work that goes on", seconds=60)

    def test_a_run_continues_after_everything_was_killed(
        self, site: Site, openai: OpenAIServer, cut: set[tuple[str, str]]
    ) -> None:
        before = self.runs(site)
        cut |= self.wait_in_the_middle(site, openai, 6 + 6 + AT_ONCE)
        end_at_once(site.processes())
        assert site.survivors(within_seconds=30) == []
        openai.behave()
        site.start()
        wait_until(lambda: ready_clips(site) == len(VOICES) * CLIPS_A_VOICE, "all clips", seconds=90)
        assert self.runs(site) == before

    def test_kills_lose_no_item(self, site: Site) -> None:
        done = "SELECT count(*) FROM ttscache_warmrun WHERE state = 'done'"
        wait_until(lambda: query(site, done) == [(len(VOICES),)], "the end of both runs")
        items = query(site, "SELECT state, count(*) FROM ttscache_warmitem GROUP BY state")
        assert dict(items) == {"done": len(VOICES) * CLIPS_A_VOICE}

    def test_kills_cost_only_the_interrupted_clips_again(
        self, openai: OpenAIServer, cut: set[tuple[str, str]]
    ) -> None:
        calls = Counter(clip_of(call) for call in openai.calls())
        assert len(calls) == len(VOICES) * CLIPS_A_VOICE
        assert {clip for clip, number in calls.items() if number > 1} <= cut
        assert max(calls.values()) == 2


class TestTwoHosts:
    def test_two_clusters_keep_to_the_warm_concurrency_with_long_texts(
        self, make_site: MakeSite, openai: OpenAIServer
    ) -> None:
        """A text of three parts takes one slot; its parts are made one after another."""
        openai.behave(first_byte_delay_seconds=0.1)
        with started(make_site) as one, make_site(Site, beside=one):
            begin_run(one, "[' '.join(f'{line} is in {text}.' for line in range(650)) for text in range(4)]")
            made = "SELECT count(*) FROM ttscache_warmrun WHERE state = 'done'"
            wait_until(lambda: query(one, made) == [(len(VOICES) + 1,)], "the end of all runs", seconds=120)
        assert len(openai.calls()) == len(VOICES) * CLIPS_A_VOICE + 4 * 3
        assert openai.peak_concurrency() == AT_ONCE


class TestLanes:
    """Every slot is held at a gate, and 200 clips wait besides those of the default journey."""

    @pytest.fixture(scope="class")
    @staticmethod
    def openai(running_openai: OpenAIServer) -> Iterator[OpenAIServer]:
        running_openai.reset()
        running_openai.behave(gate_after_chunks=1)
        yield running_openai
        running_openai.reset()

    @pytest.fixture(scope="class")
    @staticmethod
    def caller(make_site: MakeSite, openai: OpenAIServer) -> Iterator[Caller]:
        site = started(make_site)
        begin_run(site, f"[f'This is text number {{number}}.' for number in range({MANY})]")
        wait_until(lambda: len(under_way(openai)) == AT_ONCE, "work in every slot", seconds=60)
        yield Caller(site, new_token(site))
        site.kill()

    def test_a_live_miss_does_not_wait_for_a_warm_slot(self, caller: Caller, openai: OpenAIServer) -> None:
        text = phrase()
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(caller.say, text)
            wait_until(lambda: openai.calls()[-1].text == text, "its call")
            assert len(under_way(openai)) == AT_ONCE + 1
            openai.behave_also(on_text=text)
            openai.release()
            assert answer.result().body == sound_of(text)

    def test_a_prefetch_precedes_all_scheduled_clips(self, caller: Caller, openai: OpenAIServer) -> None:
        openai.behave(gate_after_chunks=1)
        wait_until(lambda: len(under_way(openai)) == AT_ONCE, "work in every slot")
        begun = openai.calls()
        started = caller.post("/api/pre-cache-narratives", {"voice": "sage"})
        # A clip that is being made counts as queued, and gets no further call.
        wanted = started.json()["queued_count"] - sum(call.voice == "sage" for call in under_way(openai))
        openai.behave()
        wait_until(lambda: len(openai.calls()) >= len(begun) + wanted + AT_ONCE, "their calls", seconds=60)
        following = [call.voice for call in openai.calls()][len(begun) :][: wanted + AT_ONCE - 1]
        # Two calls that begin in the same moment may arrive in either order.
        assert following.count("sage") == wanted
        assert following[: wanted - AT_ONCE + 1].count("sage") == wanted - AT_ONCE + 1
