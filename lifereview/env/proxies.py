"""TRUSTED_PROXIES: the addresses and networks whose forwarded headers count."""

from __future__ import annotations

import ipaddress

from lifereview.env.reader import Environment, refuse

LOOPBACK = ["127.0.0.0/8", "::1"]
_NOBODY = "none"
_ALLOWED = "a list of addresses and networks, such as 10.0.0.5,192.168.0.0/16 or none"
_WHOLE_INTERNET = 0  # the length of the prefix of a network that holds every address


def trusted_proxies(env: Environment) -> list[str]:
    """The networks of the trusted proxies. Ends this process with one line if a word is no address.

    The network of all addresses is refused: anybody could then choose the address that the throttles count.
    """
    words = env.words(
        "TRUSTED_PROXIES", LOOPBACK, pattern=r"[0-9A-Fa-f:.]+(/\d{1,3})?|none", allowed=_ALLOWED
    )
    if words == [_NOBODY]:
        return []
    found = []
    for word in words:
        try:
            network = ipaddress.ip_network(word)
        except ValueError as error:
            reason = f": {error}" if "host bits" in str(error) else ""
            refuse("TRUSTED_PROXIES", ",".join(words), f"allowed is {_ALLOWED}{reason}")
        if network.prefixlen == _WHOLE_INTERNET:
            refuse("TRUSTED_PROXIES", ",".join(words), "it would trust every caller; name your proxies alone")
        found.append(str(network))
    return found
