"""Read all clips of an archive into the permanent tier."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.template.defaultfilters import filesizeformat

from ttscache.errors import TierError
from ttscache.maintenance import archive
from ttscache.maintenance.archive_file import (
    ArchivedClip,
    ArchiveReader,
    NoArchive,
    RefusedClip,
    UnusableClip,
)
from ttscache.management.terminal import INTERRUPTED, clip_bar
from ttscache.wiring import speech_cache


class Command(BaseCommand):
    help = (
        "Reads an archive of export_clips into the database or the bucket, without a call to the provider. "
        "Clips that are already here and whole stay as they are. It may be stopped or killed and run again. "
        "Exits with 1 if something in the archive was damaged or refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the archive; - for the standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        self.added, self.there, self.refused, self.audio_bytes = 0, 0, 0, 0
        try:
            with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
                reader = ArchiveReader(stream)
                self._read(reader)
            archive.tell_of_restored_clips()
        except NoArchive as error:
            raise CommandError(f"{error}") from error
        except (TierError, Error) as error:
            why = error if isinstance(error, TierError) else "The database cannot be reached or refuses."
            raise CommandError(f"{why} {self._imported} Run this again for the others.") from error
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}. {self._imported}") from error
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped. {self._imported} Run this again for the others.", returncode=INTERRUPTED
            ) from None
        self._tell(reader, file)

    def _read(self, reader: ArchiveReader) -> None:
        with clip_bar(0) as bar:
            for item in reader.clips():
                if isinstance(item, RefusedClip):
                    refused: RefusedClip | None = item
                else:
                    refused = self._restore(item)
                if refused is not None:
                    self.refused += 1
                    bar.clear()
                    key = refused.content_hash or "no clip"
                    self.stderr.write(f"Not imported: {key}: {refused.reason}.")
                # The head may be missing, and the count in it too small.
                bar.total = max(reader.head.clips if reader.head else 0, bar.n + 1)
                bar.set_postfix_str(filesizeformat(self.audio_bytes), refresh=False)
                bar.update()

    def _restore(self, clip: ArchivedClip) -> RefusedClip | None:
        try:
            is_new = archive.restore_clip(speech_cache(), clip)
        except UnusableClip as problem:
            return RefusedClip(clip.content_hash, problem.reason)
        if is_new:
            self.added += 1
            self.audio_bytes += clip.description.size
        else:
            self.there += 1
        return None

    @property
    def _imported(self) -> str:
        return f"{self.added} clips were imported."

    def _tell(self, reader: ArchiveReader, file: str) -> None:
        whole = self.added + self.there
        if reader.head is None and reader.end_clips is None and not whole and not self.refused:
            raise CommandError(f"{file} is not an archive of clips.")
        self.stdout.write(
            f"{self.added} clips were imported, {filesizeformat(self.audio_bytes)}; "
            f"{self.there} were already here."
        )
        problems = [f"{self.refused} problems were found, see above."] if self.refused else []
        if reader.end_clips is None:
            problems.append("The archive is cut off.")
        expected = reader.head.clips if reader.end_clips is None and reader.head else reader.end_clips
        if expected is not None and expected > whole:
            problems.append(f"{expected - whole} of its {expected} clips were not imported.")
        if problems:
            raise CommandError(" ".join(problems))
