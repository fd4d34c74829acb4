"""The product's settings with every logger at DEBUG, for tests that search everything it could ever print.

Chosen by DJANGO_SETTINGS_MODULE=harness.verbose_settings.
"""

from __future__ import annotations

from typing import Any

from lifereview.settings import *  # noqa: F403
from lifereview.settings import LOGGING as _QUIET

_known: dict[str, Any] = _QUIET["loggers"]
_names = (*_known, "django.db.backends", "openai", "httpcore2", "redis")
LOGGING = {
    **_QUIET,
    "root": {"handlers": ["console"], "level": "DEBUG"},
    "loggers": {name: {**_known.get(name, {}), "level": "DEBUG"} for name in _names},
}
