"""Turns DATABASE_URL and REDIS_URL into Django's DATABASES and CACHES."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import dj_database_url

from lifereview.env.reader import Environment, refuse
from lifereview.start.sqlite_file import SQLITE_NAME, address_to_read

# A pulled cable closes no connection. Without these settings a process notices after a quarter of an hour
# that its data does not arrive, and after two hours that no data comes (libpq's names; see tcp(7)).
_NOTICE_A_CUT_CABLE = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,  # milliseconds until data that was sent has to be acknowledged
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


# Options of other libraries, in the connection strings that Supabase and its like show. libpq would refuse
# them. They change nothing here: we use no statements that are prepared on the server.
_FOR_OTHER_LIBRARIES = {
    "pgbouncer", "connection_limit", "pool_timeout", "statement_cache_size", "schema", "supa", "workaround",
    "prepared_statements", "prepareThreshold", "sslaccept", "socket_timeout", "uselibpqcompat",
}  # fmt: skip


# Without a limit each thread's connection caches 2 MB of pages: 128 MB in a process of 64 threads. Above this
# limit a connection reuses the pages that it has (https://sqlite.org/c3ref/hard_heap_limit64.html).
_SQLITE_MEMORY = f"PRAGMA temp_store=MEMORY; PRAGMA soft_heap_limit={16 * 1024**2};"
_NUMBERS = (
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
    "tcp_user_timeout",
)  # fmt: skip
_MOST_BYTES_OF_A_NAME = 63  # in PostgreSQL
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


def databases(env: Environment, folder: Path, *, is_web_process: bool, only_plays: bool) -> dict[str, Any]:
    """Django's DATABASES: PostgreSQL if DATABASE_URL names one, else a SQLite file in `folder`.

    With `only_plays`, the SQLite file is opened so that nothing has to be written.
    """
    url = env.url("DATABASE_URL", schemes=["postgres", "postgresql"])
    if url:
        return {"default": _postgresql(url, is_web_process)}
    return {"default": _sqlite_to_read(folder) if only_plays else _sqlite(folder)}


def caches(env: Environment) -> dict[str, Any]:
    """Django's CACHES: all processes share `default`; `process` is for values that are not worth a query."""
    url = env.url("REDIS_URL", schemes=["redis", "rediss"])
    return {
        "default": _redis(url) if url else _database_cache(),
        "process": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 1_000},
        },
    }


def _postgresql(url: str, is_web_process: bool) -> dict[str, Any]:
    """A web process has a small pool of connections, every other process one connection."""
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:  # do not show its message: it may quote the password
        refuse("DATABASE_URL", "postgres://…", "allowed is postgres://user:password@host:port/name")
    if len(str(parsed.get("NAME", "")).encode(errors="replace")) > _MOST_BYTES_OF_A_NAME:
        refuse("DATABASE_URL", "postgres://…", "the name of the database has over 63 bytes")
    options = {**_NOTICE_A_CUT_CABLE, **_libpq_options(parsed.get("OPTIONS", {}))}
    if is_web_process:  # not in the cluster: a pool does not survive a fork, and django-q2 forks
        # Give up reconnecting soon; the next request tries again and so notices the end of an outage at once.
        options["pool"] = {"min_size": 1, "max_size": 10, "timeout": 3, "reconnect_timeout": 3}
    return {
        **parsed,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0 if is_web_process else 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,  # a pooler in transaction mode does not support them
    }


def _libpq_options(given: dict[str, Any]) -> dict[str, Any]:
    """The options that libpq takes. Ends this process if one is unknown or names a file that is gone."""
    from psycopg.pq import Conninfo  # a site with SQLite saves the time and memory of loading it

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    options = {name: value for name, value in given.items() if name not in _FOR_OTHER_LIBRARIES}
    for name, value in options.items():
        if name not in known:
            refuse("DATABASE_URL", f"…?{name}=…", "PostgreSQL's library has no option of that name")
        if name in _NUMBERS and not re.fullmatch(r"-?\d{1,9}", str(value), re.ASCII):
            refuse("DATABASE_URL", f"…?{name}={value}", "allowed is a whole number")
        if name in _FILES and value != "system" and not os.access(str(value), os.R_OK):
            refuse("DATABASE_URL", f"…?{name}={value}", "the file cannot be read")
    return options


def _sqlite(folder: Path) -> dict[str, Any]:
    """SQLite, with write locks taken at the start of a transaction and waited for.

    With SQLite's defaults the task queue loses results, and a large query needs a folder for temporary files.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / SQLITE_NAME,
        "CONN_MAX_AGE": 600,
        "TEST": {"NAME": folder / "test.sqlite3"},  # a file: threads share it, as in production
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SQLITE_MEMORY}",
        },
    }


def _sqlite_to_read(folder: Path) -> dict[str, Any]:
    """Read the SQLite file where its disk cannot be written, or where it is damaged."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": address_to_read(folder / SQLITE_NAME),
        "CONN_MAX_AGE": 600,
        "OPTIONS": {"timeout": 20, "init_command": f"{_SQLITE_MEMORY} PRAGMA query_only=ON;"},
    }


def _redis(url: str) -> dict[str, Any]:
    # Loaded here, because a site without Redis saves the time and memory.
    from redis import ConnectionPool
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    try:
        ConnectionPool.from_url(url).make_connection()  # it connects only when it is used
    except (ValueError, TypeError, RedisError):  # do not show their message: it may quote the password
        refuse("REDIS_URL", "…", "one of the options after its ? is unknown, or has a wrong value")
    return {
        "BACKEND": "lifereview.caches.redis_cache.CountingRedisCache",
        "LOCATION": url,
        # It holds only throttles and figures: no request should wait long for a Redis that is gone.
        "OPTIONS": {
            "serializer": "lifereview.caches.redis_cache.JsonSerializer",
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            "health_check_interval": 15,
            "retry": Retry(NoBackoff(), 1),
        },
    }


def _database_cache() -> dict[str, Any]:
    return {
        "BACKEND": "lifereview.caches.database_cache.CountingCache",
        "LOCATION": "django_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
