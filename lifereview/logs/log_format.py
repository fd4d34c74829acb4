"""JsonLines: one JSON object for each line of the log (LOG_FORMAT=json)."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

from lifereview.middleware.request_ids import current_request_id


class JsonLines(logging.Formatter):
    """Writes time, level, logger and message; the request's id and the exception where there is one.

    An exception is its type and the places in the code. Its own message stays out, because it may quote what
    somebody sent. Extra values of a record stay out as well: Django attaches the whole request.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := current_request_id():
            line["request_id"] = request_id
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["exception"] = type(error).__name__
            line["traceback"] = list(_places(error))
        return json.dumps(line)


def _places(error: BaseException) -> Iterator[str]:
    """Where each exception passed, its cause first."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _places(cause)
    yield type(error).__name__
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} in {frame.name}"
