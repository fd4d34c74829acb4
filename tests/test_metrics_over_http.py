"""Prometheus, cache-stats and the requests sent agree on every figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.caller import Caller, hash_of, phrase
from harness.http import at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import new_token
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql]

USD_A_CHARACTER = 30 / 1e6


@pytest.fixture(scope="module")
def server(make_site: MakeSite) -> Iterator[WebServer]:
    with make_site(WebServer, WEB_WORKERS="3") as server:
        yield server


@pytest.fixture(scope="module")
def caller(server: WebServer) -> Caller:
    return Caller(server, new_token(server))


def scraped(caller: Caller) -> list[tuple[str, dict[str, str], float]]:
    text = caller.get("/metrics").body.decode()
    families = text_string_to_metric_families(text)
    return [(one.name, one.labels, one.value) for family in families for one in family.samples]


def totals(caller: Caller, name: str, label: str) -> dict[str, float]:
    found: Counter[str] = Counter()
    for sample, labels, value in scraped(caller):
        if sample == f"lifereview_{name}":
            found[labels.get(label, "")] += value  # type: ignore[assignment]
    return {key: value for key, value in found.items() if value}


def total(caller: Caller, name: str) -> float:
    return sum(totals(caller, name, "").values())


class TestAfterRequestsToThreeProcesses:
    @pytest.fixture(scope="class")
    @staticmethod
    def texts(caller: Caller, running_openai: OpenAIServer) -> list[str]:
        """Six texts: each is made, played four times more, and refused once in a variant."""
        running_openai.reset()
        running_openai.behave(fault=400, on_text="refused")
        texts = [phrase() for _ in range(6)]

        def ask(index: int) -> None:
            kind = ("narrative", "question", "analysis")[index % 3]
            caller.say(texts[index], content_type=kind)
            for _ in range(4):
                caller.clip(hash_of(texts[index]))
            caller.say(f"refused {texts[index]}", content_type="response")

        assert at_once(6, ask) == [None] * 6
        wait_until(lambda: sum(caller.by_tier().values()) == 36, "all processes to flush their ledgers")
        return texts

    def test_metrics_count_the_sent_requests(self, caller: Caller, texts: list[str]) -> None:
        found = totals(caller, "requests_total", "content_type")

        assert found == {"narrative": 10, "question": 10, "analysis": 10, "response": 6}

    def test_metrics_and_cache_stats_agree_on_outcomes(self, caller: Caller, texts: list[str]) -> None:
        stats = caller.get("/api/cache-stats").json()
        outcomes = totals(caller, "requests_total", "outcome")

        assert outcomes == {name: number for name, number in stats["by_tier"].items() if number}
        assert (outcomes["failed"], outcomes["generated"]) == (6, 6)
        assert stats["hit_rate"] == pytest.approx(24 / 36, abs=1e-4)

    def test_metrics_and_cache_stats_agree_on_all_four_kinds(self, caller: Caller, texts: list[str]) -> None:
        kinds = caller.get("/api/cache-stats").json()["by_content_type"]

        requests = {kind: figures["requests"] for kind, figures in kinds.items()}
        assert requests == totals(caller, "requests_total", "content_type")
        assert kinds["question"] == {"requests": 10, "hits": 8, "warmed_hits": 0, "hit_rate": 0.8}

    def test_metrics_have_every_request_in_the_histogram(self, caller: Caller, texts: list[str]) -> None:
        ends = [
            (labels["outcome"], value)
            for name, labels, value in scraped(caller)
            if name == "lifereview_request_seconds_bucket" and labels["le"] == "+Inf"
        ]

        assert dict(ends) == totals(caller, "requests_total", "outcome")

    def test_metrics_and_cache_stats_agree_on_money(self, caller: Caller, texts: list[str]) -> None:
        stats = caller.get("/api/cache-stats").json()
        characters = sum(map(len, texts))
        list_price, spent = total(caller, "worth_usd_total"), total(caller, "spent_usd_total")

        assert spent == pytest.approx(stats["spent_usd"])
        # A slow machine may time out and repeat a call, which costs extra.
        assert spent >= characters * USD_A_CHARACTER - 1e-9
        assert list_price == pytest.approx(5 * characters * USD_A_CHARACTER)
        assert stats["saved_usd"] == pytest.approx(list_price - spent, abs=1e-6)

    def test_metrics_over_processes_count_calls_by_outcome(self, caller: Caller, texts: list[str]) -> None:
        calls = totals(caller, "provider_calls_total", "outcome")

        assert (calls["ok"], calls["text_refused"]) == (6, 6)

    def test_metrics_count_clips_files_and_memory(self, caller: Caller, texts: list[str]) -> None:
        stats = caller.get("/api/cache-stats").json()

        assert total(caller, "clips") == stats["supabase_entries"] == len(texts)
        assert total(caller, "local_files") == stats["local_files"] == len(texts)
        assert stats["stats"] == {name: stats[name] for name in stats["stats"]}
        assert (stats["success"], stats["supabase_enabled"]) == (True, True)

    def test_a_restart_keeps_counters_and_empties_the_memory_tier(
        self, server: WebServer, caller: Caller, texts: list[str]
    ) -> None:
        wait_until(
            lambda: caller.get("/api/cache-stats").json()["memory_cache"] > 0, "the processes' reports"
        )
        before = totals(caller, "requests_total", "outcome")
        server.stop()
        server.start()

        assert totals(caller, "requests_total", "outcome") == before
        stats = caller.get("/api/cache-stats").json()
        assert (stats["memory_cache"], stats["local_files"]) == (0, len(texts))


def test_metrics_are_closed_to_strangers(server: WebServer) -> None:
    stranger = Caller(server).get("/metrics")

    assert (stranger.status, stranger.json()["code"]) == (401, "not_authenticated")
    assert stranger.headers["WWW-Authenticate"] == "Bearer"
