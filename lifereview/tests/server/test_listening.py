"""The addresses that `serve` prints, and what keeps it from listening."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from lifereview.env.addresses import private_addresses
from lifereview.server.listening import bind_address, problem_with_address, site_addresses

pytestmark = pytest.mark.any_database


@pytest.fixture
def listening(settings: Any) -> Any:
    settings.PORT, settings.ALLOWED_HOSTS, settings.FORCE_SCRIPT_NAME = 8123, ["localhost"], None
    return settings


@pytest.mark.parametrize(
    ("host", "bound", "printed"),
    [
        ("127.0.0.1", "127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("::1", "[::1]:8123", "http://[::1]:8123"),
        ("0.0.0.0", "0.0.0.0:8123", "http://localhost:8123"),
        ("::", "[::]:8123", "http://localhost:8123"),
        ("192.168.1.5", "192.168.1.5:8123", "http://192.168.1.5:8123"),
        ("unix:/run/site.sock", "unix:/run/site.sock", "unix:/run/site.sock"),
    ],
)
def test_the_address_is_bound_and_printed_as_each_needs_it(
    listening: Any, host: str, bound: str, printed: str
) -> None:
    listening.HOST = host
    assert (bind_address(), site_addresses()) == (bound, [printed])


def test_only_addresses_that_the_site_answers_are_printed(listening: Any) -> None:
    listening.HOST, listening.ALLOWED_HOSTS = "::", ["localhost", "10.0.0.0", "*"]
    listening.FORCE_SCRIPT_NAME = "/story"
    printed = site_addresses()

    assert len(printed) == 1 + len(private_addresses())
    assert all(each.endswith(":8123/story") for each in printed)
    listening.HOST = "0.0.0.0"
    assert not [each for each in site_addresses() if "[" in each]  # it does not listen on IPv6


def test_a_socket_file_in_use_or_of_another_kind_is_a_problem_and_a_stale_one_is_not(
    listening: Any, tmp_path: Path
) -> None:
    path = tmp_path / "site.sock"
    listening.HOST = f"unix:{path}"
    assert problem_with_address() is None
    assert not path.exists()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert problem_with_address() is None  # bound, but nobody listens: left by a killed server
        assert not path.exists()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        problem = problem_with_address()
        assert problem is not None
        assert problem.errno == errno.EADDRINUSE
    path.unlink()
    path.write_text("a letter")
    assert problem_with_address() is not None
    assert path.read_text() == "a letter"
