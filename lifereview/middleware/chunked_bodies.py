"""Makes request bodies that arrive in chunks (RFC 9112, section 7.1) readable for Django.

The server decodes the chunks, but Django reads only as many bytes as CONTENT_LENGTH announces. Without this a
chunked body is lost, and the request looks empty.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def read_chunked_bodies(application: WSGIApplication) -> WSGIApplication:
    """Read a chunked body whole before the application sees the request, or refuse the request.

    A body larger than DATA_UPLOAD_MAX_MEMORY_SIZE is refused, because it is kept in memory and its length is
    not known beforehand.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        # Without a length we can only read from a server that ends its stream; on another one, read() would
        # wait for bytes that never come.
        if not environ.get("wsgi.input_terminated"):
            return _refuse(start_response, "411 Length Required", "length_required", "Send a Content-Length.")
        most_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        try:
            body = environ["wsgi.input"].read(most_bytes + 1)
        except Exception:  # each server has its own errors for malformed or missing chunks
            return _refuse(start_response, "400 Bad Request", "bad_request", "The body cannot be read.")
        if len(body) > most_bytes:
            return _refuse(start_response, "413 Content Too Large", "too_large", "The request is too large.")
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return answer


def _refuse(start_response: StartResponse, status: str, code: str, sentence: str) -> Iterable[bytes]:
    body = json.dumps({"error": sentence, "code": code}).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
    }
    start_response(status, list(headers.items()))
    return [body]
