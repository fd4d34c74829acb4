"""Write the whole site into one file."""

from __future__ import annotations

import sqlite3
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from lifereview.backup.backup_file import UnusableBackup
from lifereview.backup.making import make_backup, speech_has_bucket
from lifereview.database_errors import require_database
from ttscache.errors import TierError


class Command(BaseCommand):
    help = (
        "Writes database, clips and secret key into one file that only its owner may read. The site may "
        "serve meanwhile. An earlier backup of that name is replaced once the new one is whole. "
        "Keep .env as well."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--without-bucket",
            action="store_true",
            help="leave out the clips of the bucket, for example because it keeps versions by itself",
        )

    def handle(self, *args: Any, file: Path, without_bucket: bool, **options: Any) -> None:
        require_database()
        try:
            made = make_backup(file.absolute(), with_bucket=not without_bucket)
        except (UnusableBackup, TierError) as error:
            raise CommandError(f"{file}: {error}") from error
        except sqlite3.Error as error:  # the disk is full, or refuses a write
            raise CommandError(f"{file}: {error}. No backup was written.") from error
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}. No backup was written.") from error
        self.stdout.write(
            f"{file}: {filesizeformat(made.size)}, the whole database{self._clips(made.clips)}."
        )
        if not made.has_key:
            self.stdout.write(
                "SECRET_KEY comes from the environment and is not in it: keep that safe as well."
            )
        if without_bucket and speech_has_bucket():
            self.stdout.write("The clips of the bucket are not in it.")
        if made.lost:
            raise CommandError(f"{made.lost} clips of the bucket could not be read; check_cache says which.")

    @staticmethod
    def _clips(number: int) -> str:
        return f" and {number} clips of the bucket" if number else ""
