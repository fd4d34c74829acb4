"""Other devices reach this machine by its private addresses, and only where it listens for them."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from lifereview.env.addresses import as_host, is_loopback, private_addresses

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "unix:/run/site.sock"])
def test_a_loopback_address_or_a_socket_file_is_out_of_reach_for_other_devices(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "fd00::2", "ana-laptop"])
def test_another_address_or_name_is_in_reach_of_other_devices(host: str) -> None:
    assert not is_loopback(host)


def test_each_private_address_belongs_to_this_machine_and_can_be_listened_on() -> None:
    found = private_addresses()

    for address in found:
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((str(address), 0))  # raises for an address of another machine
    assert not [each for each in found if each.is_global or each.is_loopback]


def test_an_ipv6_address_has_brackets_in_a_url() -> None:
    assert as_host(ipaddress.ip_address("fd00::2")) == "[fd00::2]"
    assert as_host(ipaddress.ip_address("10.0.0.2")) == "10.0.0.2"
