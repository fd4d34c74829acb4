"""Tells whether a host name can be one, without a look-up."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def is_host_name(host: str) -> bool:
    """Whether a name or address can be looked up: labels of at most 63 letters, digits and hyphens.

    An address of IPv6 and the encoded path of a socket pass as well.
    """
    if ":" in host or "%" in host:
        return True
    if not host.isascii():
        import idna  # the library by which the clients encode a name

        try:
            host = idna.encode(host).decode()
        except idna.IDNAError:
            return False
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
