"""The caller is the peer, or the caller whom a proxy of ours names."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lifereview.env.proxies import trusted_proxies
from lifereview.env.reader import Environment
from lifereview.middleware.trusted_proxies import TrustedProxies

pytestmark = pytest.mark.any_database

PROXIES = ["127.0.0.0/8", "::1", "10.1.0.0/16", "2001:db8:5::/48"]


def seen(peer: str, proxies: Any = PROXIES, **headers: str) -> dict[str, Any]:
    """Return what the application sees of a request of this peer. Headers: X_Forwarded_For="…"."""
    environ: dict[str, Any] = {
        "REMOTE_ADDR": peer,
        "HTTP_HOST": "site.example.org",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    found: dict[str, Any] = {}

    def application(environ: dict[str, Any], _: object) -> list[bytes]:
        found.update(environ)
        return []

    TrustedProxies(application, proxies)(environ, lambda *_: lambda _: None)
    return found


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # what stands left of it anybody may have made up
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),  # a second proxy of ours
        ("203.0.113.7,10.1.2.3 , 127.0.0.1", "203.0.113.7"),
        ("10.1.2.3", "10.1.2.3"),  # a machine of ours calls
        ("nonsense", "10.1.0.9"),
        ("203.0.113.7, nonsense", "10.1.0.9"),
        ("nonsense, 10.1.2.3", "10.1.2.3"),
        ("", "10.1.0.9"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_behind_a_proxy_the_caller_is_the_last_address_that_is_not_ours(forwarded: str, caller: str) -> None:
    assert seen("10.1.0.9", X_Forwarded_For=forwarded)["REMOTE_ADDR"] == caller


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.2.0.1", "2001:db8:6::1"])
def test_forwarded_headers_of_a_stranger_are_gone(peer: str) -> None:
    forged = {
        "X_Forwarded_For": "127.0.0.1",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "evil.example",
    }
    more = {"X_Forwarded_Port": "443", "Forwarded": "for=127.0.0.1", "X_Real_IP": "127.0.0.1"}
    found = seen(peer, **forged, **more)

    assert (found["REMOTE_ADDR"], found["HTTP_HOST"], found["SERVER_PORT"]) == (
        peer,
        "site.example.org",
        "8000",
    )
    assert found["wsgi.url_scheme"] == "http"
    assert not [name for name in found if "FORWARDED" in name or name == "HTTP_X_REAL_IP"]


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "", "2001:db8:5::1"])
def test_scheme_host_and_port_of_a_trusted_proxy_count(peer: str) -> None:
    """A peer without an address has come through a socket file, which only this machine can open."""
    found = seen(
        peer, X_Forwarded_Proto="HTTPS", X_Forwarded_Host="life.example.org", X_Forwarded_Port="8443"
    )

    assert (found["wsgi.url_scheme"], found["HTTP_X_FORWARDED_PROTO"]) == ("https", "https")
    assert (found["HTTP_HOST"], found["SERVER_PORT"]) == ("life.example.org", "8443")


def test_a_peer_of_a_socket_file_counts_as_this_machine() -> None:
    assert seen("")["REMOTE_ADDR"] == "127.0.0.1"
    assert seen("", ["10.0.0.0/8"], X_Forwarded_For="203.0.113.7")["REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize("scheme", ["gopher", "", "https, gopher"])
def test_an_unknown_forwarded_scheme_changes_nothing(scheme: str) -> None:
    found = seen("127.0.0.1", X_Forwarded_Proto=scheme)

    assert found["wsgi.url_scheme"] == "http"
    assert "HTTP_X_FORWARDED_PROTO" not in found


def test_ignored_forwarded_headers_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    proxies = TrustedProxies(lambda *_: [], ["10.0.0.0/8"])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            environ = {
                "REMOTE_ADDR": "203.0.113.9",
                "HTTP_X_FORWARDED_FOR": "1.2.3.4",
                "wsgi.url_scheme": "http",
            }
            proxies(environ, lambda *_: lambda _: None)

    assert [record.getMessage() for record in caplog.records] == [
        "Forwarded headers of 203.0.113.9 are ignored: it is none of TRUSTED_PROXIES."
    ]


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("", ["127.0.0.0/8", "::1/128"]),
        ("none", []),
        ("10.0.0.5, 192.168.0.0/16,fd00::/8", ["10.0.0.5/32", "192.168.0.0/16", "fd00::/8"]),
    ],
)
def test_trusted_proxies_are_addresses_and_networks(value: str, networks: list[str]) -> None:
    assert trusted_proxies(Environment({"TRUSTED_PROXIES": value})) == networks


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("proxy.example.org", "allowed is a list of addresses"),
        ("10.0.0.5/40", "allowed is a list of addresses"),
        ("10.0.0.5/8", "has host bits set"),
        ("0.0.0.0/0", "it would trust every caller"),
        ("::/0", "it would trust every caller"),
        ("10.0.0.5,none", "allowed is a list of addresses"),
    ],
)
def test_unusable_trusted_proxies_stop_the_start_with_one_line(value: str, why: str) -> None:
    with pytest.raises(SystemExit, match=why) as stopped:
        trusted_proxies(Environment({"TRUSTED_PROXIES": value}))

    assert str(stopped.value).startswith("TRUSTED_PROXIES=")
    assert "\n" not in str(stopped.value)
