"""Make every missing clip of the published narratives, here and now, beside whatever the cluster does."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from narratives import publishing
from narratives.models import Journey
from ttscache import pulling, warming
from ttscache.analytics import progress_of
from ttscache.conf import conf
from ttscache.models import WarmItem, WarmRun
from ttscache.wiring import speech_cache

POLL_SECONDS = 0.2
BAR_WIDTH = 30


class Command(BaseCommand):
    help = (
        "Makes every missing clip of the published narratives; with --dry-run only says what that would be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--voice", action="append", metavar="V", help="may be given several times")
        parser.add_argument("--dry-run", action="store_true", help="write nothing and call nobody")

    def handle(self, *args: Any, voice: list[str] | None, dry_run: bool, **options: Any) -> None:
        voices = voice or list(conf().listener_voices)
        unknown = [name for name in voices if name not in conf().listener_voices]
        if unknown:
            raise CommandError(
                f"Listeners have no voice {unknown[0]!r}; allowed are {', '.join(conf().listener_voices)}."
            )
        planned = warming.plan(
            wanted
            for journey in Journey.objects.live()
            for name in voices
            for wanted in publishing.published_clips(journey, name)
        )
        self.stdout.write(
            f"{len(planned.missing)} of {len(planned.clips)} clips are missing: "
            f"{planned.characters} characters, {planned.cost_usd:.4f} USD."
        )
        if planned.missing and not dry_run:
            with speech_cache().ledger.flushed_every(conf().flush_seconds):
                self._make(publishing.warm_live_journeys(voices))

    def _make(self, runs: list[WarmRun]) -> None:
        while self._show(runs):
            pulling.pull(seconds=1.0, runs=runs)
            if speech_cache().speaker.circuit.is_open:
                raise CommandError("The voice service does not answer. The rest is made once it does.")
            time.sleep(POLL_SECONDS)
        self.stdout.write("")
        failed = WarmItem.objects.filter(run__in=runs, state=WarmItem.State.FAILED).select_related("clip")
        for item in failed:
            self.stderr.write(f"Not made: {item.clip.content_hash} ({item.clip.voice}): {item.reason}")
        if failed:
            raise CommandError(f"{len(failed)} clips could not be made.")
        paused = WarmRun.objects.filter(pk__in=[run.pk for run in runs], state=WarmRun.State.PAUSED).first()
        if paused is not None:
            raise CommandError(f"Paused: {paused.get_paused_because_display()}")

    def _show(self, runs: list[WarmRun]) -> bool:
        """One line of progress; whether there is anything left to wait for."""
        progress = [progress_of(run) for run in WarmRun.objects.filter(pk__in=[run.pk for run in runs])]
        total = sum(each["total"] for each in progress)
        ready = sum(each["done"] + each["skipped"] + each["failed"] for each in progress)
        filled = BAR_WIDTH * ready // max(1, total)
        line = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {ready}/{total} clips"
        is_over = all(each["state"] not in ("queued", "running") for each in progress)
        if sys.stdout.isatty():
            self.stdout.write(f"\r{line}", ending="")
            self.stdout.flush()
        elif is_over:
            self.stdout.write(line)
        return not is_over
