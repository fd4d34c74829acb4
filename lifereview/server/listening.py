"""Where the web server listens: an address and a port, or a socket file (`HOST=unix:/run/site.sock`)."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.http.request import validate_host

from lifereview.env.addresses import as_host, private_addresses

_ALL_IPV4, _ALL = "0.0.0.0", "::"  # noqa: S104 - compared with HOST


def bind_address() -> str:
    """The address for gunicorn."""
    if settings.HOST.startswith("unix:"):
        return str(settings.HOST)
    return f"{_in_url(settings.HOST)}:{settings.PORT}"


def open_socket_file() -> None:
    """Let the proxy, which is another user, open the socket file. Its folder decides who gets there."""
    if settings.HOST.startswith("unix:"):
        Path(settings.HOST.removeprefix("unix:")).chmod(0o666)


def problem_with_address() -> OSError | None:
    """Why nothing can listen there, such as a port in use, or None."""
    if settings.HOST.startswith("unix:"):
        return _problem_with_socket_file(Path(settings.HOST.removeprefix("unix:")))
    with socket.socket(socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            return error
    return None


def site_addresses() -> list[str]:
    """The URLs of this site without a slash at the end: on this machine, then those for other devices.

    Only addresses that ALLOWED_HOSTS lets in are returned: where it names a domain, a proxy serves them.
    """
    path = settings.FORCE_SCRIPT_NAME or ""
    if settings.HOST.startswith("unix:"):
        return [f"{settings.HOST} {path}".rstrip()]
    ends = f":{settings.PORT}{path}"
    if settings.HOST not in (_ALL_IPV4, _ALL):
        return [f"http://{_in_url(settings.HOST)}{ends}"]
    listens = [each for each in private_addresses() if each.version == 4 or settings.HOST == _ALL]
    allowed = [host for host in map(as_host, listens) if validate_host(host, settings.ALLOWED_HOSTS)]
    return [f"http://{host}{ends}" for host in ("localhost", *allowed)]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _problem_with_socket_file(path: Path) -> OSError | None:
    """A file of another kind, a server that still listens, or a folder that cannot be written.

    gunicorn replaces a socket file that a killed server has left.
    """
    with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        try:
            if not stat.S_ISSOCK(path.stat().st_mode):
                return FileExistsError(17, "the file exists and is no socket")
            probe.connect(str(path))
            return OSError(98, "another server listens there")
        except ConnectionRefusedError:
            path.unlink()
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError as error:
        return error
    return None
