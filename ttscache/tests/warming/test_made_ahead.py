"""Clips made before anybody requested them are marked in every tier, and their hits are counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from harness.clips import TEXT, entry, speech
from harness.fake_voice import FakeVoice
from ttscache import warming, wiring
from ttscache.api.stats import cache_stats
from ttscache.cache import ClipInTheMaking, GenerationJob, SpeechCache
from ttscache.generation.synthesizer import Synthesizer
from ttscache.maintenance import relocation
from ttscache.models import Clip, ClipFile, DailyRequests, Pin, Usage, WarmItem
from ttscache.tiers.database import DatabaseTier
from ttscache.warming import ClipSpec, worker
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)
HASH = speech().content_hash


@pytest.fixture
def voice() -> FakeVoice:
    return FakeVoice()


@pytest.fixture
def cache(voice: FakeVoice) -> Iterator[SpeechCache]:
    cache = speech_cache()
    cache.generator.synthesizer = Synthesizer(voice, cache.ledger)
    yield cache
    cache.finish_recordings(5)


def make_ahead() -> None:
    warming.start_run("everything", [ClipSpec(speech(), "question")])
    worker.work(seconds=20)


def flags(cache: SpeechCache) -> set[bool]:
    """Return the mark "made ahead" in each tier and on the record."""
    found = [tier.get(HASH) for tier in cache.tiers.all]
    assert all(found)
    return {each.made_ahead for each in found if each} | {Clip.objects.get().made_ahead}


def published() -> None:
    Pin.objects.create(content_hash=HASH, reason=Pin.Reason.LIVE)


def play() -> None:
    assert Client().get(f"/api/audio/{HASH}.pcm").status_code == 200


def usage() -> dict[str, tuple[int, int]]:
    """Return the requests and the hits on clips made ahead, by outcome."""
    speech_cache().ledger.flush()
    by_outcome = Usage.objects.order_by().values_list("outcome")  # a slow request has a row of its own
    rows = by_outcome.annotate(Sum("requests"), Sum("warmed_hits"))
    return {outcome: (requests, warmed) for outcome, requests, warmed in rows}


def test_clips_of_a_warm_run_are_marked_as_made_ahead_in_every_tier(cache: SpeechCache) -> None:
    make_ahead()

    assert flags(cache) == {True}


def test_a_clip_that_a_listener_requested_first_is_not_made_ahead(cache: SpeechCache) -> None:
    found = cache.get_or_generate(GenerationJob(speech(), "question"))
    assert isinstance(found, ClipInTheMaking)
    found.recording.result()
    cache.finish_recordings(5)
    make_ahead()

    assert flags(cache) == {False}


def test_a_clip_remade_for_a_listener_is_no_longer_made_ahead(cache: SpeechCache) -> None:
    make_ahead()
    for tier in cache.tiers.all:
        tier.delete(HASH)
    cache.generate(GenerationJob(speech(), "question")).recording.result()
    cache.finish_recordings(5)

    assert flags(cache) == {False}


def test_a_listener_who_joins_a_warm_recording_is_a_miss_and_the_clip_stays_made_ahead(
    cache: SpeechCache, voice: FakeVoice
) -> None:
    voice.may_go_on.clear()
    warmed = cache.generate(GenerationJob(speech(), "question", made_ahead=True))
    warmed.recording.wait_for_sound()
    joined = cache.generate(GenerationJob(speech(), "question"))
    voice.may_go_on.set()
    joined.recording.result()
    cache.finish_recordings(5)

    assert joined.outcome == "collapsed"
    assert flags(cache) == {True}


def test_a_published_hit_on_a_clip_made_ahead_is_counted_without_a_query(
    cache: SpeechCache, django_assert_num_queries: Any
) -> None:
    published()
    make_ahead()
    with django_assert_num_queries(0):
        play()
        play()

    assert usage() == {"memory": (2, 2)}


def test_a_posted_text_whose_clip_was_made_ahead_is_counted(cache: SpeechCache, settings: Any) -> None:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "allow_anonymous_text": True,
        "provider": "openai",
        "openai_api_key": "k",
        "audio_format": "pcm",
    }
    make_ahead()
    Client().post("/api/text-to-speech", {"text": TEXT, "voice": "nova"}, content_type="application/json")

    assert usage() == {"memory": (1, 1)}


def test_a_hit_on_a_clip_that_a_listener_had_made_does_not_count_as_made_ahead(cache: SpeechCache) -> None:
    published()
    cache.generate(GenerationJob(speech(), "question")).recording.result()
    cache.finish_recordings(5)
    play()

    assert usage() == {"memory": (1, 0)}


class TestNeverPlayed:
    def test_never_played_counts_clips_made_ahead_with_audio_and_no_request(self, cache: SpeechCache) -> None:
        make_ahead()
        Clip.objects.record(speech("Not made."), "question")
        clip = Clip.objects.record(speech("Made for a listener."), "question")
        cache.tiers.permanent.put(entry(clip.content_hash))

        assert [clip.content_hash for clip in Clip.objects.never_played()] == [HASH]
        DailyRequests.objects.create(content_hash=HASH, day=timezone.now() - timedelta(days=300), requests=1)
        assert not Clip.objects.never_played().exists()

    def test_never_played_reports_the_count_and_cost(self, cache: SpeechCache) -> None:
        published()
        make_ahead()
        cost = len(TEXT) * 30 / 1e6
        assert cache_stats()["warmed"] == {
            "hits": 0,
            "clips": 1,
            "never_played": 1,
            "never_played_usd": pytest.approx(cost),
        }
        play()
        cache.ledger.flush()

        assert cache_stats()["warmed"] == {
            "hits": 1,
            "clips": 1,
            "never_played": 0,
            "never_played_usd": 0,
        }
        assert cache_stats()["by_content_type"]["question"]["warmed_hits"] == 1


def test_a_clip_that_check_cache_puts_back_is_still_made_ahead(cache: SpeechCache) -> None:
    make_ahead()
    ClipFile.objects.all().delete()
    call_command("check_cache", "--fix", stdout=StringIO())

    assert ClipFile.objects.count() == 1
    assert flags(cache) == {True}


def test_a_clip_that_is_moved_to_the_bucket_is_still_made_ahead(clips_bucket: str, voice: FakeVoice) -> None:
    cache = wiring.speech_cache()
    Clip.objects.record(speech(), "question")
    DatabaseTier().put(entry(HASH, made_ahead=True))
    assert [move.problem for move in relocation.move_clips(DatabaseTier(), cache.tiers.permanent)] == [""]

    assert cache.tiers.permanent.name == "storage"
    assert cache.tiers.permanent.get(HASH).made_ahead  # type: ignore[union-attr]


def test_a_warm_item_whose_clip_already_exists_does_not_mark_it_as_made_ahead(cache: SpeechCache) -> None:
    Clip.objects.record(speech(), "question")
    run = warming.start_run("everything", [ClipSpec(speech(), "question")])
    cache.tiers.permanent.put(entry(HASH))
    worker.work(seconds=20)

    assert run.items.get().state == WarmItem.State.SKIPPED
    assert not Clip.objects.get().made_ahead
