"""Three hosts that share one database, Redis and provider, each connected by a cable to a switch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.openai_server import OpenAIServer
from harness.other_host import FarSite, Network, OtherHost
from harness.postgres import PostgresServer
from harness.process import HOST
from harness.site_data import query
from harness.speech_api.calls import Call
from harness.valkey import ValkeyServer
from harness.waiting import wait_until

HOSTS = 3
AT_ONCE = 6
SECRET_KEY = "qv7-of-all-three-hosts-X2hT9wLkzR4mB8cN1dJ6"  # these hosts are public ones
# PostgreSQL releases the locks of a lost host's open transaction after this time, as in deploy/env.example.
OPTIONS = "options=-c%20idle_in_transaction_session_timeout%3D30s"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The three hosts. `voice` is the provider that all of them call."""

    sites: Sequence[FarSite]
    voice: OpenAIServer

    def shares(self, calls: Sequence[Call]) -> Counter[str]:
        """The number of these calls that each host made."""
        names = {site.host.address: site.host.name for site in self.sites}
        return Counter(names[call.caller] for call in calls)

    def start_run(self, name: str, clips: int) -> list[str]:
        """Start a run of `clips` new texts; returns the texts."""
        done = self.sites[0].manage("shell", "-c", _START_RUN.format(name=name, clips=clips), check=True)
        return [line for line in done.stdout.splitlines() if line.startswith(name)]

    def state_of(self, name: str) -> str:
        return str(query(self.sites[0], "SELECT state FROM ttscache_warmrun WHERE scope = %s", name)[0][0])

    def wait_until_done(self, name: str, seconds: float = 120) -> None:
        wait_until(lambda: self.state_of(name) == "done", f"the end of {name}", seconds=seconds, every=0.2)


_START_RUN = """
from ttscache.renditions.current import request_for
from ttscache.warming import ClipSpec, start_run
question = "what did the garden of your childhood look like in the year"
texts = [f"{name}: {{question}} {{1900 + number}}?" for number in range({clips})]
start_run("{name}", [ClipSpec(request_for(text, "nova"), "question") for text in texts])
print(*texts, sep="\\n")
"""


@contextmanager
def three_hosts(folder: Path, with_static_files: Callable[[Path], None], network: Network) -> Iterator[Hosts]:
    """Start all hosts at once, as after a power cut. Raises Unavailable."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(also_on=network.near))
        redis = stack.enter_context(ValkeyServer(address=network.near))
        voice = stack.enter_context(OpenAIServer(address=network.near))
        env = {
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": f"{postgres.create_database().replace(HOST, network.near)}?{OPTIONS}",
            "REDIS_URL": redis.url,
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": voice.base_url,
            "TTS_WARM_CONCURRENCY": str(AT_ONCE),
            "TTS_LISTENER_VOICES": "nova",
            "WEB_WORKERS": "1",
        }
        sites = []
        for _ in range(HOSTS):
            host = stack.enter_context(OtherHost(network))
            site = FarSite(host, folder / host.name, env)
            with_static_files(site.var_dir)
            site.start_seconds = 180
            sites.append(site)
            stack.push(site.__exit__)
        with ThreadPoolExecutor(HOSTS) as threads:
            list(threads.map(FarSite.start, sites))
        hosts = Hosts(sites, voice)
        wait_until(lambda: not _active_runs(sites[0]), "the default journey", seconds=120, every=0.2)
        wait_until(lambda: len(_hosts_at_work(sites[0])) == HOSTS, "beats of all", seconds=120, every=0.2)
        yield hosts


def _active_runs(site: FarSite) -> list[tuple[object, ...]]:
    runs = query(site, "SELECT state FROM ttscache_warmrun")
    return [run for run in runs if run[0] != "done"] if runs else [("not begun",)]


def _hosts_at_work(site: FarSite) -> list[tuple[object, ...]]:
    return query(site, "SELECT host FROM ttscache_processreport WHERE process = 'cluster'")
