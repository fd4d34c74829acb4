"""gunicorn's logger without an access log."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]


class ErrorsOnlyLogger(Logger):  # type: ignore[misc]
    """Logs what goes wrong, and spares each request the forty fields of a line that nobody writes.

    gunicorn collects them whenever it is given a `logconfig_dict`, even without an access log.
    """

    def access(self, *args: Any) -> None:
        pass
