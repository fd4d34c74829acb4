"""Collects the static files that a page loads."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.management.commands.collectstatic import Command as DjangoCommand

NEVER_LOADED = ("rest_framework/*", "drf_spectacular_sidecar/redoc/*", "*.map")


class Command(DjangoCommand):
    help = (
        "Collects the static files, without DRF's browsable API, the second viewer of the schema, and the "
        "sources that only somebody who repairs a library reads."
    )

    def set_options(self, **options: Any) -> None:
        super().set_options(**options)
        self.ignore_patterns += NEVER_LOADED
