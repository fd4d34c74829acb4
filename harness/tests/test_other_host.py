from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from harness.optional import skipped_when_unavailable
from harness.other_host import Network, OtherHost, new_network
from harness.postgres import PostgresServer
from harness.process import HOST
from harness.waiting import wait_until

pytestmark = pytest.mark.any_database
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"


@pytest.fixture(scope="module")
def host(network: Network) -> Iterator[OtherHost]:
    with OtherHost(network) as host:
        yield host


def run_on(host: OtherHost, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(host.command(command), capture_output=True, text=True, timeout=20)


def test_the_other_host_has_its_own_name(host: OtherHost) -> None:
    assert run_on(host, "hostname").stdout.strip() == host.name != socket.gethostname()


def test_the_other_host_reaches_this_machine_only_by_its_cable(host: OtherHost) -> None:
    with socket.create_server((host.near, 0)) as near, socket.create_server((HOST, 0)) as local:
        reached = [
            run_on(host, sys.executable, "-c", CONNECT, address, str(server.getsockname()[1])).returncode
            for server, address in ((near, host.near), (local, HOST))
        ]
    assert reached == [0, 1]


def test_postgresql_answers_the_other_host(host: OtherHost) -> None:
    with PostgresServer(also_on=host.near) as postgres:
        psycopg.connect(postgres.url.replace(HOST, host.near), connect_timeout=5).close()
        reached = run_on(host, sys.executable, "-c", CONNECT, host.near, str(postgres.port))
    assert reached.returncode == 0


def test_a_host_loses_its_network_while_its_cable_is_pulled(
    network: Network,
) -> None:
    with (
        OtherHost(network) as one,
        OtherHost(network) as other,
        socket.create_server((network.near, 0)) as server,
    ):
        connect = (sys.executable, "-c", CONNECT, network.near, str(server.getsockname()[1]))
        assert [run_on(host, *connect).returncode for host in (one, other)] == [0, 0]
        other.pull_cable()
        assert [run_on(host, *connect).returncode for host in (one, other)] == [0, 1]
        other.plug_in()
        wait_until(lambda: run_on(other, *connect).returncode == 0, "the cable")


def test_the_other_host_leaves_nothing_behind() -> None:
    with skipped_when_unavailable(), new_network() as network, OtherHost(network) as host:
        assert network.near in devices()
    wait_until(lambda: network.near not in devices(), "the end of the cable")
    assert subprocess.run(host.command(["true"]), capture_output=True).returncode != 0


def test_the_cable_of_the_other_host_is_no_device_of_this_machine(network: Network, host: OtherHost) -> None:
    assert host.cable not in devices()
    assert host.cable in network.run("ip", "-brief", "link")


def devices() -> str:
    return subprocess.run(["ip", "-brief", "address"], capture_output=True, text=True).stdout
