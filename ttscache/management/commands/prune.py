"""Remove stale clips now, in this process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.template.defaultfilters import filesizeformat

from ttscache.conf import conf
from ttscache.connections import why_refused
from ttscache.errors import Busy
from ttscache.maintenance import pruning
from ttscache.management.terminal import clip_bar
from ttscache.models import Clip, PruneRun, in_batches
from ttscache.wiring import speech_cache


class Command(BaseCommand):
    help = (
        "Removes clips that were not requested for long and that no text uses; --dry-run only counts. Clips "
        "that cannot be made again stay. --irreplaceable lists those, and removes them once you type their "
        "number."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, metavar="N", help="default: TTS_STALE_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="write nothing")
        parser.add_argument(
            "--irreplaceable",
            action="store_true",
            help="list or remove the clips that cannot be made again and that no text uses",
        )
        parser.add_argument(
            "--yes-remove",
            type=int,
            metavar="COUNT",
            help="with --irreplaceable: the number of clips to remove",
        )

    def handle(
        self,
        *args: Any,
        days: int | None,
        dry_run: bool,
        irreplaceable: bool,
        yes_remove: int | None,
        **options: Any,
    ) -> None:
        if irreplaceable and days is not None:
            raise CommandError("--irreplaceable concerns clips of any age: leave out --days.")
        if yes_remove is not None and not irreplaceable:
            raise CommandError("--yes-remove needs --irreplaceable; nothing was removed.")
        days = conf().stale_days if days is None else days
        if not 1 <= days <= pruning.MOST_DAYS:
            raise CommandError(f"--days is {days}; it must be from 1 to {pruning.MOST_DAYS}.")
        try:
            if irreplaceable:
                self._remove_irreplaceable(dry_run, yes_remove)
            elif dry_run:
                self._tell(pruning.find_stale(days), days)
            else:
                self._prune(days)
        except Busy as error:
            raise CommandError(str(error)) from error
        except Error as error:
            if reason := why_refused(error):
                raise CommandError(f"Clips were not removed: {reason}.") from error
            raise CommandError("The database cannot be reached. The next prune removes the rest.") from error

    def _tell(self, stale: pruning.Stale, days: int) -> None:
        self.stdout.write(
            f"{len(stale.content_hashes)} clips were not asked for in {days} days: "
            f"{filesizeformat(stale.freed_bytes)}, {stale.remake_cost_usd:.4f} USD to make again. "
            f"{stale.kept_back} more are as old but stay: a text uses them, or they cannot be made again."
        )

    # irreplaceable clips
    def _remove_irreplaceable(self, dry_run: bool, typed: int | None) -> None:
        found = pruning.find_irreplaceable()
        self._list(found)
        if dry_run or not found.content_hashes:
            return
        if typed is None:
            typed = (
                self._number_typed()
            )  # before taking the lease: the nightly prune must not wait for a person
        with pruning.alone(speech_cache()):
            # List again under the lease: clips may have come or gone while the person typed.
            found = pruning.find_irreplaceable()
            count = len(found.content_hashes)
            if typed != count:
                said = "no number" if typed is None else typed
                raise CommandError(f"There are {count} clips; you typed {said}: nothing was removed.")
            run = pruning.begin_irreplaceable(found, "manage.py prune --irreplaceable")
            self._remove(run)
        run.refresh_from_db()
        self.stdout.write(f"{run.removed} clips were removed for good.")

    def _list(self, found: pruning.Stale) -> None:
        """Print a line for each clip, without its words: a reflection may quote a listener."""
        for some in in_batches(found.content_hashes):
            clips = Clip.objects.defer("waveform").in_bulk(some, field_name="content_hash")
            for clip in (clips[content_hash] for content_hash in some if content_hash in clips):
                size = filesizeformat(clip.bytes_at_rest)
                self.stdout.write(
                    f"  {clip.content_hash}  {clip.model:20} {clip.voice:10} {clip.content_type:10} {size}"
                )
        self.stdout.write(
            f"{len(found.content_hashes)} clips cannot be made again and no text uses them: "
            f"{filesizeformat(found.freed_bytes)}. {found.kept_back} more are used by a text and stay."
        )

    def _number_typed(self) -> int | None:
        """Ask for the number; None if the answer is not a number, or the input is no terminal."""
        try:
            return int(input("They cannot be made again. Type how many clips to remove for good: "))
        except (EOFError, ValueError):
            return None

    # stale clips
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
            self.stdout.write("It was stopped; the next prune makes a new list.")

    def _remove(self, run: PruneRun) -> None:
        try:
            with clip_bar(run.listed) as bar:
                for gone in pruning.run_prune(run, speech_cache()):
                    bar.update(len(gone))
            for content_hash, reason in run.refused.items():
                self.stderr.write(f"Not removed: {content_hash}: {reason}.")
        except KeyboardInterrupt:
            pruning.stop_prune(run)  # otherwise the cluster would continue it
            raise
