"""The log of nginx is counted line by line, each once, through rotation and kills."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from harness.clips import TEXT, speech
from ttscache import tasks
from ttscache.delivery import edge_log
from ttscache.delivery.edge_log import CountedLines, count_log
from ttscache.delivery.metering import requested_clip
from ttscache.models import Clip, ContentType, DailyRequests, EdgeLogPosition, Usage
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 60_000
_seconds = iter(range(1, 10_000))


@pytest.fixture(autouse=True)
def clip() -> Clip:
    found = Clip.objects.record(speech(), ContentType.QUESTION)
    found.audio_file_size, found.made_ahead = SIZE, True
    found.save()
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "clips.log"


def line(status: int = 200, part: str = "-") -> str:
    """A line of its own second, as the lines of a log are."""
    at = timezone.now() - timedelta(hours=3) + timedelta(seconds=next(_seconds))
    stamp = at.isoformat(timespec="seconds")
    return f'{stamp} GET {speech().content_hash}.mp3 01234567 {status} {SIZE} "{part}"\n'


def write(log: Path, lines: int) -> None:
    with log.open("a") as file:
        file.writelines(line() for _ in range(lines))


def age(log: Path, seconds: float) -> None:
    """Make the file look as if it was written this long ago."""
    at = time.time() - seconds
    os.utime(log, (at, at))


def counted(log: Path) -> int:
    return count_log(log, speech_cache()).counted


def total() -> int:
    return sum(Usage.objects.values_list("requests", flat=True))


def test_lines_are_counted_as_hits_of_the_outcome_edge(log: Path, clip: Clip) -> None:
    write(log, 2)
    with log.open("a") as file:
        file.write(line(206, "bytes 0-1/60000") + line(206, f"bytes 0-{SIZE - 1}/{SIZE}") + "nonsense\n")
    assert count_log(log, speech_cache()) == CountedLines(counted=3, other=1, unreadable=1)

    usage = Usage.objects.get()
    price = speech_cache().ledger._price_usd(requested_clip(clip))
    assert (usage.outcome, usage.content_type, usage.voice) == ("edge", "question", "nova")
    assert (usage.requests, usage.warmed_hits, usage.audio_bytes) == (3, 3, 3 * SIZE)
    assert usage.characters == 3 * len(TEXT)
    assert usage.list_price_microusd == 3 * round(price * 1e6)
    assert DailyRequests.objects.get().requests == 3


def test_each_line_is_counted_once(log: Path) -> None:
    for lines in (3, 0, 2):
        write(log, lines)
        assert counted(log) == lines
    assert total() == 5


def test_a_line_that_is_still_being_written_waits_for_its_end(log: Path) -> None:
    whole = line()
    write(log, 1)
    with log.open("a") as file:
        file.write(whole[:40])
    assert counted(log) == 1
    with log.open("a") as file:
        file.write(whole[40:])
    assert counted(log) == 1


def test_lines_are_counted_once_through_rotation_by_renaming(log: Path) -> None:
    write(log, 3)
    assert counted(log) == 3
    write(log, 2)
    log.rename(log.with_name("clips.log.1"))
    write(log, 4)
    age(log.with_name("clips.log.1"), 60)
    assert counted(log) == 6
    assert counted(log) == 0


def test_last_lines_of_a_renamed_log_are_waited_for(log: Path) -> None:
    """nginx writes on into the renamed file until it is told to open the new one."""
    earlier = log.with_name("clips.log-20261129")
    write(log, 1)
    assert counted(log) == 1
    log.rename(earlier)
    log.touch()
    write(earlier, 1)
    write(log, 1)
    assert counted(log) == 1
    write(earlier, 1)
    age(earlier, 60)
    assert counted(log) == 2


def test_lines_are_counted_once_through_two_rotations_between_imports(log: Path) -> None:
    write(log, 1)
    assert counted(log) == 1
    write(log, 1)
    log.rename(log.with_name("clips.log.2"))
    age(log.with_name("clips.log.2"), 200)
    write(log, 2)
    log.rename(log.with_name("clips.log.1"))
    age(log.with_name("clips.log.1"), 100)
    write(log, 4)
    assert counted(log) == 7
    assert (counted(log), total()) == (0, 8)


@pytest.mark.parametrize("lines_after", [1, 40])
def test_lines_are_counted_once_through_rotation_by_copying_and_cutting(log: Path, lines_after: int) -> None:
    write(log, 10)
    assert counted(log) == 10
    write(log, 3)
    shutil.copy(log, log.with_name("clips.log.1"))
    os.truncate(log, 0)
    write(log, lines_after)
    age(log.with_name("clips.log.1"), 60)
    assert counted(log) == 3 + lines_after
    assert counted(log) == 0


def test_a_log_that_was_cut_without_a_copy_is_counted_from_its_beginning(log: Path) -> None:
    write(log, 5)
    assert counted(log) == 5
    os.truncate(log, 0)
    assert counted(log) == 0
    write(log, 7)
    assert counted(log) == 7


def test_lines_of_a_failed_import_are_counted_by_the_next_one_and_only_once(log: Path) -> None:
    """The database goes away within the transaction, after some counts were written, as in a kill."""
    write(log, 5)

    def break_after_the_counts(execute: Any, sql: str, *given: Any) -> Any:
        if "dailyrequests" in sql:
            raise OperationalError("gone")
        return execute(sql, *given)

    with connection.execute_wrapper(break_after_the_counts), pytest.raises(OperationalError):
        counted(log)
    assert total() == 0
    assert (counted(log), total()) == (5, 5)


def test_two_imports_at_once_count_each_line_once(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process counts the same lines between the first one's look and its transaction."""
    write(log, 5)
    hits = edge_log._hits
    others: list[int] = []

    def overtaken(heard: Any) -> Iterator[Any]:
        monkeypatch.setattr(edge_log, "_hits", hits)
        others.append(counted(log))
        return hits(heard)

    monkeypatch.setattr(edge_log, "_hits", overtaken)
    assert (counted(log), others, total()) == (0, [5], 5)


def test_a_long_log_is_counted_in_pieces(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_log, "CHUNK_BYTES", 300)
    write(log, 9)
    with log.open("a") as file:
        file.write("x" * 1_000 + "\n")
    write(log, 1)
    assert counted(log) == 10


def test_a_replaced_container_goes_on_where_the_earlier_one_stopped(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log, 4)
    assert counted(log) == 4
    monkeypatch.setattr(edge_log, "host_name", lambda: "another")
    write(log, 1)
    assert counted(log) == 1
    assert EdgeLogPosition.objects.get().host == "another"


@pytest.mark.parametrize("days", [-2, 500])
def test_a_line_of_an_impossible_time_is_skipped(log: Path, days: int) -> None:
    at = (timezone.now() - timedelta(days=days)).isoformat(timespec="seconds")
    log.write_text(f'{at} GET {speech().content_hash}.mp3 01234567 200 60000 "-"\n')
    assert count_log(log, speech_cache()) == CountedLines(unreadable=1)


def test_a_clip_without_a_record_is_not_counted(log: Path) -> None:
    log.write_text(line().replace(speech().content_hash, "0" * 32))
    assert count_log(log, speech_cache()) == CountedLines(other=1)


def test_a_part_of_unknown_place_counts_if_it_is_the_whole_clip(log: Path) -> None:
    at = timezone.now().strftime("%d/%b/%Y:%H:%M:%S +0000")
    for sent in (SIZE, SIZE - 1):
        with log.open("a") as file:
            file.write(f'::1 - - [{at}] "GET /api/audio/{speech().content_hash}.mp3 HTTP/1.1" 206 {sent}\n')
    assert count_log(log, speech_cache()) == CountedLines(counted=1, other=1)


def test_the_scheduled_task_counts_the_log_of_the_settings(log: Path, settings: Any) -> None:
    tasks.count_edge_log()
    settings.TTSCACHE = {**settings.TTSCACHE, "nginx_log": log}
    tasks.count_edge_log()
    assert not EdgeLogPosition.objects.exists()  # there is no such log yet
    write(log, 2)
    tasks.count_edge_log()
    assert total() == 2


def test_counted_clips_are_not_the_first_files_to_be_removed(log: Path, clip: Clip) -> None:
    from harness.clips import entry

    [files] = [tier for tier in speech_cache().tiers.local if tier.name == "file"]
    files.put(entry(clip.content_hash))
    folder = files._folder / "private"  # type: ignore[attr-defined]
    [audio] = folder.rglob("*.mp3")
    age(audio, 5_000)
    write(log, 1)
    counted(log)
    assert time.time() - audio.stat().st_mtime < 60
