from typing import Any

from django.core.management.base import BaseCommand

from narratives.publishing import load_default_content


class Command(BaseCommand):
    help = "Creates and publishes the default journey, unless there is a journey already."

    def handle(self, *args: Any, **options: Any) -> None:
        journey = load_default_content()
        self.stdout.write(
            f"Loaded {journey}." if journey else "There is a journey already; nothing was changed."
        )
