"""Clips move to their place: by their pins, after an outage, and between the permanent tiers."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django_q.models import OrmQ

from harness.clips import KEY, OTHER, entry, hum
from harness.s3 import S3Server
from ttscache import tasks, wiring
from ttscache.api.stats import cache_stats
from ttscache.cache import SpeechCache
from ttscache.delivery.clip_urls import audio_path, published_address
from ttscache.errors import TierError
from ttscache.maintenance import relocation
from ttscache.models import Clip, ClipFile, Lease, PendingDeletion, PermanentStore, Pin
from ttscache.monitoring import health
from ttscache.pins import replace_pins
from ttscache.speech import SpeechRequest
from ttscache.tiers import bucket_marker
from ttscache.tiers.bucket import Bucket
from ttscache.tiers.database import DatabaseTier

pytestmark = pytest.mark.django_db

LIVE, SYSTEM, DRAFT = Pin.Reason.LIVE, Pin.Reason.SYSTEM, Pin.Reason.DRAFT
CDN = "https://cdn.example.org/"


@pytest.fixture(scope="module")
def store(emptied_bucket: str) -> Bucket:
    return Bucket(emptied_bucket)


@pytest.fixture
def cache(clips_bucket: str, store: Bucket, monkeypatch: pytest.MonkeyPatch) -> SpeechCache:
    """The cache of this process, which stores new clips in the bucket. Two clips are on record."""
    store._down_until = 0.0
    monkeypatch.setattr("ttscache.tiers.bucket.Bucket", lambda _: store)
    for content_hash in (KEY, OTHER):
        Clip.objects.create(
            content_hash=content_hash, content_text="x " * 20, voice="nova", content_type="question"
        )
    return wiring.speech_cache()


@pytest.fixture
def cdn(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "cdn_url": CDN}
    wiring.forget()


def record(content_hash: str = KEY) -> Clip:
    return Clip.objects.get(content_hash=content_hash)


def sides(s3: S3Server, bucket: str) -> list[str]:
    return [name.partition("/")[0] for name in s3.objects(bucket)]


class TestFinding:
    def test_a_clip_in_the_database_is_a_hit_for_a_site_with_a_bucket(self, cache: SpeechCache) -> None:
        DatabaseTier().put(entry())
        found = [cache.find(KEY) for _ in range(2)]
        for tier in cache.tiers.local:
            tier.delete(KEY)
        again = cache.find(KEY)

        assert [hit.tier for hit in (*found, again) if hit] == ["database", "memory", "database"]
        assert record().stored_in == PermanentStore.DATABASE

    def test_a_clip_in_the_bucket_is_a_hit_for_a_site_that_stores_in_the_database(
        self, cache: SpeechCache, settings: Any
    ) -> None:
        cache.tiers.permanent.put(entry())
        settings.TTSCACHE = {**settings.TTSCACHE, "permanent": "database"}
        wiring.forget()
        turned = wiring.speech_cache()

        assert [tier.name for tier in turned.tiers.all] == ["memory", "file", "database", "storage"]
        assert turned.find(KEY).tier == "storage"  # type: ignore[union-attr]

    def test_a_site_without_a_bucket_has_one_permanent_tier(self) -> None:
        assert [tier.name for tier in wiring.speech_cache().tiers.permanents] == ["database"]
        assert wiring.storage_tier() is None


class TestPins:
    def test_a_published_clip_moves_to_the_public_side_of_the_bucket(
        self, cache: SpeechCache, s3: S3Server, clips_bucket: str
    ) -> None:
        cache.tiers.permanent.put(entry())
        replace_pins({LIVE: {KEY}, SYSTEM: set()})
        assert OrmQ.objects.get().task["func"] == "ttscache.tasks.tend_clips"
        tasks.tend_clips()
        assert sides(s3, clips_bucket) == ["public"]

        replace_pins({LIVE: set(), SYSTEM: set()})  # recently live clips stay audible for a while
        tasks.tend_clips()
        assert sides(s3, clips_bucket) == ["public"]

        Pin.objects.all().delete()
        tasks.tend_clips()
        assert sides(s3, clips_bucket) == ["private"]
        assert not relocation.misplaced().exists()

    def test_no_move_is_queued_for_an_empty_bucket(self, cache: SpeechCache) -> None:
        DatabaseTier().put(entry())
        replace_pins({LIVE: {KEY}, SYSTEM: set()})

        assert not OrmQ.objects.exists()

    def test_the_heartbeat_looks_after_the_bucket_once_a_minute(self, cache: SpeechCache) -> None:
        tasks.heartbeat()
        tasks.heartbeat()

        assert [task.task["func"] for task in OrmQ.objects.all()] == ["ttscache.tasks.tend_clips"]

    def test_moves_wait_while_the_bucket_is_down(self, cache: SpeechCache, store: Bucket) -> None:
        cache.tiers.permanent.put(entry())
        Pin.objects.create(content_hash=KEY, reason=LIVE)
        store._pause()
        tasks.tend_clips()
        assert str(record().audio_file_path).startswith("private/")

        store._down_until = 0.0
        tasks.tend_clips()
        assert str(record().audio_file_path).startswith("public/")

    def test_a_packed_clip_is_unpacked_once_there_is_a_cdn(self, cache: SpeechCache, settings: Any) -> None:
        Pin.objects.create(content_hash=KEY, reason=LIVE)
        cache.tiers.permanent.put(entry(sound=bytes(20_000)))
        assert record().encoding == "gzip"
        settings.TTSCACHE = {**settings.TTSCACHE, "cdn_url": CDN}
        wiring.forget()
        tasks.tend_clips()

        assert published_address(record()) == f"{CDN}{record().audio_file_path}"
        assert wiring.speech_cache().tiers.permanent.get(KEY).audio == bytes(20_000)  # type: ignore[union-attr]


@pytest.mark.usefixtures("cdn")
class TestAddresses:
    def test_the_address_of_a_clip_on_the_cdn_is_its_cdn_url(self, cache: SpeechCache) -> None:
        Pin.objects.create(content_hash=KEY, reason=LIVE)
        cache.tiers.permanent.put(entry())

        assert published_address(record()) == f"{CDN}{record().audio_file_path}"

    def test_the_address_of_a_private_object_is_on_the_site(self, cache: SpeechCache) -> None:
        cache.tiers.permanent.put(entry())

        assert published_address(record()) == audio_path(KEY, "mp3", entry().checksum)

    def test_the_address_of_a_clip_in_the_database_or_not_made_is_on_the_site(
        self, cache: SpeechCache
    ) -> None:
        DatabaseTier().put(entry())

        assert published_address(record(KEY)) == audio_path(KEY, "mp3", entry().checksum)
        assert published_address(record(OTHER)) == audio_path(OTHER, "mp3")

    def test_the_address_of_an_object_that_was_lost_is_on_the_site(
        self, cache: SpeechCache, s3: S3Server, clips_bucket: str
    ) -> None:
        Pin.objects.create(content_hash=KEY, reason=LIVE)
        cache.tiers.permanent.put(entry())
        s3.lose(clips_bucket)
        assert cache.tiers.permanent.get(KEY) is None

        assert published_address(record()) == audio_path(KEY, "mp3")


class TestPushing:
    def test_clips_that_only_this_host_has_are_pushed_to_the_permanent_tier(self, cache: SpeechCache) -> None:
        for tier in cache.tiers.local:
            tier.put(entry())
        cache.tiers.local[0].put(entry(OTHER))

        assert relocation.push_missing() == 2
        assert relocation.push_missing() == 0
        assert cache.tiers.permanent.get(KEY) == entry()
        assert cache.tiers.permanent.get(OTHER) == entry(OTHER)

    def test_files_without_a_record_or_out_of_use_are_not_pushed(self, cache: SpeechCache) -> None:
        Clip.objects.filter(content_hash=KEY).update(is_active=False)
        for content_hash in (KEY, "a" * 32):
            cache.tiers.local[0].put(entry(content_hash))

        assert relocation.push_missing() == 0

    def test_a_clip_that_is_far_too_short_is_not_pushed(self, cache: SpeechCache) -> None:
        Clip.objects.filter(content_hash=KEY).update(content_text="Take all the time that you need for this.")
        cache.tiers.local[0].put(entry(duration_ms=100))

        assert relocation.push_missing() == 0
        assert cache.tiers.local[0].get(KEY) is None

    def test_a_persons_own_words_are_not_pushed(self, cache: SpeechCache) -> None:
        Clip.objects.update(content_type="response")
        cache.tiers.local[0].put(entry())

        assert relocation.push_missing() == 0


class TestMoving:
    @staticmethod
    def move(to: str, *options: str) -> str:
        out = StringIO()
        call_command("move_clips", "--to", to, *options, stdout=out, stderr=out)
        return out.getvalue()

    def test_clips_move_to_the_bucket_and_back(
        self, cache: SpeechCache, s3: S3Server, clips_bucket: str
    ) -> None:
        database = DatabaseTier()
        database.put(entry(sound=b"sound"))
        database.put(entry(OTHER, bytes(20_000)))
        made = record().stored_at

        assert "2/2 clips" in self.move("storage")
        assert (ClipFile.objects.count(), len(s3.objects(clips_bucket))) == (0, 2)
        assert cache.tiers.permanent.get(OTHER) == entry(OTHER, bytes(20_000))
        assert "2/2 clips" in self.move("database")
        assert (ClipFile.objects.count(), s3.objects(clips_bucket)) == (2, {})
        assert (database.get(KEY), database.get(OTHER)) == (entry(), entry(OTHER, bytes(20_000)))
        assert record().stored_at == made

    def test_a_delayed_deletion_spares_a_clip_that_was_moved_back(
        self, cache: SpeechCache, store: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.tiers.permanent.put(entry())
        remove = Bucket.delete

        def come_back_first(bucket: Bucket, name: str) -> None:
            with monkeypatch.context() as meanwhile:
                meanwhile.setattr(Bucket, "delete", lambda *_: None)
                self.move("storage")
            remove(bucket, name)

        with monkeypatch.context() as sweeping:
            sweeping.setattr(Bucket, "delete", come_back_first)
            self.move("database")

        assert record().stored_in == PermanentStore.STORAGE
        assert cache.tiers.permanent.get(KEY) == entry()

    def test_a_dry_run_of_a_move_reports_and_writes_nothing(self, cache: SpeechCache) -> None:
        DatabaseTier().put(entry())

        assert "1 clips to move from database to storage: 5\xa0bytes." in self.move("storage", "--dry-run")
        assert record().stored_in == PermanentStore.DATABASE

    def test_a_move_says_when_new_clips_are_stored_elsewhere(self, cache: SpeechCache) -> None:
        assert "TTS_PERMANENT=storage still sends" in self.move("database")
        assert "TTS_PERMANENT" not in self.move("storage")

    def test_an_adopted_clip_is_examined_on_the_way_and_a_broken_one_stays(self, cache: SpeechCache) -> None:
        speech = SpeechRequest(text="Yes.", voice="nova", model="m", audio_format="pcm")
        adopted = Clip.objects.record(speech, "question")
        for clip, sound in ((adopted, hum(2)), (record(), b"<html>")):
            ClipFile.objects.create(cache=clip, file_data=sound, file_size=len(sound))
        Clip.objects.exclude(content_hash=OTHER).update(
            stored_at="2026-01-01T00:00:00Z", audio_file_path="x.mp3"
        )
        for _ in range(2):
            with pytest.raises(CommandError, match="1 clips could not be moved"):
                self.move("storage")

        adopted.refresh_from_db()
        assert (adopted.stored_in, adopted.duration_ms) == ("storage", 2_000)
        assert cache.tiers.permanent.get(adopted.content_hash).audio == hum(2)  # type: ignore[union-attr]
        assert bytes(record().file.file_data) == b"<html>"
        assert (record().stored_in, record().audio_file_path, record().is_ready) == (
            "database",
            "x.mp3",
            True,
        )

    def test_a_persons_own_words_are_not_moved(self, cache: SpeechCache) -> None:
        DatabaseTier().put(entry())
        Clip.objects.update(content_type="response")

        assert "1 clips of a person's own words stay" in self.move("storage")
        assert record().stored_in == PermanentStore.DATABASE

    def test_a_clip_that_is_made_anew_meanwhile_keeps_its_new_sound(
        self, cache: SpeechCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = DatabaseTier()
        database.put(entry(sound=b"old"))
        read = DatabaseTier.read

        def made_anew_after(tier: DatabaseTier, clip: Clip) -> Any:
            found = read(tier, clip)
            if found and found.audio == b"old":
                database.put(entry(sound=b"newer"))
            return found

        monkeypatch.setattr(DatabaseTier, "read", made_anew_after)
        self.move("storage")

        assert cache.tiers.permanent.get(KEY).audio == b"newer"  # type: ignore[union-attr]

    def test_a_move_verifies_the_bytes_and_removes_a_bad_copy(
        self, cache: SpeechCache, store: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        DatabaseTier().put(entry())
        monkeypatch.setattr("ttscache.maintenance.relocation.time.sleep", lambda _: None)
        get = store.get
        monkeypatch.setattr(store, "get", lambda name: b"other" if name.startswith("private/") else get(name))
        with pytest.raises(CommandError, match="other bytes than it was given"):
            self.move("storage")

        assert DatabaseTier().get(KEY) == entry()
        assert PendingDeletion.objects.count() == relocation.ATTEMPTS  # the sweep deletes each in an hour

    def test_a_move_without_a_bucket_names_the_settings(self) -> None:
        with pytest.raises(CommandError, match="AWS_STORAGE_BUCKET_NAME"):
            self.move("storage")


def test_compression_figures_compare_audio_bytes_with_stored_bytes(cache: SpeechCache) -> None:
    assert cache_stats()["compression"] == {"clips": 0, "saved_bytes": 0}
    DatabaseTier("gzip").put(entry(sound=bytes(20_000)))
    cache.tiers.permanent.put(entry(OTHER))

    saved = 20_000 - ClipFile.objects.get().file_size
    assert cache_stats()["compression"] == {"clips": 1, "saved_bytes": saved}


def test_readiness_looks_at_the_bucket(cache: SpeechCache, store: Bucket) -> None:
    def permanent_tier() -> health.Part:
        return next(part for part in health.parts() if part.name == "permanent tier")

    assert permanent_tier().detail == f"storage, bucket {store.name}"
    wiring.storage_tier()._is_marked = False  # type: ignore[union-attr]
    store.put(bucket_marker.NAME, b"another", {})
    assert not permanent_tier().is_ready
    assert "another database" in permanent_tier().detail
    store._pause()
    assert "a moment ago" in permanent_tier().detail


def test_a_tier_that_is_away_is_waited_for(
    cache: SpeechCache, store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    DatabaseTier().put(entry())
    store._pause()
    pauses: list[float] = []

    def come_back(seconds: float) -> None:
        pauses.append(seconds)
        store._down_until = 0.0

    monkeypatch.setattr("ttscache.maintenance.relocation.time.sleep", come_back)
    TestMoving.move("storage")
    assert (record().stored_in, len(pauses)) == (PermanentStore.STORAGE, 1)
    store._pause()
    with pytest.raises(TierError):
        cache.tiers.permanent.get(KEY)


@pytest.mark.django_db(transaction=True)
def test_upkeep_is_due_once_a_minute_for_all_hosts_and_needs_no_redis(settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert [relocation.start_tending_turn() for _ in range(3)] == [True, False, False]
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    assert relocation.start_tending_turn()
