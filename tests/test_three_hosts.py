"""One site on three hosts: they share the work, and a lost host costs no clip and few extra calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.caller import Caller, hash_of, phrase, sound_of
from harness.optional import skipped_when_unavailable
from harness.other_host import FarSite, Network
from harness.site_data import execute, files_of, query
from harness.speech_api.calls import Call, peak_concurrency
from harness.three_hosts import AT_ONCE, HOSTS, Hosts, three_hosts
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database, pytest.mark.timeout(900)]

CLIPS = 90
PRUNED = 12


@pytest.fixture(scope="module")
def hosts(
    tmp_path_factory: pytest.TempPathFactory,
    with_static_files: Callable[[Path], None],
    network: Network,
) -> Iterator[Hosts]:
    with skipped_when_unavailable():
        running = three_hosts(tmp_path_factory.mktemp("hosts"), with_static_files, network)
        started = running.__enter__()
    yield started
    running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def callers(hosts: Hosts) -> list[Caller]:
    token = hosts.sites[0].api_token(admin=True)
    return [Caller(site, token) for site in hosts.sites]


@dataclass(frozen=True, slots=True)
class Made:
    """The texts of an ended run, and its provider calls."""

    texts: Sequence[str]
    calls: Sequence[Call]


class TestSharedRun:
    @pytest.fixture(scope="class")
    @staticmethod
    def made(hosts: Hosts) -> Made:
        hosts.voice.reset()
        hosts.voice.behave(headers_delay_seconds=0.5)
        texts = hosts.start_run("shared", CLIPS)
        hosts.wait_until_done("shared")
        return Made(texts, hosts.voice.calls())

    def test_every_host_makes_some_clips_of_a_run(self, hosts: Hosts, made: Made) -> None:
        assert len(hosts.shares(made.calls)) == HOSTS, hosts.shares(made.calls)

    def test_three_hosts_pay_for_every_text_once(self, made: Made) -> None:
        assert Counter(call.text for call in made.calls) == Counter(made.texts)

    def test_three_hosts_never_exceed_the_warm_concurrency(self, made: Made) -> None:
        assert HOSTS < peak_concurrency(made.calls) <= AT_ONCE

    def test_every_clip_of_a_run_plays_from_every_host(self, callers: list[Caller], made: Made) -> None:
        for caller in callers:
            assert [caller.clip(hash_of(text)).body for text in made.texts] == list(map(sound_of, made.texts))


ALMOST_TOO_MANY = """
import time
from django.core.cache import cache
cache.set("throttle_generation_token-1", 598, 60)
"""


def test_a_throttle_counts_over_all_hosts(hosts: Hosts, callers: list[Caller]) -> None:
    """The limit of a token is 600 new clips a minute over all hosts."""
    hosts.sites[0].manage("shell", "-c", ALMOST_TOO_MANY, check=True)
    assert [caller.say(phrase()).status for caller in callers] == [200, 200, 429]


class TestSharedPrune:
    @pytest.fixture(scope="class")
    @staticmethod
    def texts(hosts: Hosts, callers: list[Caller]) -> list[str]:
        """Texts whose old clips every host had, until one of the hosts pruned them."""
        hosts.voice.behave()
        texts = hosts.start_run("to prune", PRUNED)
        hosts.wait_until_done("to prune")
        for caller in callers:
            assert {caller.clip(hash_of(text)).status for text in texts} == {200}
        counted = """SELECT sum(requests) FROM ttscache_dailyrequests JOIN tts_cache USING (content_hash)
            WHERE content_text LIKE 'to prune%%'"""
        wait_until(
            lambda: query(hosts.sites[0], counted) == [(HOSTS * PRUNED,)], "all requests in the ledger"
        )
        long_ago = "now() - interval '200 days'"
        execute(
            hosts.sites[0],
            f"UPDATE tts_cache SET last_accessed_at = {long_ago} WHERE content_text LIKE 'to prune%'",
        )
        queue = "from django_q.tasks import async_task; async_task('ttscache.tasks.prune', save=False)"
        hosts.sites[0].manage("shell", "-c", queue, check=True)
        left = "SELECT 1 FROM tts_cache WHERE content_text LIKE 'to prune%%'"
        wait_until(lambda: not query(hosts.sites[0], left), "the end of the records", seconds=60)
        return texts

    def test_three_hosts_prune_once(self, hosts: Hosts, texts: list[str]) -> None:
        wait_until(
            lambda: (
                query(hosts.sites[0], "SELECT state, removed FROM ttscache_prunerun") == [("done", PRUNED)]
            ),
            "its end",
        )

    def test_pruned_clips_are_gone_on_every_host(self, callers: list[Caller], texts: list[str]) -> None:
        hashes = [hash_of(text) for text in texts]
        for caller in callers:
            wait_until(
                lambda site=caller.site: not any(files_of(site, one) for one in hashes),  # type: ignore[misc]
                "the end of the files",
                seconds=60,
            )
            assert {caller.clip(one).status for one in hashes} == {404}


@dataclass(frozen=True, slots=True)
class Accident:
    """A run during which a host lost its network. `interrupted`: the texts that it was making."""

    lost: FarSite
    texts: Sequence[str]
    interrupted: Sequence[str]


class TestLostHost:
    """The tests run in order: a host loses its network, and gets it back."""

    @pytest.fixture(scope="class")
    @staticmethod
    def accident(hosts: Hosts) -> Iterator[Accident]:
        lost = hosts.sites[2]
        hosts.voice.reset()
        hosts.voice.behave(headers_delay_seconds=0.5)
        texts = hosts.start_run("cut off", CLIPS)
        wait_until(lambda: len(hosts.shares(hosts.voice.calls())) == HOSTS, "all hosts at work", seconds=60)
        hosts.voice.behave(gate_after_chunks=1)
        wait_until(lambda: len(under_way(hosts)) == AT_ONCE, "all slots in use")
        lost.host.pull_cable()
        interrupted = [call.text for call in under_way(hosts) if call.caller == lost.host.address]
        hosts.voice.behave(headers_delay_seconds=0.1)
        yield Accident(lost, texts, interrupted)
        lost.host.plug_in()

    def test_other_hosts_finish_the_work_of_a_lost_host(self, hosts: Hosts, accident: Accident) -> None:
        assert accident.interrupted
        hosts.wait_until_done("cut off", seconds=180)
        kept = "SELECT count(*) FROM tts_cache WHERE content_text LIKE 'cut off%%' AND stored_at IS NOT NULL"
        assert query(hosts.sites[0], kept) == [(CLIPS,)]

    def test_a_cut_off_host_still_plays_its_published_clips(self, hosts: Hosts, accident: Accident) -> None:
        published = Caller(hosts.sites[0]).narratives()["narratives"]
        held = [item for item in published if files_of(accident.lost, item["audio"]["content_hash"])]
        assert held
        with accident.lost.host.inside():
            heard = [Caller(accident.lost).get(item["audio"]["url"]) for item in held]
        assert [clip.body for clip in heard] == [sound_of(item["text"]) for item in held]

    def test_readyz_of_a_cut_off_host_reports_its_database(self, accident: Accident) -> None:
        with accident.lost.host.inside():
            ready = Caller(accident.lost).get("/readyz")
        assert (ready.status, "database: NOT READY" in ready.body.decode()) == (503, True)

    def test_a_host_is_ready_once_plugged_in_again(self, accident: Accident) -> None:
        accident.lost.host.plug_in()
        wait_until(lambda: Caller(accident.lost).get("/readyz").status == 200, "it to be ready", every=0.5)

    def test_only_clips_under_way_on_a_lost_host_are_paid_twice(
        self, hosts: Hosts, accident: Accident
    ) -> None:
        wait_until(lambda: has_reported(accident.lost), "its cluster at work", seconds=120, every=0.5)
        paid = Counter(call.text for call in hosts.voice.calls())
        assert set(paid) == set(accident.texts)
        assert {text for text, times in paid.items() if times > 1} <= set(accident.interrupted)
        assert max(paid.values()) <= 2

    def test_a_host_that_came_back_takes_part_in_the_next_run(self, hosts: Hosts, accident: Accident) -> None:
        hosts.voice.reset()
        hosts.voice.behave(headers_delay_seconds=0.5)
        texts = hosts.start_run("back again", CLIPS)
        hosts.wait_until_done("back again")
        calls = hosts.voice.calls()
        assert accident.lost.host.name in hosts.shares(calls)
        assert Counter(call.text for call in calls) == Counter(texts)


def under_way(hosts: Hosts) -> list[Call]:
    return [call for call in hosts.voice.calls() if call.outcome is None]


def has_reported(site: FarSite) -> bool:
    """Return whether the host's cluster has reported within the last seconds."""
    lately = "reported_at > now() - interval '10 seconds'"
    return bool(
        query(
            site,
            f"SELECT 1 FROM ttscache_processreport WHERE process = 'cluster' AND host = %s AND {lately}",
            site.host.name,
        )
    )
