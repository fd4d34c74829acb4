"""Python loads this at the start of each process that has this folder on its PYTHONPATH.

It writes each host name that a process looks up into the file that NAME_LOOKUPS names.
"""

from __future__ import annotations

import ipaddress
import os
import sys

_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def _record(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _LOOKING_UP or not arguments[0]:
        return
    host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        with open(os.environ["NAME_LOOKUPS"], "a") as file:
            file.write(f"{host}\n")


sys.addaudithook(_record)
