"""Mark the bucket of the settings as this database's, after it was replaced or lost its marker."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ttscache.errors import TierError
from ttscache.wiring import storage_tier


class Command(BaseCommand):
    help = (
        "Marks the bucket, or its folder AWS_LOCATION, as this database's. From then on, a clip that is "
        "missing there counts as lost and is made again at its next request."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--take-over", action="store_true", help="even if it is marked as another database's"
        )

    def handle(self, *args: Any, take_over: bool, **options: Any) -> None:
        storage = storage_tier()
        if storage is None:
            raise CommandError("No object storage is set up: set AWS_STORAGE_BUCKET_NAME.")
        from ttscache.tiers import bucket_marker

        try:
            if storage.bucket.get(bucket_marker.NAME) is None or take_over:
                bucket_marker.write(storage.bucket)
            bucket_marker.ensure(storage.bucket)
        except TierError as error:
            raise CommandError(f"{error}") from error
        self.stdout.write(f"The bucket {storage.bucket.name} now belongs to this database.")
