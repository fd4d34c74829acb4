"""Clips that cannot be made again are never removed automatically; other clips are removed as usual."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from harness.clips import entry, hum, speech, spoken
from harness.retirement_day import AUTUMN, stand_before_shutdown, stand_on
from harness.s3 import S3Server
from ttscache import tasks
from ttscache.maintenance import pruning, relocation
from ttscache.maintenance.integrity import STAYS
from ttscache.maintenance.invalidation import InvalidationFollower
from ttscache.maintenance.pruning import find_irreplaceable, find_stale
from ttscache.models import Clip, ClipFile, Invalidation, Pin, PruneRun, WarmItem, WarmRun
from ttscache.speech import EMBEDDED_MODEL
from ttscache.tiers import checksum_of, storage
from ttscache.wiring import forget, speech_cache, storage_tier

pytestmark = pytest.mark.django_db

TEXT = "This is a clip of a long life."
LONG_AGO = timezone.now() - timedelta(days=91)


def old_clip(text: str = TEXT, model: str = "tts-1-hd", **fields: Any) -> Clip:
    """Store a good clip in every tier, last requested 91 days ago."""
    request = speech(text, model=model)
    clip = Clip.objects.record(request, "question")
    sound = spoken(request)
    kept = replace(
        entry(request.content_hash, sound, model=model),
        audio_format="pcm",
        checksum=checksum_of(sound),
        duration_ms=len(sound) // 48,
    )
    speech_cache().tiers.permanent.put(kept)
    for tier in speech_cache().tiers.local:
        tier.put(kept)
    Clip.objects.filter(pk=clip.pk).update(last_accessed_at=LONG_AGO, **fields)
    clip.refresh_from_db()
    return clip


@pytest.fixture
def clip() -> Clip:
    return old_clip()


@pytest.fixture
def retired(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(0, monkeypatch)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(60, monkeypatch)


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def check(*, fix: bool = False) -> str:
    told = StringIO()
    try:
        call_command("check_cache", *(["--fix"] if fix else []), stdout=told, stderr=told)
    except CommandError as error:
        return f"{told.getvalue()}{error}"
    return told.getvalue()


def damage() -> None:
    """Damage the only bytes of every clip."""
    ClipFile.objects.update(file_data=b"damaged")
    for tier in speech_cache().tiers.local:
        for content_hash in Clip.objects.values_list("content_hash", flat=True):
            tier.delete(content_hash)


# --- stale clips ------------------------------------------------------------------------------------------
def test_a_clip_still_goes_stale_61_days_before_its_model_retires(
    clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(61, monkeypatch)
    assert find_stale(90).content_hashes == (clip.content_hash,)
    tasks.prune()
    assert not Clip.objects.exists()


@pytest.mark.parametrize("days_before", [60, 1, 0, -10, -3_000])
def test_a_clip_is_protected_from_60_days_before_its_model_retires(
    clip: Clip, monkeypatch: pytest.MonkeyPatch, days_before: int
) -> None:
    stand_before_shutdown(days_before, monkeypatch)
    found = find_stale(1)
    assert (found.content_hashes, found.kept_back) == ((), 1)
    tasks.prune()
    said("prune", "--days", "1")
    assert speech_cache().find(clip.content_hash) is not None


@pytest.mark.usefixtures("soon")
def test_a_prune_with_an_older_list_keeps_a_clip_protected_since(
    clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(61, monkeypatch)
    run = pruning.begin(find_stale(90), 90, "a test")
    stand_before_shutdown(60, monkeypatch)
    assert list(pruning.run_prune(run, speech_cache())) == [[]]
    assert Clip.objects.get() == clip


@pytest.mark.usefixtures("retired")
def test_an_irreplaceable_clip_out_of_use_is_protected() -> None:
    old_clip(is_active=False)
    assert find_stale(90).content_hashes == ()


@pytest.mark.usefixtures("retired")
def test_clips_of_other_models_and_records_without_bytes_are_not_protected() -> None:
    made = old_clip("The embedded voice can say this again.", model=EMBEDDED_MODEL)
    never_made = Clip.objects.record(speech("Nobody has ever said this."), "question")
    Clip.objects.filter(pk=never_made.pk).update(last_accessed_at=LONG_AGO)
    assert set(find_stale(90).content_hashes) == {made.content_hash, never_made.content_hash}


@pytest.mark.usefixtures("retired")
@pytest.mark.parametrize("content_type", ["response", "analysis"])
def test_adopted_clips_made_for_one_person_are_not_protected(content_type: str) -> None:
    clip = old_clip(content_type=content_type, adopted_at=LONG_AGO)
    assert find_stale(90).content_hashes == (clip.content_hash,)
    assert find_irreplaceable().content_hashes == ()


@pytest.mark.usefixtures("retired")
def test_an_adopted_reflection_that_is_fit_for_others_is_protected() -> None:
    old_clip(content_type="analysis", adopted_at=LONG_AGO, is_shareable=True)
    assert find_stale(90).content_hashes == ()


@pytest.mark.usefixtures("retired")
def test_a_site_that_has_moved_to_another_vendor_keeps_the_clips_of_openai(clip: Clip, settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "openai_base_url": "http://vendor.example/v1", "model": "ours"}
    settings.TTSCACHE |= {"provider": "openai", "openai_api_key": "sk-test"}
    forget()
    assert find_stale(90).content_hashes == ()
    settings.TTSCACHE = {**settings.TTSCACHE, "model": "tts-1-hd"}
    assert find_stale(90).content_hashes == (
        clip.content_hash,
    )  # the new vendor has a model of this name, so this clip can be made again


def test_the_operator_s_own_date_protects_the_clips_of_another_vendor(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = AUTUMN
    stand_on(today, monkeypatch)
    settings.TTSCACHE = {**settings.TTSCACHE, "model_shutdown": {"their-model": today + timedelta(days=60)}}
    old_clip(model="their-model")
    assert find_stale(90).content_hashes == ()
    settings.TTSCACHE = {**settings.TTSCACHE, "model_shutdown": {"their-model": today + timedelta(days=61)}}
    assert len(find_stale(90).content_hashes) == 1


# --- prune --irreplaceable --------------------------------------------------------------------------------
@pytest.mark.usefixtures("retired")
class TestPruneIrreplaceableCommand:
    def test_prune_irreplaceable_dry_run_lists_exactly_the_protected_clips(self, clip: Clip) -> None:
        other = old_clip("The embedded voice can say this again.", model=EMBEDDED_MODEL)
        told = said("prune", "--irreplaceable", "--dry-run")
        assert clip.content_hash in told and other.content_hash not in told
        size = filesizeformat(clip.stored_size or 0)
        assert f"1 clips cannot be made again and no text uses them: {size}. 0 more" in told
        assert TEXT not in told
        assert Clip.objects.count() == 2 and not PruneRun.objects.exists()

    def test_prune_irreplaceable_removes_the_clips_everywhere_after_their_count_is_typed(
        self, clip: Clip
    ) -> None:
        told = said("prune", "--irreplaceable", "--yes-remove", "1")
        assert "1 clips were removed for good." in told
        assert not Clip.objects.exists() and not ClipFile.objects.exists()
        assert [each.content_hash for each in Invalidation.objects.all()] == [clip.content_hash]
        assert speech_cache().find(clip.content_hash) is None
        run = PruneRun.objects.get()
        assert (run.state, run.removed, run.is_of_irreplaceable) == ("done", 1, True)

    @pytest.mark.parametrize("count", ["0", "2", "-1"])
    def test_prune_irreplaceable_removes_nothing_after_a_wrong_count(self, clip: Clip, count: str) -> None:
        with pytest.raises(CommandError, match=f"There are 1 clips; you typed {count}: nothing was removed"):
            said("prune", "--irreplaceable", f"--yes-remove={count}")
        assert Clip.objects.get() == clip

    @pytest.mark.parametrize(("typed", "left"), [("1", 0), ("2", 1), ("yes", 1), ("", 1)])
    def test_prune_irreplaceable_asks_for_the_count_without_the_option(
        self, clip: Clip, monkeypatch: pytest.MonkeyPatch, typed: str, left: int
    ) -> None:
        monkeypatch.setattr("builtins.input", lambda _: typed)
        if left:
            with pytest.raises(CommandError, match="nothing was removed"):
                said("prune", "--irreplaceable")
        else:
            said("prune", "--irreplaceable")
        assert Clip.objects.count() == left

    def test_prune_irreplaceable_removes_nothing_without_a_terminal(
        self, clip: Clip, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", StringIO())
        with pytest.raises(CommandError, match="you typed no number: nothing was removed"):
            said("prune", "--irreplaceable")
        assert Clip.objects.get() == clip

    def test_prune_irreplaceable_keeps_pinned_clips_and_counts_them_apart(self, clip: Clip) -> None:
        held = old_clip("Listeners hear this.")
        Pin.objects.create(content_hash=held.content_hash, reason="live")
        assert "1 more are used by a text and stay" in said("prune", "--irreplaceable", "--yes-remove", "1")
        assert Clip.objects.get() == held

    def test_prune_irreplaceable_keeps_a_clip_pinned_while_it_asked(self, clip: Clip) -> None:
        run = pruning.begin_irreplaceable(find_irreplaceable(), "a test")
        Pin.objects.create(content_hash=clip.content_hash, reason="draft")
        assert list(pruning.run_prune(run, speech_cache())) == [[]]
        assert Clip.objects.get() == clip

    @pytest.mark.parametrize("options", [("--yes-remove", "1"), ("--irreplaceable", "--days", "9")], ids=str)
    def test_prune_refuses_options_that_contradict_each_other(
        self, clip: Clip, options: tuple[str, ...]
    ) -> None:
        with pytest.raises(CommandError):
            said("prune", *options)
        assert Clip.objects.get() == clip


# --- one clip ---------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("retired")
def test_removing_one_irreplaceable_clip_removes_no_other(clip: Clip) -> None:
    other = old_clip("This one stays.")
    run = pruning.remove_clip(clip, "ana", speech_cache())
    assert run is not None
    assert (run.requested_by, run.state, run.removed, run.batches.count()) == ("ana", "done", 1, 0)
    assert Clip.objects.get() == other
    assert speech_cache().find(clip.content_hash) is None
    assert pruning.remove_clip(clip, "ana", speech_cache()) is None


@pytest.mark.usefixtures("retired")
def test_a_text_that_holds_the_removed_clip_keeps_its_record_without_sound(clip: Clip) -> None:
    Pin.objects.create(content_hash=clip.content_hash, reason="live")
    pruning.remove_clip(clip, "ana", speech_cache())
    left = Clip.objects.get()
    assert (left.content_hash, left.is_ready, ClipFile.objects.count()) == (clip.content_hash, False, 0)


# --- check_cache ------------------------------------------------------------------------------------------
def test_damaged_bytes_of_a_retired_model_are_reported_and_stay(
    clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_before_shutdown(0, monkeypatch)
    damage()
    for _ in range(3):
        told = check(fix=True)
        assert f"damaged bytes: {clip.content_hash} ({STAYS})" in told
        assert "1 problems are open" in told
        assert speech_cache().find(clip.content_hash) is None  # a miss, which must not drop the damaged bytes
    assert bytes(ClipFile.objects.get().file_data) == b"damaged"
    assert Clip.objects.get().checksum == clip.checksum


@pytest.mark.usefixtures("retired")
def test_a_good_copy_on_this_host_brings_a_clip_of_a_retired_model_back(clip: Clip) -> None:
    ClipFile.objects.update(file_data=b"damaged")
    assert "is put back from this host's files" in check(fix=True)
    assert check() == "All tiers agree.\n"


@pytest.mark.usefixtures("retired")
def test_a_short_clip_of_a_retired_model_stays() -> None:
    clip = old_clip()
    Clip.objects.update(content_text="A text that takes very much longer to say than half a second. " * 20)
    assert f"{clip.content_hash} ({STAYS})" in check(fix=True)
    assert Clip.objects.get().is_ready and ClipFile.objects.exists()


@pytest.mark.usefixtures("soon")
def test_a_damaged_clip_keeps_its_bytes_until_it_is_mended_while_the_model_answers(clip: Clip) -> None:
    damage()
    assert "is made again when asked for" in check(fix=True)
    assert not Clip.objects.get().is_ready
    assert check(fix=True) == "All tiers agree.\n"
    assert bytes(ClipFile.objects.get().file_data) == b"damaged"
    assert find_stale(1).content_hashes == ()


def test_bytes_without_a_record_of_a_model_that_does_not_retire_are_removed_as_ever(clip: Clip) -> None:
    damage()
    check(fix=True)
    check(fix=True)
    assert not ClipFile.objects.exists()


@pytest.mark.usefixtures("retired")
def test_a_damaged_last_copy_on_a_host_stays(clip: Clip) -> None:
    ClipFile.objects.all().delete()
    Clip.objects.update(stored_at=None, checksum="")
    tier = speech_cache().tiers.local[1]
    (path,) = tier._folder.rglob(f"{clip.content_hash}.pcm")  # type: ignore[attr-defined]
    path.write_bytes(b"damaged")
    assert f"file: damaged bytes: {clip.content_hash} ({STAYS})" in check(fix=True)
    assert path.read_bytes() == b"damaged"


@pytest.mark.usefixtures("retired")
def test_a_damaged_copy_on_a_host_goes_where_the_clip_is_whole_for_all(clip: Clip) -> None:
    tier = speech_cache().tiers.local[1]
    (path,) = tier._folder.rglob(f"{clip.content_hash}.pcm")  # type: ignore[attr-defined]
    path.write_bytes(b"damaged")
    check(fix=True)
    assert not path.exists()


@pytest.mark.usefixtures("retired")
def test_a_short_copy_that_only_this_host_has_stays(clip: Clip) -> None:
    ClipFile.objects.all().delete()
    long_text = "A text that takes very much longer to say than half a second. " * 20
    Clip.objects.update(stored_at=None, checksum="", content_text=long_text)
    assert relocation.push_missing() == 0
    assert speech_cache().tiers.has_local(clip.content_hash)


def lose_the_record(clip: Clip) -> None:
    """Delete the record as restoring an older backup does: no invalidation is written."""
    Clip.objects.filter(pk=clip.pk).delete()


@pytest.mark.usefixtures("retired")
def test_a_file_of_a_retired_model_without_a_record_stays_on_its_host(clip: Clip) -> None:
    lose_the_record(clip)
    told = check(fix=True)
    assert f"file: bytes without a record: {clip.content_hash} ({STAYS})" in told
    InvalidationFollower(speech_cache()).follow()  # at the start of each process, and once a day
    assert speech_cache().tiers.has_local(clip.content_hash)


@pytest.mark.usefixtures("retired")
def test_such_a_file_plays_for_all_once_its_text_is_on_record_again(clip: Clip) -> None:
    lose_the_record(clip)
    check(fix=True)
    Clip.objects.record(clip.request, clip.content_type)
    assert relocation.push_missing() == 1
    assert speech_cache().find_permanent(clip.content_hash) is not None


@pytest.mark.usefixtures("retired")
def test_a_file_whose_record_was_removed_on_purpose_goes(clip: Clip) -> None:
    lose_the_record(clip)
    Invalidation.objects.create(content_hash=clip.content_hash)
    InvalidationFollower(speech_cache()).follow()
    assert not speech_cache().tiers.has_local(clip.content_hash)


@pytest.mark.usefixtures("retired")
@pytest.mark.parametrize("kind", ["analysis", "response"])
def test_a_file_that_may_quote_a_person_goes_without_its_record(clip: Clip, kind: str) -> None:
    tier = speech_cache().tiers.local[1]
    held = tier.get(clip.content_hash)
    assert held is not None
    tier.put(replace(held, content_type=kind))
    lose_the_record(clip)
    assert "are removed" in check(fix=True)
    assert not tier.has(clip.content_hash)


def test_a_file_of_a_model_that_does_not_retire_goes_without_its_record(clip: Clip) -> None:
    lose_the_record(clip)
    InvalidationFollower(speech_cache()).follow()
    assert not speech_cache().tiers.has_local(clip.content_hash)


# --- object storage ---------------------------------------------------------------------------------------
@pytest.mark.usefixtures("soon")
def test_a_damaged_object_stays_until_the_clip_is_made_anew(
    clips_bucket: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "STRAY_AGE", -timedelta(minutes=1))
    clip, tier = old_clip(), storage_tier()
    assert tier is not None
    name = str(clip.audio_file_path)
    s3.client.put_object(Bucket=clips_bucket, Key=name, Body=b"damaged")
    assert tier.get(clip.content_hash) is None
    assert (tier.sweep(), list(tier.strays()), name in s3.objects(clips_bucket)) == (0, [], True)

    sound = hum(2)
    tier.put(replace(entry(clip.content_hash, sound), audio_format="pcm", checksum=checksum_of(sound)))
    tier.sweep()
    assert name not in s3.objects(clips_bucket)
    found = tier.get(clip.content_hash)
    assert found is not None and found.audio == sound


@pytest.mark.usefixtures("retired")
def test_clips_of_a_retired_model_move_to_the_bucket_and_back_and_none_is_lost(clips_bucket: str) -> None:
    clips = [old_clip(f"{TEXT} Number {number}.") for number in range(3)]
    sounds = {clip.content_hash: spoken(clip.request) for clip in clips}
    for to, left in (("database", "storage"), ("storage", "database")):
        said("move_clips", "--to", to)
        for clip in clips:
            found = speech_cache().find_permanent(clip.content_hash)
            assert found is not None
            assert (found.tier, found.entry.audio) == (to, sounds[clip.content_hash])
        assert not Clip.objects.filter(stored_in=left).exists()


# --- other nightly tasks ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("retired")
def test_the_upkeep_and_the_examination_leave_irreplaceable_clips_alone(clip: Clip) -> None:
    Clip.objects.update(adopted_at=LONG_AGO, checksum="")
    ClipFile.objects.update(file_data=b"damaged")
    ended = timezone.now() - timedelta(days=31)
    run = WarmRun.objects.create(scope="long ago", state="done", finished_at=ended)
    WarmItem.objects.create(run=run, clip=clip, position=0, characters=5, state="done")
    tasks.clean_up()
    tasks.examine_adopted()
    assert not WarmRun.objects.exists()
    assert bytes(ClipFile.objects.get().file_data) == b"damaged"
    assert find_stale(1).content_hashes == ()
