from typing import Any

from django.core.management.base import BaseCommand

from narratives.content.loading import load_shipped_content


class Command(BaseCommand):
    help = (
        "Loads what comes with this project and was never here: the default journey, unless there is one, "
        "the gentle one, which is not live, and the reflection bank."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_shipped_content()
        self.stdout.write(
            f"Loaded: {', '.join(loaded)}." if loaded else "Nothing is new; nothing was changed."
        )
