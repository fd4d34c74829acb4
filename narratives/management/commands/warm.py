"""Make every missing clip of the published texts in this process, next to the cluster's workers."""

from __future__ import annotations

import math
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from narratives import publishing
from ttscache import warming
from ttscache.accounting.prices import list_price_usd
from ttscache.conf import conf
from ttscache.connections import OrmThreadPool
from ttscache.management.terminal import INTERRUPTED, clip_bar
from ttscache.models import Clip, WarmItem, WarmRun
from ttscache.renditions.retirement import shutdown_date
from ttscache.warming import Plan, worker
from ttscache.warming.last_takes import find_last_takes, make_last_takes, retiring_models
from ttscache.warming.progress import progress_of
from ttscache.warming.time_estimate import seconds_to_make
from ttscache.wiring import speech_cache

POLL_SECONDS = 0.2
FIRST_WORDS = 40  # characters of each text in the list of clips


class Command(BaseCommand):
    help = (
        "Makes every missing clip of the published texts. With --dry-run it only lists them with their price."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--voice",
            action="append",
            metavar="V",
            help="make clips of this voice only; can be given several times",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="only list the missing clips",
        )
        parser.add_argument(
            "--last-takes",
            action="store_true",
            help="instead, make every clip of the voices whose model is about to be switched off",
        )

    def handle(
        self,
        *args: Any,
        voice: list[str] | None,
        dry_run: bool,
        last_takes: bool,
        verbosity: int,
        **options: Any,
    ) -> None:
        if last_takes and voice:
            raise CommandError("--last-takes covers all listener voices: leave out --voice.")
        if last_takes:
            self._make_last_takes(dry_run, verbosity)
            return
        voices = voice or list(conf().listener_voices)
        unknown = [name for name in voices if name not in conf().listener_voices]
        if unknown:
            raise CommandError(
                f"Unknown voice {unknown[0]!r}. Listener voices: {', '.join(conf().listener_voices)}."
            )
        planned = warming.plan(publishing.live_journeys_clips(voices))
        self._tell(planned, voices)
        if dry_run or verbosity >= 2:
            self._list(planned.missing)
        if planned.missing and not dry_run:
            # A command runs no housekeeping, so it writes the counted spending itself.
            with speech_cache().ledger.flushed_every(conf().flush_seconds):
                self._make(publishing.warm_live_journeys(voices, requested_by="manage.py warm"))

    def _make_last_takes(self, dry_run: bool, verbosity: int) -> None:
        models = retiring_models()
        if not models:
            self.stdout.write("No listener voice is about to be switched off.")
            return
        for model in models:
            self.stdout.write(f"{model} is switched off on {shutdown_date(model)}.")
        takes = find_last_takes()
        planned = takes.planned
        self._tell(planned, sorted({clip.voice for clip in planned.clips}))
        if planned.missing:
            minutes = math.ceil(seconds_to_make(len(planned.missing)) / 60)
            self.stdout.write(f"Making them takes about {minutes} min.")
        if dry_run or verbosity >= 2:
            self._list(planned.missing)
        if planned.missing and not dry_run:
            with speech_cache().ledger.flushed_every(conf().flush_seconds):
                self._make(make_last_takes(takes, requested_by="manage.py warm --last-takes"))

    # the plan
    def _tell(self, planned: Plan, voices: Sequence[str]) -> None:
        self.stdout.write(
            f"{len(planned.missing)} of {len(planned.clips)} clips are missing: "
            f"{planned.characters} characters, {planned.cost_usd:.4f} USD."
        )
        for name in voices:
            of_voice = Plan(tuple(clip for clip in planned.clips if clip.voice == name))
            self.stdout.write(
                f"  {name}: {len(of_voice.missing)} of {len(of_voice.clips)}, "
                f"{of_voice.characters} characters, {of_voice.cost_usd:.4f} USD"
            )

    def _list(self, clips: Sequence[Clip]) -> None:
        for clip in clips:
            characters = len(clip.content_text)
            price = list_price_usd(clip.model, characters)
            first_words = " ".join(clip.content_text[:FIRST_WORDS].split())
            self.stdout.write(
                f"  {clip.voice:10} {clip.content_type:10} {characters:5} characters {price:.4f} USD  "
                f"{clip.content_hash}  {first_words}"
            )

    # making
    def _make(self, runs: list[WarmRun]) -> None:
        is_stopping = threading.Event()
        # A thread of its own makes the clips, so that this one can show the progress.
        # Leaving the pool waits for the clip under way, because it is paid for.
        with OrmThreadPool(1, thread_name_prefix="worker") as pool:
            begin = partial(pool.submit, worker.work, runs=runs, should_stop=is_stopping.is_set)
            try:
                self._follow(runs, begin)
            except KeyboardInterrupt:
                raise CommandError(
                    f"Stopped here after finishing the clip under way. The cluster continues with "
                    f"{', '.join(str(run.pk) for run in runs)}. To end that as well, cancel it on the staff "
                    "pages (Audio jobs).",
                    returncode=INTERRUPTED,
                ) from None
            finally:
                is_stopping.set()
        self._tell_the_end(runs)

    def _follow(self, runs: list[WarmRun], begin: Callable[[], Future[None]]) -> None:
        """Show the progress until all runs are over. Raises CommandError if the voice service is out."""
        working, ready, progress = begin(), 0, _progress(runs)
        with clip_bar(progress["total"]) as bar:
            while True:
                bar.total = progress["total"]
                bar.set_postfix_str(f"{progress['spent_usd']:.4f} USD", refresh=False)
                bar.update(progress["ready"] - ready)
                if bar.disable and progress["ready"] != ready:
                    spent = f"{progress['spent_usd']:.4f} USD so far"
                    self.stdout.write(f"{progress['ready']}/{progress['total']} clips, {spent}")
                    self.stdout.flush()
                ready = progress["ready"]
                if progress["is_over"]:
                    break
                if speech_cache().synthesizer.circuit.is_open:
                    raise CommandError("The voice service does not answer. The cluster makes the rest later.")
                if worker.is_cooling_down():
                    raise CommandError(
                        "The voice service is at its rate limit. The cluster makes the rest later."
                    )
                time.sleep(POLL_SECONDS)
                if working.done():  # the worker found no item for a moment; start it again
                    working.result()
                    working = begin()
                progress = _progress(runs)

    def _tell_the_end(self, runs: list[WarmRun]) -> None:
        # An exit status other than 0 tells a deployment that clips are missing.
        failed = WarmItem.objects.filter(run__in=runs, state=WarmItem.State.FAILED).select_related("clip")
        for item in failed:
            self.stderr.write(f"Not made: {item.clip.content_hash} ({item.clip.voice}): {item.reason}")
        if failed:
            raise CommandError(f"{len(failed)} clips could not be made.")
        ended = WarmRun.objects.filter(pk__in=[run.pk for run in runs])
        paused = ended.filter(state=WarmRun.State.PAUSED).first()
        if paused is not None:
            raise CommandError(f"Paused: {paused.get_paused_because_display()}")
        if ended.filter(state=WarmRun.State.CANCELLED).exists():
            raise CommandError("Cancelled. Clips made before that are kept.")


def _progress(runs: list[WarmRun]) -> dict[str, Any]:
    told = [progress_of(run) for run in WarmRun.objects.filter(pk__in=[run.pk for run in runs])]
    made = WarmItem.objects.filter(run__in=runs, state=WarmItem.State.DONE)
    # Failed clips count as ready, or the bar would never fill.
    return {
        "total": sum(each["total"] for each in told),
        "ready": sum(each["done"] + each["skipped"] + each["failed"] for each in told),
        "is_over": all(each["state"] not in ("queued", "running") for each in told),
        "spent_usd": sum(made.values_list("cost_microusd", flat=True)) / 1e6,
    }
