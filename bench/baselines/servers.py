"""Starts the baselines: the earlier design and FileResponse under our gunicorn settings, and nginx."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path
from typing import Any

import psutil
import psycopg

from bench.product import inside
from harness import Unavailable, http
from harness.earlier_databases import AS_DOCUMENTED
from harness.openai_server import OpenAIServer
from harness.postgres import PostgresServer
from harness.process import HOST, PROJECT, ServerProcess, free_port, is_alive, is_listening
from harness.site import Site, WebServer
from harness.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Baseline:
    """A running server: its address, a function that returns the pids of its workers, and its start."""

    url: str
    worker_pids: Callable[[], Sequence[int]]
    start_seconds: float


@contextmanager
def earlier_service(
    beside: Site, database_url: str, *, provider: str = "", narratives: Sequence[str] = ()
) -> Iterator[Baseline]:
    """Run the earlier design with the workers and threads of this site. Its folder has no clips at first."""
    with psycopg.connect(database_url) as connection:
        connection.execute(AS_DOCUMENTED)
    environment = {
        "BENCH_DATABASE_URL": database_url,
        "BENCH_PROVIDER": provider,
        "BENCH_NARRATIVES": json.dumps(list(narratives)),
    }
    with under_gunicorn(beside, "bench.baselines.earlier_service:app", environment) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Rivals:
    """Our web server and the earlier design, each with a database of its own, and the provider of both."""

    web: WebServer
    earlier: Baseline
    provider: OpenAIServer


@contextmanager
def rivals(**settings: str) -> Iterator[Rivals]:
    """Run them, ours with these settings, the earlier one with as many workers and threads."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        postgres = stack.enter_context(PostgresServer())
        provider = stack.enter_context(OpenAIServer())
        given = {
            "DATABASE_URL": postgres.create_database(),
            "OPENAI_API_KEY": "bench",
            "OPENAI_BASE_URL": provider.base_url,
        }
        web = stack.enter_context(WebServer(folder / "var", given | settings))
        earlier = stack.enter_context(
            earlier_service(web, postgres.create_database(), provider=provider.base_url)
        )
        yield Rivals(web, earlier, provider)


@contextmanager
def file_response(beside: Site, clips: Mapping[str, bytes]) -> Iterator[Baseline]:
    """Run Django's FileResponse with these clips, by content hash."""
    with under_gunicorn(beside, "bench.baselines.file_response:application", {}, clips) as found:
        yield found


@contextmanager
def under_gunicorn(
    beside: Site, application: str, environment: Mapping[str, str], clips: Mapping[str, bytes] | None = None
) -> Iterator[Baseline]:
    """Run a WSGI application under the gunicorn settings of a site, but on a port of its own."""
    settings: dict[str, Any] = inside(beside.environment(), gunicorn_settings)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-baseline-") as name:
        folder = Path(name)
        for content_hash, sound in (clips or {}).items():
            (folder / f"{content_hash}.mp3").write_bytes(sound)
        conf = folder / "gunicorn.conf.py"
        own = {"bind": f"{HOST}:{port}", **settings}
        conf.write_text("".join(f"{name} = {value!r}\n" for name, value in own.items()))
        began = time.monotonic()
        server = ServerProcess(
            [sys.executable, "-m", "gunicorn", "-c", conf, application],
            log=folder / "log",
            env={"PATH": os.environ["PATH"], "BENCH_CLIPS": str(folder), **environment},
        )

        def workers() -> list[int]:
            return [each.pid for each in psutil.Process(server.pid).children() if is_alive(each)]

        try:
            server.wait_until_ready(lambda: is_listening(port))
            wait_until(lambda: len(workers()) == settings["workers"], "the workers")
            url = f"http://{HOST}:{port}"
            http.get(f"{url}/api/health")  # answered once a worker has loaded the application
            yield Baseline(url, workers, time.monotonic() - began)
        finally:
            server.kill()


def gunicorn_settings() -> dict[str, Any]:
    """In the product: the settings of gunicorn.conf.py, without the address and the hooks."""
    said = run_path(str(PROJECT / "lifereview" / "gunicorn.conf.py"))
    plain = (int, str, float, type(None))
    return {
        name: value
        for name, value in said.items()
        if not name.startswith("_") and name != "bind" and isinstance(value, plain)
    }


_NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr warn;
worker_processes {workers};
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    {file_cache}
    types {{ audio/mpeg mp3; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port};
        location /api/audio/ {{ alias {folder}/clips/; }}
    }}
}}
"""


@contextmanager
def plain_nginx(
    clips: Mapping[str, bytes], *, workers: int | None = None, keeps_files_open: bool = True
) -> Iterator[Baseline]:
    """Run nginx over a folder with these clips. It has nothing else to do.

    It has one worker a core unless `workers` says otherwise. `keeps_files_open`: it opens each file once.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Unavailable("no nginx on the PATH or in /usr/sbin")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # if we are root, nginx runs its workers as another user
        (folder / "clips").mkdir()
        for content_hash, sound in clips.items():
            (folder / "clips" / f"{content_hash}.mp3").write_bytes(sound)
        conf = folder / "nginx.conf"
        file_cache = "open_file_cache max=1000 inactive=60s;" if keeps_files_open else ""
        conf.write_text(
            _NGINX.format(
                folder=folder,
                workers=workers or os.cpu_count(),
                file_cache=file_cache,
                host=HOST,
                port=port,
            )
        )
        began = time.monotonic()
        server = ServerProcess([program, "-p", folder, "-e", "stderr", "-c", conf], log=folder / "log")
        try:
            server.wait_until_ready(lambda: is_listening(port))
            yield Baseline(
                f"http://{HOST}:{port}",
                lambda: [each.pid for each in psutil.Process(server.pid).children() if is_alive(each)],
                time.monotonic() - began,
            )
        finally:
            server.kill()
