"""Print docs/configuration.md: every environment variable, its default and what it is for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from lifereview import settings
from lifereview.env.variables import configuration_page


class Command(BaseCommand):
    help = (
        "Prints every environment variable with its default, what is allowed and what it is for (Markdown)."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(configuration_page(settings.env.rules), ending="")
