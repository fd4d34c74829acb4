"""A row that the database refuses stops nothing else, and no outage is reported for it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from harness.clips import entry, speech
from harness.earlier_databases import Found
from ttscache.connections import why_refused
from ttscache.errors import TierError
from ttscache.maintenance import pruning, relocation
from ttscache.maintenance.adopted_clips import examine_adopted_clips
from ttscache.models import Clip, ClipFile, PermanentStore, PruneRun
from ttscache.tiers.database import DatabaseTier
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

SOUND = Found("Tell me.", "nova", "narrative").sound


def make_clips(count: int) -> list[str]:
    hashes = []
    for number in range(count):
        request = speech(f"Words {number}.")
        Clip.objects.record(request, "question")
        speech_cache().tiers.permanent.put(entry(request.content_hash))
        hashes.append(request.content_hash)
    Clip.objects.update(last_accessed_at=timezone.now() - timedelta(days=200))
    return sorted(hashes)


def refer_to(content_hash: str, *, deferred: bool = False) -> None:
    """A table of somebody else's points to the clip."""
    late = " DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    kind = Clip._meta.pk.db_type(connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE user_narration (clip {kind} NOT NULL REFERENCES tts_cache (id){late})")
        cursor.execute(
            "INSERT INTO user_narration SELECT id FROM tts_cache WHERE content_hash = %s", [content_hash]
        )


def refuse_changes_to(content_hash: str) -> None:
    """A trigger of somebody else's refuses every change of one clip."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN RAISE EXCEPTION ''no %'', NEW.content_text; END'"
            )
            cursor.execute(
                "CREATE TRIGGER refusing BEFORE UPDATE ON tts_cache FOR EACH ROW"
                f" WHEN (OLD.content_hash = '{content_hash}') EXECUTE FUNCTION refuse()"
            )
        else:
            cursor.execute(
                "CREATE TRIGGER refusing BEFORE UPDATE ON tts_cache"
                f" WHEN OLD.content_hash = '{content_hash}' BEGIN SELECT RAISE(ABORT, 'no'); END"
            )


def accept_changes() -> None:
    on = " ON tts_cache" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER refusing{on}")
        if on:
            cursor.execute("DROP FUNCTION refuse")


# SQLite checks a deferred constraint only at the commit, which no test of this kind reaches.
@pytest.mark.parametrize("deferred", [False, True] if connection.vendor == "postgresql" else [False])
def test_a_prune_removes_eleven_of_twelve_clips_and_names_the_one_that_another_table_needs(
    deferred: bool, caplog: pytest.LogCaptureFixture
) -> None:
    needed = make_clips(12)[5]
    refer_to(needed, deferred=deferred)
    told, complained = StringIO(), StringIO()
    call_command("prune", stdout=told, stderr=complained)

    assert "11 clips were removed." in told.getvalue()
    assert needed in complained.getvalue() and "cannot be reached" not in complained.getvalue()
    assert needed in caplog.text and "Words" not in caplog.text
    assert [clip.content_hash for clip in Clip.objects.all()] == [needed]
    assert ClipFile.objects.count() == 1, "the clip that stays keeps its bytes"
    run = PruneRun.objects.get()
    assert (run.state, run.removed, run.kept_back) == (PruneRun.State.DONE, 11, 1)


def test_the_reason_names_the_constraint_and_its_table() -> None:
    needed = make_clips(1)[0]
    refer_to(needed)
    clip = Clip.objects.get()
    with pytest.raises(Exception) as refused, transaction.atomic():
        pruning.remove_clip(clip, "ana", speech_cache())

    reason = why_refused(refused.value)
    assert reason and "Words" not in reason
    if connection.vendor == "postgresql":
        assert "user_narration_clip_fkey" in reason and "table user_narration" in reason
    assert why_refused(TierError("The database cannot be reached or refuses.")) == ""


@pytest.mark.django_db(transaction=True)
def test_an_adopted_clip_that_cannot_be_examined_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = timezone.now()
    for number in range(4):
        found = Found(f"Words {number}", "nova", "narrative")
        given = {"content_hash": found.content_hash, "content_text": found.text, "voice": "nova"}
        clip = Clip.objects.create(**given, adopted_at=now, stored_at=now)
        ClipFile.objects.create(cache=clip, file_data=SOUND, file_size=len(SOUND))
    first = Clip.objects.order_by("pk")[0].content_hash
    refuse_changes_to(first)
    try:
        assert examine_adopted_clips(limit=3) == (3, 0)
    finally:
        accept_changes()
    assert first in caplog.text and "Words" not in caplog.text


def test_a_clip_that_cannot_be_moved_does_not_stop_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relocation, "ATTEMPT_SECONDS", 0)
    hashes = make_clips(3)
    refuse_changes_to(hashes[0])
    # Within one kind of tier: each clip is written anew, which the trigger refuses for one of them.
    source, target = DatabaseTier(), DatabaseTier("none")
    moves = {move.clip.content_hash: move.problem for move in relocation.move_clips(source, target)}

    assert sorted(moves) == hashes
    assert [bool(moves[each]) for each in hashes] == [True, False, False]
    assert Clip.objects.stored_by(PermanentStore.DATABASE).count() == 3


def test_a_clip_that_cannot_be_imported_does_not_stop_the_import(tmp_path: Path) -> None:
    hashes = make_clips(3)
    call_command("export_clips", str(tmp_path / "clips.tar"), stdout=StringIO(), stderr=StringIO())
    ClipFile.objects.all().delete()
    Clip.objects.update(stored_at=None, checksum="", last_accessed_at=timezone.now())
    refuse_changes_to(hashes[0])
    said = StringIO()
    with pytest.raises(Exception, match="1 problems were found"):
        call_command("import_clips", str(tmp_path / "clips.tar"), stdout=said, stderr=said)

    assert f"Not imported: {hashes[0]}" in said.getvalue() and "Words" not in said.getvalue()
    assert Clip.objects.with_audio().count() == 2
