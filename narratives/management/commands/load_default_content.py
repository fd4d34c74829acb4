from typing import Any

from django.core.management.base import BaseCommand

from narratives.content.loading import load_shipped_content


class Command(BaseCommand):
    help = (
        "Loads default content that was never loaded before: the default journey (unless a journey exists), "
        "the gentle journey (not live) and the reflection bank."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_shipped_content()
        self.stdout.write(
            f"Loaded: {', '.join(loaded)}."
            if loaded
            else "Everything was loaded before; nothing has changed."
        )
