"""Serves the site below a path of another one (SCRIPT_NAME), whether or not the proxy passes that path on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def serve_below(path: str, application: WSGIApplication) -> WSGIApplication:
    """Cut this path off each request that has it. A request without it is served as well.

    A proxy may have cut the path off already, and a probe on this host asks for `/readyz` alone. Links on the
    pages have the path in both cases (FORCE_SCRIPT_NAME).
    """
    if not path:
        return application

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path_info = environ.get("PATH_INFO", "")
        if path_info == path or path_info.startswith(f"{path}/"):
            environ["PATH_INFO"] = path_info[len(path) :] or "/"
        environ["SCRIPT_NAME"] = path
        return application(environ, start_response)

    return answer
