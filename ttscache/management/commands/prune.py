"""Remove stale clips, here and now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.template.defaultfilters import filesizeformat

from ttscache.conf import conf
from ttscache.errors import Busy
from ttscache.maintenance import pruning
from ttscache.management.terminal import clip_bar
from ttscache.models import PruneRun
from ttscache.wiring import speech_cache


class Command(BaseCommand):
    help = "Removes clips that nobody asked for in a long time and that no text holds; --dry-run only counts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, metavar="N", help="default: TTS_STALE_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="write nothing")

    def handle(self, *args: Any, days: int | None, dry_run: bool, **options: Any) -> None:
        days = conf().stale_days if days is None else days
        if not 1 <= days <= pruning.MOST_DAYS:
            raise CommandError(f"--days is {days}; allowed is a whole number from 1 to {pruning.MOST_DAYS}.")
        try:
            if dry_run:
                self._tell(pruning.find_stale(days), days)
            else:
                self._prune(days)
        except Busy as error:
            raise CommandError(str(error)) from error
        except Error as error:
            raise CommandError(
                "The database cannot be reached. What is left is removed by the next prune."
            ) from error

    def _tell(self, stale: pruning.Stale, days: int) -> None:
        self.stdout.write(
            f"{len(stale.content_hashes)} clips were not asked for in {days} days: "
            f"{filesizeformat(stale.freed_bytes)}, {stale.remake_cost_usd:.4f} USD to make again. "
            f"{stale.kept_back} more are as old and held by a text."
        )

    def _prune(self, days: int) -> None:
        cache = speech_cache()
        with pruning.alone(cache):
            stale = pruning.find_stale(days)
            self._tell(stale, days)
            run = pruning.begin(stale, days, "manage.py prune")
            self._remove(run)
        run.refresh_from_db()
        self.stdout.write(f"{run.removed} clips were removed.")
        if run.state == PruneRun.State.STOPPED:
            self.stdout.write("Somebody stopped it; the next prune makes a new list.")

    def _remove(self, run: PruneRun) -> None:
        try:
            with clip_bar(run.listed) as bar:
                for gone in pruning.run_prune(run, speech_cache()):
                    bar.update(len(gone))
        except KeyboardInterrupt:
            pruning.stop_prune(run)  # otherwise the cluster would continue it
            raise
