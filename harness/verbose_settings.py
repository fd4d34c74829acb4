"""The product's settings with every logger at DEBUG, for tests that search everything it could ever print.

Chosen by DJANGO_SETTINGS_MODULE=harness.verbose_settings.
"""

from __future__ import annotations

from lifereview.settings import *  # noqa: F403
from lifereview.settings import LOGGING as _QUIET

LOGGING = {
    **_QUIET,
    "root": {"handlers": ["console"], "level": "DEBUG"},
    "loggers": {
        name: {**settings, "level": "DEBUG"}
        for name, settings in {
            **_QUIET["loggers"],  # type: ignore[dict-item]
            "django.db.backends": {},
            "openai": {},
            "httpcore2": {},
            "redis": {},
        }.items()
    },
}
