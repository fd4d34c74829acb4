"""The speech cache's migrate, but it refuses a database that it would not make whole.

It makes no new database in the place of a lost one, and leaves those of unreleased versions alone.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import connections

from lifereview.start.folded_migrations import require_folded
from lifereview.start.verdict import note_site, require_whole_file
from ttscache.management.commands.migrate import Command as SpeechCacheCommand


class Command(SpeechCacheCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--new-database",
            action="store_true",
            help="make the tables although an earlier site lost its database, to restore a backup there",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Before the checks: they open the database, which would make the file.
        if not options["new_database"]:
            require_whole_file()
        output = super().execute(*args, **options)
        note_site()
        return output

    def handle(self, *args: Any, **options: Any) -> None:
        require_folded(connections[options["database"]])
        super().handle(*args, **options)
