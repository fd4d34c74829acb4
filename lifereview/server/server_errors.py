"""Makes JSON of the errors that gunicorn answers by itself: to requests that no application gets to see.

A stranger's request line may hold anything, so neither the answer nor the log repeats a part of it.
"""

from __future__ import annotations

import json
import socket
import uuid

from gunicorn import util  # type: ignore[import-untyped]

from lifereview.middleware.request_ids import HEADER

ANSWERS = {
    400: ("bad_request", "The request cannot be understood."),
    403: ("forbidden", "You may not do this."),
    414: ("address_too_long", "The address is too long."),
    417: ("expectation_failed", "The header Expect asks for something unknown."),
    431: ("headers_too_large", "The headers are too large, or there are too many."),
    500: ("server_error", "Something went wrong on this server."),
    501: ("not_supported", "The body comes in a coding that is not supported."),
}


def answer_server_errors_in_json() -> None:
    """gunicorn has no setting for it, so this replaces the one function that writes such an answer."""
    util.write_error = write_json_error


def write_json_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Take the place of gunicorn's write_error(). `message` quotes the request, so it is not sent."""
    code, sentence = ANSWERS.get(status, ANSWERS[500])
    body = json.dumps({"error": sentence, "code": code})
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"{HEADER}: {uuid.uuid4().hex}",
    )
    util.write_nonblock(sock, "\r\n".join([*head, "", body]).encode("latin-1"))
