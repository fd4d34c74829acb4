"""Move all clips to the other permanent tier while the site serves."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat

from ttscache.conf import conf
from ttscache.defaults import PERMANENT_TIERS
from ttscache.errors import TierError
from ttscache.maintenance import relocation
from ttscache.management.terminal import clip_bar
from ttscache.models import Clip, ContentType, PermanentStore
from ttscache.tiers.records import PermanentTier
from ttscache.wiring import speech_cache, storage_tier


class Command(BaseCommand):
    help = (
        "Moves all clips to object storage or to the database. Each is checked byte for byte before its old "
        "bytes are deleted. It may be stopped or killed and run again. --dry-run only counts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, choices=PERMANENT_TIERS)
        parser.add_argument("--dry-run", action="store_true", help="write nothing")

    def handle(self, *args: Any, to: str, dry_run: bool, **options: Any) -> None:
        tiers: dict[str, PermanentTier] = {tier.name: tier for tier in speech_cache().tiers.permanents}
        if len(tiers) < len(PERMANENT_TIERS):
            raise CommandError("No object storage is set up: set AWS_STORAGE_BUCKET_NAME.")
        target = tiers.pop(to)
        (source,) = tiers.values()
        self._announce(source, to)
        if not dry_run:
            self._move(source, target)

    def _announce(self, source: PermanentTier, to: str) -> None:
        waiting = relocation.to_move(source)
        size = waiting.aggregate(total=Sum("audio_file_size"))["total"] or 0
        self.stdout.write(
            f"{waiting.count()} clips to move from {source.name} to {to}: {filesizeformat(size)}."
        )
        own_words = (
            Clip.objects.stored_by(PermanentStore(source.name))
            .filter(content_type=ContentType.RESPONSE)
            .count()
        )
        if own_words:
            self.stdout.write(f"{own_words} clips of a person's own words stay where they are.")
        if conf().permanent != to:
            self.stdout.write(
                self.style.WARNING(
                    f"TTS_PERMANENT={conf().permanent} still sends new clips to the other tier: "
                    f"set it to {to} on every host, then run this again for those made meanwhile."
                )
            )

    def _move(self, source: PermanentTier, target: PermanentTier) -> None:
        total = relocation.to_move(source).count()
        moved, moved_bytes, broken = 0, 0, 0
        try:
            with clip_bar(total) as bar:
                for move in relocation.move_clips(source, target):
                    if move.problem:
                        broken += 1
                        bar.clear()
                        self.stderr.write(f"Not moved: {move.clip.content_hash}: {move.problem}.")
                    else:
                        moved += 1
                        moved_bytes += move.clip.audio_file_size or 0
                    bar.total = max(total, moved + broken)  # clips made meanwhile are moved too
                    bar.set_postfix_str(filesizeformat(moved_bytes), refresh=False)
                    bar.update()
            # Delete the objects left behind now; the cluster would do it later, batch by batch.
            storage = storage_tier()
            while storage is not None and storage.sweep():
                pass
        except TierError as error:
            raise CommandError(f"{error} {moved} clips were moved; run this again for the others.") from error
        done = moved + broken
        self.stdout.write(f"{done}/{max(total, done)} clips, {filesizeformat(moved_bytes)}")
        if broken:
            raise CommandError(f"{broken} clips could not be moved; they stay where they were.")
