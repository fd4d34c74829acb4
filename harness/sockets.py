"""Lists the connections of a site's processes, to prove which process answers and which one calls."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import psutil

from harness.openai_server import OpenAIServer
from harness.site import Site
from harness.speech_api.calls import Call


def clients_of(site: Site) -> Counter[int]:
    """The number of open connections that each process of the site has accepted."""
    return Counter(
        process.pid
        for process in site.processes()
        for connection in _connections(process)
        if connection.laddr and connection.laddr.port == site.port
    )


def callers_of(openai: OpenAIServer, site: Site) -> list[psutil.Process]:
    """The site's processes that are connected to the speech provider now."""
    return [
        process
        for process in site.processes()
        if any(
            connection.raddr and connection.raddr.port == openai.port for connection in _connections(process)
        )
    ]


def made_by(call: Call, site: Site) -> bool:
    """Whether a process of the site has the connection over which this call came."""
    return any(
        connection.laddr and connection.laddr.port == call.caller_port
        for process in site.processes()
        for connection in _connections(process)
    )


def _connections(process: psutil.Process) -> list[Any]:
    with suppress(psutil.Error):
        found = process.net_connections("tcp")
        return [connection for connection in found if connection.status == psutil.CONN_ESTABLISHED]
    return []
