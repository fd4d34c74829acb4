"""The addresses by which other devices reach this machine. Asks no name server and sends nothing."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

Address = IPv4Address | IPv6Address

_LOCAL_IPV4 = re.compile(r"\|-- ([\d.]+)\n\s+/32 host LOCAL")  # in /proc/net/fib_trie
# These addresses are reserved for documentation (RFC 5737, RFC 3849). A datagram socket that "connects" sends
# nothing; it only chooses the address from which it would send.
_ELSEWHERE = ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1"))


def is_loopback(host: str) -> bool:
    """Whether a server that listens on this host or socket file is out of reach for other devices."""
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # another name of this machine


def private_addresses() -> list[Address]:
    """This machine's own addresses in private networks, that of the default route first.

    Left out are loopback and public addresses, and link-local IPv6 ones, which no browser can open.
    """
    found = dict.fromkeys([*_default_route(), *_ipv4_of_linux(), *_ipv6_of_linux()])
    return [address for address in found if _is_private(address)]


def as_host(address: Address) -> str:
    """The address as a URL and the header Host have it."""
    return f"[{address}]" if address.version == 6 else str(address)


def _is_private(address: Address) -> bool:
    if address.version == 6 and address.is_link_local:
        return False
    is_special = address.is_loopback or address.is_unspecified or address.is_multicast
    return not address.is_global and not is_special


def _default_route() -> Iterator[Address]:
    for family, elsewhere in _ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            yield ipaddress.ip_address(probe.getsockname()[0])


def _ipv4_of_linux() -> Iterator[Address]:
    with suppress(OSError):  # not Linux: the address of the default route has to do
        for address in _LOCAL_IPV4.findall(Path("/proc/net/fib_trie").read_text()):
            yield IPv4Address(address)


def _ipv6_of_linux() -> Iterator[Address]:
    with suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            yield IPv6Address(int(line.split()[0], 16))
