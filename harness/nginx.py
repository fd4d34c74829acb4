"""NginxServer: a real nginx with deploy/nginx.conf, except its addresses and TLS."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from signal import SIGUSR1
from types import TracebackType
from typing import Self

from harness import Unavailable
from harness.process import HOST, PROJECT, ServerProcess, free_port, is_listening

SITE = PROJECT / "deploy" / "nginx.conf"

_FRAME = """
daemon off;
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    keepalive_requests 1000000;  # bench.load keeps its connections
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class NginxServer:
    """Listens at `url` in front of hosts at these addresses (`127.0.0.1:8000`, `unix:/run/site.sock`).

    `below` is a path of nginx that leads to them, such as `/story`. `cuts_off`: nginx cuts that path off.
    `clips_dir` is the site's NGINX_CLIPS_DIR, `clips_log` its NGINX_CLIPS_LOG. `log_at_once`: a
    test need not wait for its lines.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        below: str = "",
        cuts_off: bool = False,
        clips_dir: Path | None = None,
        clips_log: Path | None = None,
        log_at_once: bool = True,
    ) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}{below}"
        self._below, self._cuts_off = below, cuts_off
        self._hosts = hosts
        self._clips_dir = clips_dir or Path("/nowhere")
        self._clips_log = clips_log or Path("/dev/null")
        self._log_at_once = log_at_once
        self._folder: Path | None = None
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise Unavailable("no nginx on the PATH or in /usr/sbin")
        self._folder = folder = Path(tempfile.mkdtemp(prefix="harness-nginx-"))
        folder.chmod(0o755)  # if we are root, nginx runs its workers as another user
        (folder / "site.conf").write_text(self._site())
        (folder / "nginx.conf").write_text(_FRAME.format(folder=folder))
        self._server = ServerProcess(
            [program, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"], log=folder / "log"
        )
        self._server.wait_until_ready(lambda: is_listening(self.port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process of the master; its workers are its children."""
        assert self._server is not None
        return self._server.pid

    def reopen_logs(self) -> None:
        """Open the logs anew, as logrotate asks after it has renamed one."""
        assert self._server is not None
        self._server.send(SIGUSR1)

    def close(self) -> None:
        if self._server is not None:
            self._server.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _site(self) -> str:
        """The deployed configuration with other hosts, one port of this machine, and no TLS."""
        text = SITE.read_text()
        before, rest = text.split("    server ", 1)
        rest = re.sub(r"^(server )?[\d.]+:8000 ", "", rest)
        options = rest.split(";", 1)[0]
        rest = re.sub(r"(?m)^    server [\d.]+:8000 .*\n", "", rest.split("\n", 1)[1])
        hosts = "".join(f"    server {host} {options};\n" for host in self._hosts)
        redirect = re.compile(r"server \{\s+listen 80;.*?\n\}\n", re.DOTALL)
        rest = redirect.sub("", rest)
        rest = re.sub(r"(?m)^ +ssl_certificate.*\n", "", rest)
        rest = rest.replace("location / {", f"location {self._below}/ {{")
        if self._cuts_off:
            rest = rest.replace("proxy_pass http://lifereview;", "proxy_pass http://lifereview/;", 1)
        rest = rest.replace("/var/lib/lifereview-clips/nginx", str(self._clips_dir))
        options = r"\1" if self._log_at_once else r"\1\2"
        rest = re.sub(r"access_log \S+ (\w+)(.*);", rf"access_log {self._clips_log} {options};", rest)
        return before + hosts + rest.replace("listen 443 ssl http2;", f"listen {HOST}:{self.port};")
