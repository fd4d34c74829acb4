"""Whom a rate counts together."""

from __future__ import annotations

import pytest

from ttscache.api.throttling import network_of

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("", ""),
    ],
)
def test_an_ipv6_home_is_counted_as_one_and_an_ipv4_address_as_itself(address: str, counted_as: str) -> None:
    assert network_of(address) == counted_as
