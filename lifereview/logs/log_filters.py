"""Filters of the log."""

from __future__ import annotations

import logging
import re

MOST_CHARACTERS = 300
_REFUSED_BY_THE_SERVER = re.compile(r"(Invalid request from ip=[0-9A-Fa-f:.]*): .*", re.DOTALL)


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


class RefusalWithoutQuotation(logging.Filter):
    """Cuts what a stranger has sent out of gunicorn's lines, such as the rest of a body read as a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "gunicorn.error":
            if refused := _REFUSED_BY_THE_SERVER.fullmatch(record.getMessage()):
                record.msg, record.args = f"{refused[1]} was answered with an error.", None
            elif isinstance(record.args, tuple):  # "Error handling request %s %s": cut the query off
                record.args = tuple(
                    value.partition("?")[0] if isinstance(value, str) else value for value in record.args
                )
        return True
