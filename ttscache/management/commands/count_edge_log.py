"""Count the clips that nginx or a CDN answered, from its log."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from ttscache.conf import conf
from ttscache.connections import why_refused
from ttscache.delivery.edge_log import count_log
from ttscache.wiring import speech_cache


class Command(BaseCommand):
    help = (
        "Counts the clips that nginx or a CDN answered without this site, from its log: nginx's own log of "
        "clips, Combined, or W3C extended. A line that was counted is never counted again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE", help="default: NGINX_CLIPS_LOG")

    def handle(self, *args: Any, file: str | None, **options: Any) -> None:
        log = Path(file) if file else conf().nginx_log
        if log is None:
            raise CommandError("Name a file, or set NGINX_CLIPS_LOG.")
        try:
            with log.open("rb"):
                pass
        except OSError as error:
            raise CommandError(f"{log} cannot be read: {error.strerror}.") from error
        try:
            found = count_log(log, speech_cache())
        except Error as error:
            reason = why_refused(error) or "the database cannot be reached"
            raise CommandError(f"The rest of the log was not counted: {reason}.") from error
        self.stdout.write(
            f"{found.counted} requests counted; {found.other} lines are about something else; "
            f"{found.unreadable} lines cannot be read."
        )
