"""The storage tier on a real object store: the contract of every tier, and tests of its own."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from harness import http
from harness.clips import KEY, OTHER, entry, hum
from harness.s3 import S3Server
from harness.tier_contract import TierContract
from ttscache.errors import TierError
from ttscache.models import Clip, ClipFile, DatabaseIdentity, PendingDeletion, PermanentStore, Pin
from ttscache.tiers import bucket as bucket_module
from ttscache.tiers import bucket_marker, storage
from ttscache.tiers.bucket import Bucket
from ttscache.tiers.chain import TierChain
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.deletion_queue import GRACE
from ttscache.tiers.storage import StorageTier

pytestmark = pytest.mark.django_db

SILENT = bytes(20_000)  # compresses to next to nothing
FOREIGN = ("family-album/1972.jpg", "1972.mp3", "public/ab/1972.mp3", f"private/ab/{KEY}.mp3")
CDN = "https://cdn.example.org/"


@pytest.fixture(autouse=True)
def _records() -> None:
    for content_hash in (KEY, OTHER):
        Clip.objects.create(
            content_hash=content_hash, content_text="x" * 40, voice="nova", content_type="question"
        )


@pytest.fixture(scope="module")
def store(emptied_bucket: str) -> Bucket:
    """One bucket for all tests, because setting up its client takes longer than most tests."""
    return Bucket(emptied_bucket)


@pytest.fixture
def tier(store: Bucket, clips_bucket: str) -> StorageTier:
    store._down_until = 0.0
    return StorageTier(store)


@pytest.fixture
def behind_cdn(tier: StorageTier, settings: Any) -> StorageTier:
    settings.TTSCACHE = {**settings.TTSCACHE, "cdn_url": CDN}
    return StorageTier(tier.bucket, "gzip", has_cdn=True)


def record(content_hash: str = KEY) -> Clip:
    return Clip.objects.get(content_hash=content_hash)


def publish(content_hash: str = KEY, reason: Pin.Reason = Pin.Reason.LIVE) -> None:
    Pin.objects.create(content_hash=content_hash, reason=reason)


def head(s3: S3Server, bucket: str, name: str | None) -> dict[str, str]:
    found = s3.client.head_object(Bucket=bucket, Key=name)
    return {header: found.get(header, "") for header in ("ContentType", "CacheControl", "ContentEncoding")}


class TestContract(TierContract):
    """The tier contract, on the storage tier."""


class TestObjects:
    def test_a_name_tells_the_side_and_the_bytes(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        publish(KEY)
        tier.put(entry(sound=b"sound"))
        tier.put(entry(OTHER, b"other"))

        assert {
            re.sub("-[0-9a-f]{8}", "", name): size for name, size in s3.objects(clips_bucket).items()
        } == {
            f"public/01/{KEY}.{entry(sound=b'sound').checksum[:16]}.mp3": 5,
            f"private/ff/{OTHER}.{entry(sound=b'other').checksum[:16]}.mp3": 5,
        }
        assert record().audio_file_path in s3.objects(clips_bucket)

    def test_an_object_carries_its_cache_control(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        publish(KEY)
        tier.put(entry(sound=b"sound"))
        tier.put(entry(OTHER, SILENT))

        assert head(s3, clips_bucket, record().audio_file_path) == {
            "ContentType": "audio/mpeg",
            "CacheControl": "public, max-age=31536000, immutable",
            "ContentEncoding": "",
        }
        assert head(s3, clips_bucket, record(OTHER).audio_file_path) == {
            "ContentType": "application/gzip",
            "CacheControl": "private, no-store",
            "ContentEncoding": "",
        }

    def test_a_stranger_reaches_the_public_side_only(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        publish(KEY)
        tier.put(entry(sound=b"sound"))
        tier.put(entry(OTHER))
        address = f"{s3.url}/{clips_bucket}"

        assert http.get(f"{address}/{record(KEY).audio_file_path}").body == b"sound"
        assert http.get(f"{address}/{record(OTHER).audio_file_path}").status == 403

    def test_object_names_are_never_reused(self, tier: StorageTier, s3: S3Server, clips_bucket: str) -> None:
        tier.put(entry())
        first = record().audio_file_path
        tier.put(entry())

        assert record().audio_file_path != first
        assert list(s3.objects(clips_bucket)) == [record().audio_file_path]
        assert tier.get(KEY) == entry()
        assert not PendingDeletion.objects.exists()

    def test_the_tier_knows_what_is_published(self, tier: StorageTier) -> None:
        tier.put(entry())
        assert not tier.get(KEY).is_published  # type: ignore[union-attr]
        publish(KEY)
        assert tier.get(KEY).is_published  # type: ignore[union-attr]

    def test_the_tier_can_keep_its_objects_in_a_folder_of_the_bucket(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, settings: Any
    ) -> None:
        settings.AWS_LOCATION = "life/review/"
        tier.put(entry())

        assert list(s3.objects(clips_bucket)) == [f"life/review/{record().audio_file_path}"]
        assert (tier.get(KEY), list(tier.entries())) == (entry(), [(KEY, 5)])

    def test_the_storage_tier_cannot_keep_a_clip_without_a_record(self, tier: StorageTier) -> None:
        with pytest.raises(TierError, match="without a record"):
            tier.put(entry("a" * 32))
        assert PendingDeletion.objects.count() == 1  # the sweep deletes it in an hour


class TestCompression:
    def test_an_object_that_compresses_well_is_stored_packed_and_read_back(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        tier.put(entry(sound=SILENT))

        name = record().audio_file_path
        assert name is not None and name.endswith(".mp3.gz")
        assert s3.objects(clips_bucket) == {name: record().stored_size}
        assert record().stored_size in range(100)
        assert record().audio_file_size == len(SILENT)
        assert tier.get(KEY) == entry(sound=SILENT)

    def test_an_object_served_by_a_cdn_is_never_packed(
        self, behind_cdn: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        publish(KEY)
        behind_cdn.put(entry(sound=SILENT))
        behind_cdn.put(entry(OTHER, SILENT))

        assert [size == len(SILENT) for _, size in sorted(behind_cdn.entries())] == [True, False]

    def test_a_packed_object_is_unpacked_when_it_is_published(
        self, behind_cdn: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        behind_cdn.put(entry(sound=SILENT))
        publish(KEY)
        assert behind_cdn.settle(record())

        assert record().encoding == ""
        assert (
            s3.objects(clips_bucket) == {record().audio_file_path: len(SILENT)}
            or PendingDeletion.objects.exists()
        )
        assert behind_cdn.get(KEY).audio == SILENT  # type: ignore[union-attr]

    def test_objects_are_read_under_any_compression_setting(self, tier: StorageTier) -> None:
        tier.put(entry(sound=SILENT))

        assert StorageTier(tier.bucket, "none").get(KEY) == entry(sound=SILENT)


class TestDamage:
    @pytest.mark.parametrize("damage", [b"", b"soun", b"other", gzip.compress(b"sound", mtime=0)])
    def test_a_damaged_object_is_a_miss_from_then_on(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, damage: bytes
    ) -> None:
        tier.put(entry())
        s3.client.put_object(Bucket=clips_bucket, Key=record().audio_file_path, Body=damage)

        assert tier.get(KEY) is None
        assert not record().is_ready
        tier.put(entry())
        assert tier.get(KEY) == entry()

    def test_a_damaged_object_of_an_adopted_clip_stays(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(storage, "STRAY_AGE", -timedelta(minutes=1))
        tier.put(entry())
        Clip.objects.update(adopted_at=timezone.now())
        name = record().audio_file_path
        s3.client.put_object(Bucket=clips_bucket, Key=name, Body=b"soun")
        assert tier.get(KEY) is None

        assert (tier.sweep(), list(tier.strays()), list(s3.objects(clips_bucket))) == (0, [], [name])

    def test_a_packed_object_that_does_not_unpack_is_a_miss(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        tier.put(entry(sound=SILENT))
        s3.client.put_object(Bucket=clips_bucket, Key=record().audio_file_path, Body=b"not gzip")

        assert tier.get(KEY) is None

    def test_a_missing_object_is_a_miss_from_then_on(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        tier.put(entry())
        s3.client.delete_object(Bucket=clips_bucket, Key=record().audio_file_path)

        assert tier.get(KEY) is None
        assert not record().is_ready

    def test_a_miss_removes_no_object(self, tier: StorageTier, s3: S3Server, clips_bucket: str) -> None:
        tier.put(entry())
        name = record().audio_file_path
        s3.lose(clips_bucket)
        assert tier.get(KEY) is None
        s3.client.put_object(Bucket=clips_bucket, Key=name, Body=b"sound")  # restored from a backup
        tier.sweep()

        assert list(s3.objects(clips_bucket)) == [name]

    def test_checking_that_an_object_exists_downloads_nothing(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tier.put(entry())
        methods, send = [], URLLib3Session.send

        def note(session: URLLib3Session, request: Any) -> Any:
            methods.append(request.method)
            return send(session, request)

        monkeypatch.setattr(URLLib3Session, "send", note)
        assert tier.has_bytes(record())
        assert methods == ["HEAD"]
        s3.lose(clips_bucket)
        assert not tier.has_bytes(record())

    def test_a_missing_bucket_forgets_nothing(self, tier: StorageTier, clips_bucket: str) -> None:
        tier.put(entry())
        with pytest.raises(TierError, match="NoSuchBucket"):
            StorageTier(Bucket("no-such-bucket")).get(KEY)

        assert record().is_ready

    def test_a_wrong_secret_forgets_nothing(
        self, tier: StorageTier, clips_bucket: str, settings: Any
    ) -> None:
        tier.put(entry())
        settings.AWS_SECRET_ACCESS_KEY = "wrong"
        with pytest.raises(TierError, match="SignatureDoesNotMatch"):
            StorageTier(Bucket(clips_bucket)).get(KEY)

        assert record().is_ready

    def test_a_clip_that_is_moved_while_it_is_read_is_found(
        self, tier: StorageTier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tier.put(entry())
        publish(KEY)
        get = tier.bucket.get

        def moved_first(name: str) -> bytes | None:
            if name.startswith("private/"):
                tier.settle(record())
                tier.sweep()
            return get(name)

        monkeypatch.setattr(tier.bucket, "get", moved_first)
        assert tier.get(KEY).audio == b"sound"  # type: ignore[union-attr]
        assert record().is_ready


class TestMarker:
    @pytest.fixture
    def misplaced_tier(self, tier: StorageTier, settings: Any) -> StorageTier:
        """The tier of a process that was started with a wrong folder."""
        tier.put(entry())
        publish(KEY)
        settings.AWS_LOCATION = "staging"
        return StorageTier(tier.bucket, "gzip", has_cdn=True)

    def test_a_wrong_folder_forgets_nothing(self, misplaced_tier: StorageTier, settings: Any) -> None:
        for attempt in (
            lambda: misplaced_tier.get(KEY),
            lambda: misplaced_tier.settle(record()),
            lambda: misplaced_tier.put(entry(OTHER)),
            misplaced_tier.check,
        ):
            with pytest.raises(TierError, match="mark_bucket"):
                attempt()
        settings.AWS_LOCATION = ""

        assert misplaced_tier.get(KEY).audio == b"sound"  # type: ignore[union-attr]

    def test_with_a_wrong_folder_new_clips_are_kept_in_the_database(
        self, misplaced_tier: StorageTier
    ) -> None:
        chain = TierChain(local=[], permanent=misplaced_tier, elsewhere=[DatabaseTier()])
        assert chain.store_permanently(entry(OTHER))

        found = chain.find_permanent(OTHER)
        assert found is not None and found.tier == "database"

    def test_two_databases_cannot_share_a_folder_of_the_bucket(self, tier: StorageTier) -> None:
        tier.put(entry())
        DatabaseIdentity.objects.all().delete()
        with pytest.raises(TierError, match="another database"):
            StorageTier(tier.bucket).put(entry(OTHER))
        with pytest.raises(TierError, match="another database"):
            StorageTier(tier.bucket).check()

    def test_a_bucket_that_was_used_before_is_marked(self, tier: StorageTier) -> None:
        tier.put(entry())
        tier.bucket.delete(bucket_marker.NAME)
        StorageTier(tier.bucket).check()

        assert tier.bucket.get(bucket_marker.NAME) == DatabaseIdentity.of_this_database().encode()

    def test_a_bucket_that_was_replaced_is_marked_by_hand(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        tier.put(entry())
        s3.empty(clips_bucket)
        with pytest.raises(TierError, match="mark_bucket"):
            tier.get(KEY)
        call_command("mark_bucket", stdout=StringIO())

        assert tier.get(KEY) is None
        assert not record().is_ready

    def test_the_folder_of_another_database_is_taken_over_only_on_request(self, tier: StorageTier) -> None:
        tier.bucket.put(bucket_marker.NAME, b"another", {})
        with pytest.raises(CommandError, match="another database"):
            call_command("mark_bucket")
        call_command("mark_bucket", "--take-over", stdout=StringIO())

        tier.put(entry())
        assert tier.get(KEY) == entry()


class TestSides:
    def test_an_object_follows_its_pins(self, tier: StorageTier, s3: S3Server, clips_bucket: str) -> None:
        tier.put(entry())
        for reason in (Pin.Reason.LIVE, Pin.Reason.BANK):
            publish(KEY, reason)
            assert tier.settle(record())
            tier.sweep()
            assert [name.partition("/")[0] for name in s3.objects(clips_bucket)] == ["public"]
            Pin.objects.all().delete()
            assert tier.settle(record())
            tier.sweep()
            assert [name.partition("/")[0] for name in s3.objects(clips_bucket)] == ["private"]
        assert tier.get(KEY) == entry()

    def test_the_headers_of_an_object_follow_its_pins(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        tier.put(entry(sound=SILENT))
        publish(KEY)
        tier.settle(record())

        assert head(s3, clips_bucket, record().audio_file_path) == {
            "ContentType": "application/gzip",
            "CacheControl": "public, max-age=31536000, immutable",
            "ContentEncoding": "",
        }

    def test_a_draft_is_not_public(self, tier: StorageTier) -> None:
        publish(KEY, Pin.Reason.DRAFT)
        tier.put(entry())

        assert str(record().audio_file_path).startswith("private/")

    def test_a_move_that_was_cut_off_is_taken_up(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A move can be cut off at each of its three steps: the copy, the record, the removal."""
        tier.put(entry())
        publish(KEY)
        for step in ("ttscache.tiers.bucket.Bucket.copy", "ttscache.tiers.storage.mark_moved"):
            with monkeypatch.context() as killing, pytest.raises(KeyboardInterrupt):
                killing.setattr(step, _killed)
                tier.settle(record())
            assert tier.get(KEY).audio == b"sound"  # type: ignore[union-attr]
        tier.settle(record())
        PendingDeletion.objects.update(remove_after=timezone.now())
        tier.sweep()

        assert list(s3.objects(clips_bucket)) == [record().audio_file_path]
        assert not PendingDeletion.objects.exists()

    def test_only_one_of_two_movers_moves_an_object(self, tier: StorageTier) -> None:
        tier.put(entry())
        publish(KEY)
        first, second = record(), record()

        assert (tier.settle(first), tier.settle(second)) == (True, False)
        PendingDeletion.objects.update(remove_after=timezone.now())
        tier.sweep()
        assert tier.get(KEY).audio == b"sound"  # type: ignore[union-attr]


class TestPendingDeletions:
    def test_a_killed_upload_leaves_nothing_for_ever(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tier.put(entry(sound=b"old"))
        with monkeypatch.context() as killing, pytest.raises(KeyboardInterrupt):
            killing.setattr("ttscache.tiers.storage.mark_stored", _killed)
            tier.put(entry(sound=b"newer"))

        assert tier.get(KEY).audio == b"old"  # type: ignore[union-attr]
        assert (tier.sweep(), len(s3.objects(clips_bucket))) == (0, 2)  # the upload may still be under way
        PendingDeletion.objects.update(remove_after=timezone.now())
        assert (tier.sweep(), len(s3.objects(clips_bucket))) == (1, 1)

    def test_an_object_that_a_cdn_served_stays_for_a_while(
        self, behind_cdn: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        publish(KEY)
        behind_cdn.put(entry(sound=b"old"))
        behind_cdn.put(entry(sound=b"newer"))

        assert len(s3.objects(clips_bucket)) == 2
        until = PendingDeletion.objects.get().remove_after - timezone.now()
        assert timedelta() < GRACE - until < timedelta(minutes=1)

    def test_an_object_that_became_private_is_removed_at_once(
        self, behind_cdn: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        publish(KEY)
        behind_cdn.put(entry(sound=b"sound"))
        Pin.objects.all().delete()
        behind_cdn.settle(record())
        behind_cdn.sweep()

        assert list(s3.objects(clips_bucket)) == [record().audio_file_path]

    def test_strays_are_objects_of_ours_that_nobody_knows(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tier.put(entry())
        stray = storage.object_name("private", OTHER, entry().checksum, "mp3", "gzip")
        for name in (stray, *FOREIGN):
            s3.client.put_object(Bucket=clips_bucket, Key=name, Body=b"sound")
        assert list(tier.strays()) == [], "it may have been named or left this very moment"

        monkeypatch.setattr(storage, "STRAY_AGE", -timedelta(minutes=1))
        assert list(tier.strays()) == [(stray, 5)]


class TestOtherPermanentTier:
    def test_a_remade_clip_leaves_the_other_permanent_tier(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        database = DatabaseTier()
        database.put(entry(sound=b"old"))
        tier.put(entry(sound=b"newer"))
        assert (database.get(KEY), ClipFile.objects.count()) == (None, 0)
        assert tier.get(KEY).audio == b"newer"  # type: ignore[union-attr]

        database.put(entry(sound=b"newest"))
        tier.sweep()
        assert (tier.get(KEY), s3.objects(clips_bucket)) == (None, {})
        assert database.get(KEY).audio == b"newest"  # type: ignore[union-attr]
        assert record().stored_in == PermanentStore.DATABASE

    def test_deleting_from_one_permanent_tier_leaves_the_other(self, tier: StorageTier) -> None:
        database = DatabaseTier()
        tier.put(entry())
        database.delete(KEY)
        assert tier.get(KEY) == entry()
        database.put(entry())
        tier.delete(KEY)
        assert database.get(KEY) == entry()


class TestOutage:
    def test_a_dead_bucket_is_waited_for_once(
        self, tier: StorageTier, s3: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1_000.0]
        store = Bucket(tier.bucket.name, now=lambda: now[0])
        tier = StorageTier(store)
        tier.put(entry())
        s3.kill()
        with pytest.raises(TierError, match="cannot be reached"):
            tier.get(KEY)
        with pytest.raises(TierError, match="a moment ago"):
            tier.get(KEY)
        with pytest.raises(TierError, match="a moment ago"):
            tier.put(entry())
        assert record().is_ready
        s3.start()
        with pytest.raises(TierError, match="a moment ago"):
            tier.get(KEY)
        now[0] += bucket_module.PAUSE_SECONDS
        assert tier.get(KEY) == entry()

    def test_other_requests_skip_a_dead_bucket_while_one_tries(self, clips_bucket: str) -> None:
        now = [1_000.0]
        store = Bucket(clips_bucket, now=lambda: now[0])
        store._pause()
        now[0] += bucket_module.PAUSE_SECONDS
        store._take_turn()

        with pytest.raises(TierError, match="a moment ago"):
            store.check()

    def test_a_clip_is_deleted_also_while_the_store_is_down(
        self, tier: StorageTier, s3: S3Server, clips_bucket: str
    ) -> None:
        tier.put(entry())
        tier.bucket._pause()
        tier.delete(KEY)
        assert not record().is_ready

        tier.bucket._down_until = 0.0
        tier.sweep()
        assert s3.objects(clips_bucket) == {}


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_hum_of_raw_sound_is_worth_packing(tier: StorageTier) -> None:
    tier.put(entry(sound=hum(1)))

    assert record().encoding == "gzip"
