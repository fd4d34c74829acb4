"""Filters of the log."""

from __future__ import annotations

import logging

MOST_CHARACTERS = 300


class RefusalWithoutTraceback(logging.Filter):
    """Makes one short line of a request that Django refuses, such as one with a strange Host.

    Django logs each such request with its traceback, so a stranger could fill the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            says = " ".join(record.getMessage().split())
            record.msg, record.args = says[:MOST_CHARACTERS], None
            record.exc_info = record.exc_text = None
        return True
