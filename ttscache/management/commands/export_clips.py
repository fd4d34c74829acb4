"""Write all clips with their records into one file."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from ttscache.errors import TierError
from ttscache.maintenance import archive
from ttscache.maintenance.archive_file import ArchiveHead, ArchiveWriter, NoArchive, UnusableClip
from ttscache.management.terminal import INTERRUPTED, clip_bar
from ttscache.wiring import speech_cache


class Command(BaseCommand):
    help = (
        "Writes all clips with their records into one tar file, which import_clips reads on another server. "
        "It may be stopped or killed and run again: it continues with FILE.part. Clips of a person's own "
        "words are never exported. Exits with 1 if a clip could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the archive; - for the standard output")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        is_pipe = file == "-"
        self._say = self.stderr if is_pipe else self.stdout
        part = Path(f"{file}.part")
        advice = "" if is_pipe else f" What was written is in {part}: run this again to continue."
        try:
            if is_pipe:
                lost = self._write(sys.stdout.buffer, archive.WrittenPart(), archive.identity_of_database())
            else:
                lost = self._write_file(Path(file), part)
        except TierError as error:
            raise CommandError(f"{error}{advice}") from error
        except NoArchive as error:
            raise CommandError(f"{part}: {error}") from error
        except OSError as error:
            raise CommandError(f"{part if not is_pipe else file}: {error.strerror}.{advice}") from error
        except KeyboardInterrupt:
            raise CommandError(f"Stopped.{advice}", returncode=INTERRUPTED) from None
        if lost:
            raise CommandError(f"{lost} clips could not be exported; all others are in {file}.")

    def _write_file(self, path: Path, part: Path) -> int:
        source = archive.identity_of_database()
        with archive.open_part(part) as file:
            written = archive.continue_part(file, source)
            if written.clips:
                self._say.write(f"{part} already has {written.clips} clips.")
            lost = self._write(file, written, source)
            # First to disk: after a power cut there must be no file with its final name and missing bytes.
            os.fsync(file.fileno())
            # Rename within the lock, or another export could open the finished part before it has its name.
            part.replace(path)
        return lost

    def _write(self, file: BinaryIO, written: archive.WrittenPart, source: str) -> int:
        """Write the archive; returns how many clips could not be read."""
        writer = ArchiveWriter(file, position=written.position)
        total = written.planned or archive.count_exportable()
        if not written.position:
            writer.begin(ArchiveHead(total, source))
        clips, audio_bytes, lost = written.clips, 0, 0
        left_out: Counter[str] = Counter()
        with clip_bar(total) as bar:
            bar.update(clips)
            for export in archive.export_all(speech_cache(), after=written.last_hash):
                if export.clip is None:
                    lost += 1
                    bar.clear()
                    self.stderr.write(f"Not exported: {export.content_hash}: {export.problem}.")
                else:
                    try:
                        writer.add(export.clip)
                    except UnusableClip as problem:
                        # For example a clip of an earlier system whose key no request leads to.
                        left_out[problem.reason] += 1
                        continue
                    clips += 1
                    audio_bytes += export.clip.description.size
                bar.set_postfix_str(filesizeformat(audio_bytes), refresh=False)
                bar.update()
        writer.end(clips)
        self._say.write(f"{clips} clips are in the archive, {filesizeformat(audio_bytes)} written now.")
        for reason, number in sorted(left_out.items()):
            self._say.write(f"{number} clips were left out: {reason}.")
        return lost
