"""Remove stale clips, here and now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from ttscache.conf import conf
from ttscache.errors import TierError
from ttscache.pruning import find_stale, prune
from ttscache.wiring import speech_cache


class Command(BaseCommand):
    help = "Removes clips that nobody asked for in a long time and that no text holds; --dry-run only counts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, metavar="N", help="default: TTS_STALE_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="write nothing")

    def handle(self, *args: Any, days: int | None, dry_run: bool, **options: Any) -> None:
        days = conf().stale_days if days is None else days
        if days < 1:
            raise CommandError(f"--days is {days}; allowed is a whole number from 1.")
        stale = find_stale(days)
        self.stdout.write(
            f"{len(stale.content_hashes)} clips were not asked for in {days} days: "
            f"{filesizeformat(stale.freed_bytes)}, {stale.remake_cost_usd:.4f} USD to make again. "
            f"{stale.kept_back} more are as old and held by a text."
        )
        if dry_run:
            return
        try:
            removed = sum(1 for _ in prune(stale, days, speech_cache()))
        except TierError as error:
            raise CommandError(f"{error} What is left is removed by the next prune.") from error
        self.stdout.write(f"{removed} clips were removed.")
