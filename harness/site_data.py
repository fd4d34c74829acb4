"""Reads and changes a site's data directly: rows in its database, files in its folder."""

from __future__ import annotations

import gzip
import hashlib
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from harness.site import Site
from harness.waiting import wait_until

LONG_AGO = "UPDATE tts_cache SET last_accessed_at = '2020-01-01 00:00:00'"

_KEPT = "FROM tts_cache JOIN tts_cache_files ON tts_cache.id = cache_id"


def query(site: Site, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a query with %s for each value, on SQLite or PostgreSQL, and return the rows."""
    url = site.env.get("DATABASE_URL", "")
    if url:
        with psycopg.connect(url) as postgresql:
            return postgresql.execute(sql, values).fetchall()
    with closing(sqlite3.connect(site.var_dir / "lifereview.sqlite3", timeout=20)) as sqlite:
        return sqlite.execute(sql.replace("%s", "?"), values).fetchall()


def let_broken_clips_be_tried_again(site: Site) -> None:
    """Expire the wait of texts that came out broken, as if ten minutes had passed or staff had asked."""
    execute(site, "UPDATE ttscache_lease SET until = '2020-01-01 00:00:00' WHERE error LIKE 'broken_audio%'")


def execute(site: Site, sql: str, *values: object) -> None:
    """Run a statement, with %s for each value, on the site's database."""
    url = site.env.get("DATABASE_URL", "")
    if url:
        with psycopg.connect(url) as postgresql:
            postgresql.execute(sql, values or None)
        return
    with closing(sqlite3.connect(site.var_dir / "lifereview.sqlite3", timeout=20)) as sqlite, sqlite:
        sqlite.execute(sql.replace("%s", "?") if values else sql, values)


def set_live(site: Site, journey: str, is_live: bool) -> None:
    """Offer listeners the journey with this slug, or take it back."""
    execute(site, "UPDATE narratives_journey SET is_live = %s WHERE slug = %s", is_live, journey)


def default_journey(site: Site) -> int:
    """Return the id of the journey that listeners get first."""
    ((pk,),) = query(site, "SELECT id FROM narratives_journey WHERE is_default")
    return int(pk)


def id_of_text(site: Site, slug: str) -> int:
    """Return the id of the default journey's text with this slug."""
    sql = "SELECT id FROM narratives_narrative WHERE journey_id = %s AND slug = %s"
    ((pk,),) = query(site, sql, default_journey(site), slug)
    return int(pk)


def new_token(site: Site, name: str = "harness", *, admin: bool = False) -> str:
    """Put an API token into the site's database. The command for this takes a second and more to load."""
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    columns = "name, digest, may_speak, may_read_figures, is_admin, created_at"
    values = "%s, %s, %s, %s, %s, CURRENT_TIMESTAMP"
    insert = f"INSERT INTO ttscache_apitoken ({columns}) VALUES ({values})"
    execute(site, insert, name, digest, True, True, admin)
    return token


def kept_in_database(site: Site, content_hash: str) -> list[bytes]:
    """The unpacked bytes of the clip in the permanent tier: none or one."""
    rows = query(site, f"SELECT file_data, encoding {_KEPT} WHERE content_hash = %s", content_hash)
    return [gzip.decompress(data) if encoding else bytes(data) for data, encoding in rows]


def ready_clips(site: Site) -> int:
    return int(query(site, f"SELECT count(*) {_KEPT}")[0][0])


def files_of(site: Site, content_hash: str = "") -> list[Path]:
    """The files of one clip in the local tier, or of all clips."""
    folder = Path(site.env.get("TTS_FILES_DIR") or site.var_dir / "tts_cache")
    return sorted(path for path in folder.rglob(f"{content_hash}*") if path.is_file())


def make_old(site: Site, content_hash: str, *, requests: int = 1) -> None:
    """Make the clip old, once the site has written so many requests; writing them would make it new again."""
    requests_of = "SELECT coalesce(sum(requests), 0) FROM ttscache_dailyrequests WHERE content_hash = %s"
    wait_until(lambda: query(site, requests_of, content_hash) == [(requests,)], "the ledger to be written")
    execute(site, f"{LONG_AGO} WHERE content_hash = %s", content_hash)
