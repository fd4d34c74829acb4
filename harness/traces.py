"""All that a site has kept or printed, as one text a place: what tests of privacy search."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import redis

from harness.s3 import S3Server
from harness.site import Site
from harness.site_data import query
from harness.valkey import ValkeyServer

_BASE64 = re.compile(rb"[A-Za-z0-9_-]{40,}")


def everything_kept(site: Site) -> dict[str, str]:
    """The log, each table of the database, the task queue unpacked, and the bytes of all files."""
    return {
        "log": site.log(),
        "tables": rows_of_all_tables(site),
        "queue": unpacked_tasks(site),
        "files": bytes_below(site.var_dir),
    }


def rows_of_all_tables(site: Site) -> str:
    if site.env.get("DATABASE_URL"):
        names = query(site, "SELECT tablename FROM pg_tables WHERE schemaname = %s", "public")
    else:
        names = query(site, "SELECT name FROM sqlite_master WHERE type = %s", "table")
    tables = {name: query(site, f'SELECT * FROM "{name}"') for (name,) in names}
    return "\n".join(f"{name}: {rows}" for name, rows in tables.items())


def unpacked_tasks(site: Site) -> str:
    """Payloads are pickles in base64; a text in a pickle is readable as it is."""
    payloads = query(site, "SELECT payload FROM django_q_ormq")
    return "\n".join(_decoded(str(payload).encode()) for (payload,) in payloads)


def bytes_below(folder: Path) -> str:
    """Every file, a database with its write-ahead log included."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "static" not in path.parts]
    return "\n".join(f"{path.name}: {path.read_bytes().decode('latin-1')}" for path in files)


def contents_of_valkey(server: ValkeyServer) -> str:
    with redis.from_url(server.url) as client:
        keys: Any = client.keys("*")
        return "\n".join(f"{key!r}: {client.dump(key)!r}" for key in keys)


def contents_of_bucket(server: S3Server, bucket: str) -> str:
    bodies = {
        name: server.client.get_object(Bucket=bucket, Key=name)["Body"].read()
        for name in server.objects(bucket)
    }
    return "\n".join(f"{name}: {body.decode('latin-1')}" for name, body in bodies.items())


def _decoded(payload: bytes) -> str:
    parts = _BASE64.findall(payload)
    return "\n".join(
        base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)).decode("latin-1") for part in parts
    )
