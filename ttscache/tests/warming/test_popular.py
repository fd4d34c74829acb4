from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from harness.clips import entry
from harness.fake_voice import FakeVoice
from ttscache import tasks
from ttscache.access import Access
from ttscache.cache import SpeechCache
from ttscache.delivery.playback import load_for_playback
from ttscache.models import Clip, ContentType, DailyRequests, Pin, WarmItem, WarmRun
from ttscache.renditions.current import request_for
from ttscache.speech import SpeechRequest
from ttscache.tiers.files import FileTier
from ttscache.warming import worker
from ttscache.warming.popular import (
    FETCHED_AT_ONCE,
    PopularReflection,
    keep_at_hand,
    make_popular,
    most_requested,
)
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]

MORNINGS = "It sounds as though those mornings stayed with you."
HARBOUR = "The harbour was where your life took a turn."
PRIVATE = "Rosa was the one you trusted."


@pytest.fixture(autouse=True)
def _house_rendition(settings: Any) -> None:
    """The settings name the rendition that the fake voice speaks."""
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "k",
        "audio_format": "pcm",
    }


def house(text: str, voice: str = "nova") -> SpeechRequest:
    return request_for(text, voice)


def access_to(content_hash: str) -> Access:
    record = load_for_playback(content_hash, hidden_too=True)
    assert record is not None
    return record.access


def record_requests(
    request: SpeechRequest,
    requests: int,
    *,
    days_ago: int = 0,
    kind: str = ContentType.ANALYSIS,
    is_shareable: bool = True,
) -> None:
    clip = Clip.objects.record(request, kind)
    Clip.objects.filter(pk=clip.pk).update(is_shareable=is_shareable)
    day = timezone.now().date() - timedelta(days=days_ago)
    DailyRequests.objects.create(content_hash=request.content_hash, day=day, requests=requests)


def held() -> set[str]:
    return set(Pin.objects.filter(reason=Pin.Reason.POPULAR).values_list("content_hash", flat=True))


def hashes(*texts: str) -> set[str]:
    return {house(text, voice).content_hash for text in texts for voice in ("nova", "onyx")}


def run_nightly_task() -> None:
    tasks.make_popular_reflections()
    worker.work(seconds=20)


class TestFindingPopularReflections:
    def test_popular_reflections_are_ranked_by_requests(self) -> None:
        for voice in ("nova", "onyx", "sage", "echo", "fable"):
            record_requests(house(MORNINGS, voice), 2)
        record_requests(house(HARBOUR), 11)

        assert most_requested() == [PopularReflection(HARBOUR, 11), PopularReflection(MORNINGS, 10)]

    def test_requests_of_a_reflection_add_up_over_voices_renditions_and_days(self) -> None:
        record_requests(house(MORNINGS), 3, days_ago=29)
        record_requests(house(MORNINGS, "onyx"), 4)
        record_requests(SpeechRequest(text=MORNINGS, voice="nova", model="tts-1", audio_format="opus"), 5)
        record_requests(house(HARBOUR), 11)

        assert most_requested() == [PopularReflection(MORNINGS, 12), PopularReflection(HARBOUR, 11)]

    def test_popular_reflections_are_counted_in_a_moving_window(self) -> None:
        record_requests(house(MORNINGS), 100, days_ago=30)
        record_requests(house(HARBOUR), 1, days_ago=29)

        assert [reflection.text for reflection in most_requested()] == [HARBOUR]
        assert [reflection.text for reflection in most_requested(days=31)] == [MORNINGS, HARBOUR]

    def test_private_reflections_are_never_popular(self) -> None:
        record_requests(house(PRIVATE), 100, is_shareable=False)
        record_requests(house(MORNINGS), 1)

        assert most_requested() == [PopularReflection(MORNINGS, 1)]

    def test_only_reflections_can_be_popular(self) -> None:
        for kind in (ContentType.NARRATIVE, ContentType.QUESTION, ContentType.RESPONSE):
            record_requests(house(f"This is a {kind}."), 100, kind=kind)

        assert most_requested() == []

    def test_popular_reflections_are_limited_and_ties_have_one_order(self) -> None:
        for number in (3, 1, 2, 0):
            record_requests(house(f"Reflection {number}."), 7)

        assert [reflection.text[-2] for reflection in most_requested(limit=3)] == ["0", "1", "2"]

    def test_finding_popular_reflections_takes_one_query(self, django_assert_num_queries: Any) -> None:
        record_requests(house(MORNINGS), 1)
        with django_assert_num_queries(1):
            most_requested()


class TestNightlyRun:
    def test_popular_reflections_are_made_once_in_every_listener_voice(self, voice: FakeVoice) -> None:
        record_requests(house(MORNINGS), 3)
        record_requests(house(HARBOUR, "onyx"), 2)
        run_nightly_task()

        assert sorted((call.text, call.voice) for call in voice.calls) == sorted(
            (text, speaker) for text in (MORNINGS, HARBOUR) for speaker in ("nova", "onyx")
        )
        assert set(Clip.objects.with_audio().values_list("content_hash", flat=True)) == hashes(
            MORNINGS, HARBOUR
        )

    def test_a_second_nightly_run_pays_nothing(self, voice: FakeVoice) -> None:
        record_requests(house(MORNINGS), 3)
        run_nightly_task()
        run_nightly_task()

        assert len(voice.calls) == 2
        assert WarmRun.objects.count() == 1

    def test_no_nightly_run_starts_without_popular_reflections(self) -> None:
        run_nightly_task()

        assert not WarmRun.objects.exists()

    def test_the_nightly_run_names_itself_and_uses_the_slow_lane(self) -> None:
        record_requests(house(MORNINGS), 3)
        run = make_popular()

        assert run is not None
        assert (run.scope, run.requested_by) == ("popular reflections", "schedule")
        assert set(run.items.values_list("lane", flat=True)) == {2}

    def test_the_nightly_run_marks_clips_as_shareable_before_they_are_made(self, voice: FakeVoice) -> None:
        record_requests(house(MORNINGS), 3)
        record_requests(house(MORNINGS, "onyx"), 1, kind=ContentType.NARRATIVE, is_shareable=False)
        make_popular()

        assert voice.calls == []
        assert set(Clip.objects.values_list("is_shareable", flat=True)) == {True}

    def test_the_nightly_run_never_touches_private_reflections(
        self, voice: FakeVoice, caplog: pytest.LogCaptureFixture
    ) -> None:
        record_requests(house(PRIVATE), 100, is_shareable=False)
        record_requests(house(MORNINGS), 1)
        before = Clip.objects.filter(content_text=PRIVATE).values().get()
        run_nightly_task()

        assert Clip.objects.filter(content_text=PRIVATE).values().get() == before
        assert not WarmItem.objects.filter(clip__content_text=PRIVATE).exists()
        assert held() == hashes(MORNINGS)
        assert PRIVATE not in caplog.text + str([call.text for call in voice.calls])

    def test_a_persons_own_words_stay_private_even_if_a_popular_reflection_has_equal_words(
        self, voice: FakeVoice
    ) -> None:
        record_requests(house(MORNINGS), 3)
        own = house(MORNINGS, "onyx")
        record_requests(own, 1, kind=ContentType.RESPONSE, is_shareable=False)
        run_nightly_task()

        assert [call.voice for call in voice.calls] == ["nova"]
        assert not Clip.objects.get(content_hash=own.content_hash).is_shareable

    def test_exactly_the_popular_reflections_are_pinned(self) -> None:
        record_requests(house(MORNINGS), 3)
        run_nightly_task()
        assert held() == hashes(MORNINGS)
        DailyRequests.objects.update(day=timezone.now().date() - timedelta(days=31))
        record_requests(house(HARBOUR), 2)
        run_nightly_task()

        assert held() == hashes(HARBOUR)
        assert not Pin.objects.exclude(reason=Pin.Reason.POPULAR).exists()

    def test_a_popular_reflection_is_no_more_public_than_before(self) -> None:
        record_requests(house(MORNINGS), 3)
        run_nightly_task()
        content_hash = house(MORNINGS).content_hash
        assert access_to(content_hash) is Access.AUDIBLE
        Clip.objects.update(is_shareable=False)

        assert not Pin.objects.published().exists()
        assert access_to(house(MORNINGS, "onyx").content_hash) is Access.RESTRICTED

    def test_the_nightly_run_is_scheduled_at_2_41_and_never_at_once(self) -> None:
        migration = import_module("ttscache.migrations.0005_schedules")
        migration.schedule_tasks(apps, None)
        schedule = Schedule.objects.get(name="frequent reflections")

        assert import_string(schedule.func) is tasks.make_popular_reflections
        assert (schedule.schedule_type, schedule.cron) == (Schedule.CRON, "41 2 * * *")
        assert (schedule.next_run.hour, schedule.next_run.minute) == (2, 41)
        assert datetime.now(UTC) < schedule.next_run <= datetime.now(UTC) + timedelta(days=1)


class TestFetchingPopularClips:
    """A second host, which has few files, fetches popular clips."""

    @pytest.fixture
    def tier(self, tmp_path: Path) -> FileTier:
        return FileTier(tmp_path / "second host", 100_000)

    @pytest.fixture
    def cache(self, tier: FileTier) -> SpeechCache:
        cache = speech_cache()
        cache.tiers.local = (cache.tiers.local[0], tier)
        return cache

    def popular(self, number: int, size: int = 10_000) -> str:
        request = house(f"Reflection {number}.")
        Clip.objects.record_all([request], ContentType.ANALYSIS, are_shareable=True)
        speech_cache().tiers.permanent.put(
            entry(request.content_hash, bytes([number]) * size, audio_format="pcm")
        )
        Pin.objects.create(content_hash=request.content_hash, reason=Pin.Reason.POPULAR)
        return request.content_hash

    def test_popular_clips_are_fetched_into_the_file_tier_without_a_call(
        self, cache: SpeechCache, tier: FileTier, voice: FakeVoice
    ) -> None:
        content_hash = self.popular(1)
        keep_at_hand(cache)

        assert tier.get(content_hash) == cache.tiers.permanent.get(content_hash)
        assert list(cache.tiers.local[0].entries()) == []
        assert voice.calls == []

    def test_popular_clips_stay_when_the_file_tier_makes_room(
        self, cache: SpeechCache, tier: FileTier
    ) -> None:
        kept = {self.popular(number) for number in range(3)}
        keep_at_hand(cache)
        for number in range(20):
            tier.put(entry(f"{number:032x}", bytes(10_000)))

        assert kept <= {content_hash for content_hash, _ in tier.entries()}

    def test_clips_that_are_no_longer_popular_are_evicted_like_others(
        self, cache: SpeechCache, tier: FileTier
    ) -> None:
        content_hash = self.popular(1)
        keep_at_hand(cache)
        Pin.objects.all().delete()
        keep_at_hand(cache)
        for number in range(20):
            tier.put(entry(f"{number:032x}", bytes(10_000)))

        assert not tier.has(content_hash)

    def test_popular_clips_are_fetched_a_few_at_a_time(self, cache: SpeechCache, tier: FileTier) -> None:
        for number in range(FETCHED_AT_ONCE + 2):
            self.popular(number, size=100)
        keep_at_hand(cache)
        assert len(list(tier.entries())) == FETCHED_AT_ONCE
        keep_at_hand(cache)

        assert len(list(tier.entries())) == FETCHED_AT_ONCE + 2

    def test_popular_clips_beyond_the_bound_do_not_evict_each_other(
        self, cache: SpeechCache, tier: FileTier
    ) -> None:
        for number in range(FETCHED_AT_ONCE):
            self.popular(number, size=20_000)
        keep_at_hand(cache)
        held = set(tier.entries())
        keep_at_hand(cache)

        assert set(tier.entries()) == held
        assert len(held) == 4

    def test_fetching_popular_clips_that_are_there_takes_one_query(
        self, cache: SpeechCache, tier: FileTier, django_assert_num_queries: Any
    ) -> None:
        self.popular(1)
        keep_at_hand(cache)
        with django_assert_num_queries(1):
            keep_at_hand(cache)

    def test_fetching_popular_clips_leaves_clips_pinned_for_other_reasons(
        self, cache: SpeechCache, tier: FileTier
    ) -> None:
        self.popular(1)
        Pin.objects.update(reason=Pin.Reason.LIVE)
        keep_at_hand(cache)

        assert list(tier.entries()) == []
