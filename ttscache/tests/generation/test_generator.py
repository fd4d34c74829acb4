from __future__ import annotations

import gc
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import wait
from datetime import timedelta
from types import TracebackType

import pytest
from django.db import connection
from django.db.models.functions import Now

from harness.clips import hum, speech, spoken
from harness.fake_voice import FakeVoice, free_ledger
from harness.statements import recorded_statements
from harness.waiting import wait_until
from ttscache.cache import ClipInTheMaking, GenerationJob, Hit, SpeechCache
from ttscache.connections import OrmThreadPool
from ttscache.coordination import hosts
from ttscache.coordination.leases import HeldLease, Leases, end_cooldowns
from ttscache.errors import (
    BrokenAudio,
    Busy,
    Fault,
    KeyRefused,
    ProviderDown,
    ProviderError,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
    StoreUnavailable,
    TextRefused,
    Throttled,
    TierError,
)
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW
from ttscache.generation.recording import Recording
from ttscache.generation.synthesizer import ProviderCall, Synthesizer
from ttscache.maintenance.stale import stale_clips
from ttscache.models import Clip, ClipFile, Lease, Pin, Spending
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.tiers.chain import TierChain
from ttscache.tiers.database import DatabaseTier
from ttscache.tiers.files import FileTier
from ttscache.tiers.memory import MemoryTier

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_pauses")]


@pytest.fixture
def voice() -> FakeVoice:
    return FakeVoice()


made: list[SpeechCache] = []


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    yield
    while made:
        cache = made.pop()
        cache.finish_recordings(5)
        cache.leases.close()


def cache_of(voice: FakeVoice, tmp_path: object, lease_seconds: float = 5) -> SpeechCache:
    ledger = free_ledger()
    cache = SpeechCache(
        tiers=TierChain(
            local=[MemoryTier(10_000_000), FileTier(tmp_path / "files", 100_000_000)],  # type: ignore[operator]
            permanent=DatabaseTier(),
        ),
        synthesizer=Synthesizer(voice, ledger),
        leases=Leases(lease_seconds),
        ledger=ledger,
    )
    made.append(cache)
    return cache


@pytest.fixture
def cache(voice: FakeVoice, tmp_path: object) -> SpeechCache:
    return cache_of(voice, tmp_path)


def play(cache: SpeechCache, request: SpeechRequest) -> Entry:
    found = cache.get_or_generate(GenerationJob(request, "question"))
    return found.entry if isinstance(found, Hit) else found.recording.result()


def tier_of(cache: SpeechCache, request: SpeechRequest) -> str:
    found = cache.find(request.content_hash)
    return found.tier if found else ""


def test_a_generated_text_is_stored_in_every_tier(cache: SpeechCache, voice: FakeVoice) -> None:
    assert play(cache, speech()).audio == spoken(speech())
    assert play(cache, speech()).audio == spoken(speech())
    assert len(voice.calls) == 1
    assert all(tier.get(speech().content_hash) for tier in cache.tiers.all)


def test_a_hit_refills_the_faster_tiers(cache: SpeechCache) -> None:
    play(cache, speech())
    for tier in cache.tiers.local:
        tier.delete(speech().content_hash)

    assert [tier_of(cache, speech()) for _ in range(2)] == ["database", "memory"]
    cache.tiers.local[0].delete(speech().content_hash)
    assert [tier_of(cache, speech()) for _ in range(2)] == ["file", "memory"]


def test_a_clip_found_in_the_permanent_tier_refills_every_local_one(cache: SpeechCache) -> None:
    play(cache, speech())
    for tier in cache.tiers.local:
        tier.delete(speech().content_hash)

    found = cache.find_permanent(speech().content_hash)
    assert found is not None and found.tier == "database"
    assert all(tier.get(speech().content_hash) for tier in cache.tiers.local)


def test_a_clip_made_by_another_host_is_stored_in_the_local_tiers(
    cache: SpeechCache, voice: FakeVoice, tmp_path: object
) -> None:
    another = cache_of(voice, tmp_path / "another")  # type: ignore[operator]
    play(another, speech())

    # This host looked before the other one stored the clip, so it acquires the lease and then finds it.
    making = cache.generate(GenerationJob(speech(), "question"))
    making.recording.result()
    assert all(tier.get(speech().content_hash) for tier in cache.tiers.local)
    assert len(voice.calls) == 1


def test_a_clip_that_only_this_host_has_is_promoted_without_a_call(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    """A process of the cluster has such a clip until it notices that another process has pruned it."""
    play(cache, speech())
    Clip.objects.all().delete()

    assert play(cache, speech()).audio == spoken(speech())
    assert Clip.objects.get().is_ready and cache.tiers.permanent.get(speech().content_hash)
    assert len(voice.calls) == 1


def test_a_request_during_a_generation_joins_it(cache: SpeechCache, voice: FakeVoice) -> None:
    voice.may_go_on.clear()
    first, second = (cache.get_or_generate(GenerationJob(speech(), "question")) for _ in range(2))
    assert isinstance(first, ClipInTheMaking) and isinstance(second, ClipInTheMaking)
    first.recording.wait_for_sound()
    voice.may_go_on.set()

    assert first.recording is second.recording
    assert (first.outcome, second.outcome) == ("generated", "collapsed")
    assert second.recording.result().audio == spoken(speech())


def test_a_request_that_waits_behind_another_holds_no_connection(
    cache: SpeechCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)  # as where there is a pool
    name = speech().content_hash

    def wait_behind() -> bool:
        Clip.objects.exists()
        with cache.behind_first(name) as is_behind:
            return is_behind and connection.connection is None

    with OrmThreadPool(1) as threads:
        with cache.behind_first(name):
            waiting = threads.submit(wait_behind)
            assert not wait([waiting], timeout=0.2).done
        assert waiting.result(timeout=30)


def test_two_caches_over_one_database_pay_for_a_clip_once(
    cache: SpeechCache, voice: FakeVoice, tmp_path: object
) -> None:
    voice.may_go_on.clear()
    other_voice = FakeVoice()
    other = cache_of(other_voice, tmp_path)
    leading = cache.generate(GenerationJob(speech(), "question"))
    leading.recording.wait_for_sound()
    following = other.generate(GenerationJob(speech(), "question"))
    voice.may_go_on.set()

    assert following.recording.result().audio == leading.recording.result().audio
    assert (len(voice.calls), len(other_voice.calls)) == (1, 0)
    assert following.outcome == "collapsed"


def test_a_follower_takes_over_when_the_lease_runs_out(cache: SpeechCache, voice: FakeVoice) -> None:
    dead = Leases(0.2)
    Clip.objects.record(speech(), "question")
    held = dead.acquire(speech().content_hash)
    assert held
    dead.close()  # stands for a killed process: nobody renews the lease

    assert play(cache, speech()).audio == spoken(speech())


def test_a_follower_learns_why_the_leader_failed(
    cache: SpeechCache, voice: FakeVoice, tmp_path: object
) -> None:
    voice.may_go_on.clear()
    voice.breaks_off = ProviderFailed()
    other_voice = FakeVoice()
    leading = cache.generate(GenerationJob(speech(), "question"))
    leading.recording.wait_for_sound()
    following = cache_of(other_voice, tmp_path).generate(GenerationJob(speech(), "question"))
    threading.Event().wait(
        0.3
    )  # by now it follows; if it starts its own call instead, the result is equally right
    voice.may_go_on.set()

    with pytest.raises(ProviderFailed):
        leading.recording.result()
    try:
        assert following.recording.result().audio == spoken(speech())
        assert len(other_voice.calls) == 1
    except ProviderError:
        assert other_voice.calls == []


def test_a_broken_off_generation_stores_nothing(cache: SpeechCache, voice: FakeVoice) -> None:
    voice.may_go_on.clear()
    voice.breaks_off = ProviderFailed()
    recording = cache.generate(GenerationJob(speech(), "question")).recording
    recording.wait_for_sound()
    voice.may_go_on.set()
    with pytest.raises(ProviderFailed):
        recording.result()

    assert tier_of(cache, speech()) == ""
    assert len(voice.calls) == 1, "a byte was heard, so it is not tried again"
    voice.breaks_off = None
    assert play(cache, speech()).audio == spoken(speech())


@pytest.mark.parametrize("bad", [b"", b"<html>busy</html>", hum(3, level=0), hum(0.2)])
def test_an_incomplete_clip_is_never_stored(cache: SpeechCache, voice: FakeVoice, bad: bytes) -> None:
    voice.audio = bad
    with pytest.raises(BrokenAudio):
        play(cache, speech())

    assert tier_of(cache, speech()) == ""
    assert not ClipFile.objects.exists()


def test_a_failure_before_the_first_byte_is_retried(tmp_path: object) -> None:
    voice = FakeVoice(errors=[ProviderUnavailable(), ProviderFailed()])

    assert play(cache_of(voice, tmp_path), speech()).audio == spoken(speech())
    assert len(voice.calls) == 3


@pytest.mark.parametrize("error", [TextRefused(), KeyRefused(), ProviderUnavailable(retry_after_seconds=60)])
def test_a_permanent_failure_is_not_retried(tmp_path: object, error: ProviderError) -> None:
    voice = FakeVoice(errors=[error])

    with pytest.raises(type(error)):
        play(cache_of(voice, tmp_path), speech())
    assert len(voice.calls) == 1


def test_a_clip_that_nobody_has_heard_yet_is_made_again_when_it_comes_out_broken(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    voice.breaks_off, voice.break_off_calls = BrokenAudio("cut short"), 1

    assert play(cache, speech()).audio == spoken(speech())
    assert len(voice.calls) == 2


def test_a_text_that_the_provider_refuses_is_not_offered_again(tmp_path: object) -> None:
    voice = FakeVoice(errors=[TextRefused()])
    cache = cache_of(voice, tmp_path)
    counted: list[int] = []
    for _ in range(3):
        with pytest.raises(TextRefused):
            found = cache.get_or_generate(
                GenerationJob(speech(), "question"), before_start=lambda: counted.append(1)
            )
            assert isinstance(found, ClipInTheMaking)
            found.recording.result()
    assert (len(voice.calls), len(counted)) == (1, 1)

    Lease.objects.update(until=Now())  # ten minutes later
    assert play(cache, speech()).audio == spoken(speech())


class TestBrokenText:
    """Some voices answer "…" with silence, and each attempt costs money."""

    CALLS = 2  # the second refusal for the same fault is the last one

    @pytest.fixture(autouse=True)
    def broken(self, voice: FakeVoice) -> None:
        voice.audio = b""

    def ask(self, cache: SpeechCache, text: str = "…") -> None:
        with pytest.raises(ProviderFailed):
            play(cache, speech(text))

    def test_a_broken_text_is_not_paid_for_at_each_request(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        for _ in range(3):
            self.ask(cache)
        assert len(voice.calls) == self.CALLS

    def test_other_processes_know_of_a_broken_text(
        self, cache: SpeechCache, voice: FakeVoice, tmp_path: object
    ) -> None:
        self.ask(cache)
        other_voice = FakeVoice()
        self.ask(cache_of(other_voice, tmp_path))
        assert other_voice.calls == []

    def test_a_broken_text_may_be_retried_after_ten_minutes(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        self.ask_and_leave(cache, voice)
        assert Lease.objects.filter(until__gt=Now() + timedelta(minutes=9)).count() == 1
        assert not Lease.objects.filter(until__gt=Now() + timedelta(minutes=11)).exists()
        ten_minutes_pass()
        voice.audio = None
        assert play(cache, speech("…")).audio

    def test_a_text_refused_twice_for_one_fault_waits_until_staff_ask(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        self.ask(cache)
        ten_minutes_pass()
        hosts.forget_the_dead()
        assert Lease.objects.filter(until__gt=Now() + timedelta(days=10_000)).count() == 1
        self.ask(cache)
        assert len(voice.calls) == self.CALLS

    def test_a_refusal_before_an_earlier_restart_counts_as_the_first(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        self.ask_and_leave(cache, voice)
        ten_minutes_pass()
        hosts.forget_the_dead()
        self.ask(cache)
        assert len(voice.calls) == 2
        ten_minutes_pass()
        self.ask(cache)
        assert len(voice.calls) == 2

    def test_refusals_for_different_faults_have_three_tries(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        voice.errors = [BrokenAudio(kind=kind) for kind in (Fault.PACE, Fault.SILENCE, Fault.PACE)]
        self.ask(cache)
        assert len(voice.calls) == 3
        assert Lease.objects.get().error == "broken_audio:pace"

    def test_a_failure_of_the_network_between_two_refusals_changes_nothing(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        voice.errors = [BrokenAudio(kind=Fault.PACE), ProviderUnavailable(), BrokenAudio(kind=Fault.PACE)]
        self.ask(cache)
        assert Lease.objects.get().error == "broken_audio_again:pace"

    def ask_and_leave(self, cache: SpeechCache, voice: FakeVoice) -> None:
        """Hear the first bytes of a broken clip, so that it cannot be tried again at once."""
        voice.audio = b"\0\0" * 4_000
        playing = cache.get_or_generate(GenerationJob(speech("…"), "question"))
        assert isinstance(playing, ClipInTheMaking)
        with pytest.raises(BrokenAudio):
            b"".join(playing.recording.chunks())
        assert len(voice.calls) == 1

    def test_a_broken_text_is_tried_once_more_when_staff_ask(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        self.ask(cache)
        end_cooldowns([speech("…").content_hash])
        voice.calls.clear()
        for _ in range(2):
            self.ask(cache)
        assert len(voice.calls) == 1
        assert Lease.objects.filter(until__gt=Now() + timedelta(days=10_000)).count() == 1

    def test_a_clip_that_waits_for_staff_may_be_pruned(self, cache: SpeechCache) -> None:
        self.ask(cache)
        Clip.objects.update(last_accessed_at=Now() - timedelta(days=91))
        assert stale_clips(90).count() == 1

    def test_a_broken_text_does_not_open_the_circuit(self, cache: SpeechCache, voice: FakeVoice) -> None:
        for _ in range(2 * FAILURES_IN_A_ROW):
            self.ask(cache)
            Lease.objects.all().delete()
        voice.audio = None
        assert play(cache, speech("Something else.")).audio

    def test_several_different_broken_texts_open_the_circuit(
        self, cache: SpeechCache, voice: FakeVoice
    ) -> None:
        voice.is_in_good_health = False
        for number in range(FAILURES_IN_A_ROW):
            self.ask(cache, f"Text number {number}.")
        with pytest.raises(ProviderDown):
            play(cache, speech("Something else."))


def ten_minutes_pass() -> None:
    Lease.objects.filter(until__lt=Now() + timedelta(days=1)).update(until=Now() - timedelta(hours=2))


@pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderTimeout(), ProviderFailed(), KeyRefused()])
def test_a_network_error_is_never_remembered(tmp_path: object, error: ProviderError) -> None:
    voice = FakeVoice(errors=[error] * 3)
    cache = cache_of(voice, tmp_path)
    with pytest.raises(ProviderError):
        play(cache, speech())

    voice.errors.clear()
    assert play(cache, speech()).audio == spoken(speech())


def test_requests_during_an_outage_do_not_count_for_the_throttle(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    voice.is_in_good_health = False
    for _ in range(FAILURES_IN_A_ROW):
        cache.synthesizer.circuit.count(ProviderUnavailable())
    with pytest.raises(ProviderDown):
        play(cache, speech())  # this request finds the provider down
    with pytest.raises(ProviderDown):
        cache.get_or_generate(
            GenerationJob(speech(), "question"), before_start=lambda: pytest.fail("it was counted")
        )


def test_a_voice_that_does_not_stream_is_asked_again_for_a_broken_clip(tmp_path: object) -> None:
    voice = FakeVoice(is_streaming=False)
    voice.audio = b""
    with pytest.raises(BrokenAudio):
        play(cache_of(voice, tmp_path), speech())

    assert len(voice.calls) == 2


def test_a_throttle_stops_a_new_recording_but_never_a_joined_one(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    def refuse() -> None:
        raise Throttled

    with pytest.raises(Throttled):
        cache.get_or_generate(GenerationJob(speech(), "question"), before_start=refuse)
    voice.may_go_on.clear()
    cache.get_or_generate(GenerationJob(speech(), "question"))
    joined = cache.get_or_generate(GenerationJob(speech(), "question"), before_start=refuse)
    voice.may_go_on.set()
    assert isinstance(joined, ClipInTheMaking) and joined.is_joined


def test_a_generation_without_a_free_thread_is_tried_anew_by_the_next_request(
    cache: SpeechCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(Busy):
            cache.get_or_generate(GenerationJob(speech(), "question"))

    assert play(cache, speech()).audio == spoken(speech())


def test_failed_generations_leave_no_object_in_memory(
    cache: SpeechCache, voice: FakeVoice, caplog: pytest.LogCaptureFixture
) -> None:
    """A process lives for months, and each of these texts is new."""
    caplog.set_level(logging.CRITICAL, "ttscache")  # pytest keeps the lines of a log, and they the errors
    # A refused text shows that the provider works, so the circuit stays closed. The last one: a broken clip.
    failures = (ProviderTimeout, TextRefused, ProviderFailed, TextRefused, None)

    def fail(rounds: int) -> Counter[str]:
        for error in failures * rounds:
            voice.errors = [error() for _ in range(3)] if error else []
            voice.audio = None if error else b"no sound"
            with pytest.raises(SpeechError):
                play(cache, speech(f"The text of {uuid.uuid4().hex}."))
        voice.calls.clear()
        voice.errors.clear()
        wait_until(lambda: "recording" not in [each.name for each in threading.enumerate()], "all recordings")
        gc.collect()
        kinds = (Recording, ProviderCall, HeldLease, SpeechRequest, BaseException, TracebackType)
        return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds))

    before = fail(rounds=1)

    assert fail(rounds=3) == before


def test_a_process_that_ends_breaks_off_late_recordings_and_records_their_calls(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    voice.may_go_on.clear()
    making = cache.generate(GenerationJob(speech(), "question"))
    making.recording.wait_for_sound()
    cache.finish_recordings(0.05)
    with pytest.raises(ProviderTimeout):
        making.recording.result()
    voice.may_go_on.set()
    cache.ledger.flush()

    assert Spending.objects.get().cost_microusd == len(speech().text) * 30


def test_a_persons_own_words_leave_no_trace(cache: SpeechCache, voice: FakeVoice) -> None:
    assert cache.generate_privately(speech("My own words.")).recording.result().audio

    assert not Clip.objects.exists()
    assert [list(tier.entries()) for tier in cache.tiers.all] == [[], [], []]


class Full(MemoryTier):
    """A tier that stores nothing."""

    name = "full"

    def put(self, entry: Entry) -> None:
        raise TierError("no room")

    def read(self, clip: Clip) -> Entry | None:
        return None

    def has_bytes(self, clip: Clip) -> bool:
        return False

    def take_over(self, clip: Clip, entry: Entry) -> bool:
        raise TierError("no room")


def test_a_clip_that_no_tier_stored_does_not_count_as_cached(voice: FakeVoice, tmp_path: object) -> None:
    ledger = free_ledger()
    cache = SpeechCache(
        tiers=TierChain(local=[MemoryTier(1)], permanent=Full(1)),
        synthesizer=Synthesizer(voice, ledger),
        leases=Leases(5),
        ledger=ledger,
    )
    made.append(cache)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            play(cache, speech())
    assert len(voice.calls) == 1, "it is not paid for again and again"


def test_a_generated_clip_is_stored_in_the_other_permanent_tier_during_an_outage(
    voice: FakeVoice, tmp_path: object
) -> None:
    def cache_without_bucket(folder: str) -> SpeechCache:
        ledger = free_ledger()
        cache = SpeechCache(
            tiers=TierChain(
                local=[MemoryTier(10_000_000), FileTier(tmp_path / folder, 100_000_000)],  # type: ignore[operator]
                permanent=Full(1),
                elsewhere=[DatabaseTier()],
            ),
            synthesizer=Synthesizer(voice, ledger),
            leases=Leases(5),
            ledger=ledger,
        )
        made.append(cache)
        return cache

    assert play(cache_without_bucket("one"), speech()).audio == spoken(speech())
    assert play(cache_without_bucket("other"), speech()).audio == spoken(speech())
    assert len(voice.calls) == 1


def test_a_broken_tier_is_skipped(cache: SpeechCache, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryTier):
        name = "broken"

        def get(self, content_hash: str) -> Entry | None:
            raise TierError("out of order")

        def put(self, entry: Entry) -> None:
            raise TierError("out of order")

    cache.tiers.local = (Broken(1), *cache.tiers.local)

    assert play(cache, speech()).audio == spoken(speech())
    assert tier_of(cache, speech()) == "memory"
    assert "out of order" in caplog.text


def test_a_published_clip_is_stored_as_published(cache: SpeechCache) -> None:
    Pin.objects.create(content_hash=speech().content_hash, reason=Pin.Reason.LIVE)

    assert play(cache, speech()).is_published
    assert cache.find_published(speech().content_hash).entry.is_published  # type: ignore[union-attr]


def test_the_ledger_has_every_provider_call(tmp_path: object) -> None:
    cache = cache_of(FakeVoice(errors=[ProviderUnavailable()]), tmp_path)
    play(cache, speech())
    cache.ledger.flush()

    counted = {row.outcome: (row.calls, row.cost_microusd) for row in Spending.objects.all()}
    assert counted == {"provider_unavailable": (1, 0), "ok": (1, len(speech().text) * 30)}


def test_a_clip_of_a_voice_that_is_not_in_use_is_not_made_with_another(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    with pytest.raises(ProviderUnavailable):
        play(cache, speech(model="embedded"))
    assert voice.calls == []


def statements_of_a_miss(cache: SpeechCache, job: GenerationJob) -> list[str]:
    with recorded_statements() as statements:
        cache.generate(job).recording.result()
    return statements


def test_a_miss_takes_eight_statements(cache: SpeechCache) -> None:
    """The statements are: lease, record, second look, lock, bytes, facts, release, publicity."""
    statements = statements_of_a_miss(cache, GenerationJob(speech(), "question"))
    assert len(statements) <= 8, "\n".join(statements)


def test_a_miss_whose_record_was_already_touched_takes_seven_statements(cache: SpeechCache) -> None:
    Clip.objects.record(speech(), "question")
    statements = statements_of_a_miss(cache, GenerationJob(speech(), "question", is_on_record=True))
    assert len(statements) <= 7, "\n".join(statements)


def test_a_published_clip_in_memory_or_files_is_found_without_a_query(
    cache: SpeechCache, django_assert_num_queries: object
) -> None:
    Pin.objects.create(content_hash=speech().content_hash, reason=Pin.Reason.LIVE)
    play(cache, speech())
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert cache.find_published(speech().content_hash)
