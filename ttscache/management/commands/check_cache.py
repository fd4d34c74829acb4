"""Compare all tiers with the records, and repair differences."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ttscache.errors import TierError
from ttscache.maintenance.integrity import Finding, findings
from ttscache.wiring import speech_cache

UNREACHABLE = 2


class Command(BaseCommand):
    help = (
        "Reads every stored clip and compares all tiers with the records, in both directions. With --fix it "
        "repairs the differences. Exits with 0 if all agree or are repaired, 1 if not, 2 if a tier could not "
        "be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="repair what is found")

    def handle(self, *args: Any, fix: bool, **options: Any) -> None:
        found: Counter[tuple[str, str]] = Counter()
        open_problems = 0
        try:
            for finding in findings(speech_cache()):
                # Text after a colon differs from clip to clip: count by what comes before it.
                found[finding.tier, finding.problem.partition(":")[0]] += 1
                open_problems += not self._deal_with(finding, fix)
        except TierError as error:
            raise CommandError(f"The check stopped: {error}", returncode=UNREACHABLE) from error
        for (tier, problem), number in sorted(found.items()):
            self.stdout.write(f"{tier}: {problem}: {number}")
        if open_problems:
            advice = "see above" if fix else "run it with --fix"
            raise CommandError(f"{open_problems} problems are open; {advice}.")
        self.stdout.write(f"{found.total()} problems were repaired." if found else "All tiers agree.")

    def _deal_with(self, finding: Finding, fix: bool) -> bool:
        """Repair or report the finding; returns whether it is repaired."""
        what = f"{finding.tier}: {finding.problem}: {finding.name}"
        if not fix or finding.mend is None:
            self.stderr.write(f"{what} ({finding.remedy})")
            return False
        try:
            finding.mend()
        except (TierError, OSError) as error:
            self.stderr.write(f"{what} could not be repaired: {error}")
            return False
        self.stdout.write(f"{what}: {finding.remedy}")
        return True
