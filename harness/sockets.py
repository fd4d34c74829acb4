"""Which process of a site holds which connections: proof of who is asked, and of who asks."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import psutil

from harness.openai_server import OpenAIServer
from harness.site import Site


def clients_of(site: Site) -> Counter[int]:
    """How many connections each process of it has accepted and still holds."""
    return Counter(
        process.pid
        for process in site.processes()
        for connection in _connections(process)
        if connection.laddr and connection.laddr.port == site.port
    )


def callers_of(openai: OpenAIServer, site: Site) -> list[psutil.Process]:
    """The processes of the site that wait for the voice just now."""
    return [
        process
        for process in site.processes()
        if any(
            connection.raddr and connection.raddr.port == openai.port for connection in _connections(process)
        )
    ]


def _connections(process: psutil.Process) -> list[Any]:
    with suppress(psutil.Error):
        found = process.net_connections("tcp")
        return [connection for connection in found if connection.status == psutil.CONN_ESTABLISHED]
    return []
