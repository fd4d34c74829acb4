"""manage.py demo_usage [--days N] [--clear] [--force]: made-up figures for the dashboard, marked as such."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ttscache.reports import demo


class Command(BaseCommand):
    help = "Fill the dashboard with made-up figures for a demonstration, or take exactly those away again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=365, help="how far back they reach (default: 365)")
        parser.add_argument("--clear", action="store_true", help="take all made-up figures away")
        parser.add_argument("--force", action="store_true", help="even where there are real figures")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["clear"]:
            self.stdout.write(f"{demo.clear():,} made-up rows are gone.")
        else:
            self._seed(options["days"], force=options["force"])
        cache.clear()  # its figures are of before; throttles begin anew, which harms nobody

    def _seed(self, days: int, *, force: bool) -> None:
        if not 1 <= days <= 3_650:
            raise CommandError("--days is between 1 and 3650.")
        if demo.are_real_figures_there() and not force:
            raise CommandError(
                "There are real figures here. Made-up ones would stand beside them on the dashboard; "
                "give --force if that is what you want."
            )
        requests = demo.seed(days)
        self.stdout.write(
            f"{requests:,} made-up requests of {days} days, in the voices {' and '.join(demo.VOICES)}. "
            "The dashboard says so. Take them away with: manage.py demo_usage --clear"
        )
