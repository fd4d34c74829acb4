"""Database connections that wait for nobody."""

from __future__ import annotations

from django.db import connections


def release_connections() -> None:
    """Give pooled database connections back before a long wait; one that is this thread's own stays."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block and not connection.settings_dict["CONN_MAX_AGE"]:
            connection.close()
