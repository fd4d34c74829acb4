"""Put a backup in the place of this site."""

from __future__ import annotations

import sqlite3
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from lifereview.backup.backup_file import BackupReader, UnusableBackup
from lifereview.backup.making import is_key_given
from lifereview.backup.restoring import restore_backup
from lifereview.database_errors import says_of_database
from ttscache.errors import TierError


class Command(BaseCommand):
    help = (
        "Restores a file of `backup` into the database and the VAR_DIR of the settings: SQLite or "
        "PostgreSQL, whichever the backup was made of. The site must not run. If this is stopped or "
        "killed, the old site stays as it is: run it again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--overwrite", action="store_true", help="replace a site that has data")

    def handle(self, *args: Any, file: Path, overwrite: bool, **options: Any) -> None:
        try:
            reader = BackupReader(file)
            was_key_given = is_key_given()
            restored = restore_backup(reader, overwrite=overwrite)
        except (UnusableBackup, TierError) as error:
            raise CommandError(f"{file} was not restored. {error}") from error
        except Error as error:
            raise CommandError(f"{file} was not restored. {says_of_database(error)}") from error
        except sqlite3.Error as error:  # the disk is full, or refuses a write
            raise CommandError(f"{file} was not restored. SQLite says: {error}.") from error
        except OSError as error:
            raise CommandError(
                f"{file} was not restored. {error.filename or file}: {error.strerror}."
            ) from error
        head = reader.head
        self.stdout.write(f"The site of {head.made_at} is restored (version {head.version}). Start it.")
        if restored.clips:
            self.stdout.write(f"{restored.clips} clips were put back into the bucket.")
        if not restored.has_key:
            self.stdout.write("The backup has no secret key: set the SECRET_KEY that the old site had.")
        elif was_key_given:
            self.stdout.write("SECRET_KEY of the environment is used, not the key in the backup.")
        if restored.problem:
            raise CommandError(
                f"{restored.problem} Then run this again with --overwrite, which puts its lost clips back."
            )
        if restored.refused:
            raise CommandError(f"{restored.refused} clips of the bucket could not be put back.")
