from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from harness.clips import KEY, entry, speech
from harness.waiting import wait_until
from ttscache import hooks, warming
from ttscache.hooks import Hooks
from ttscache.models import Clip, Lane, Pin, WarmItem, WarmRun
from ttscache.renditions.current import request_for
from ttscache.warming import ClipSpec, prefetch
from ttscache.warming.prefetch import MOST_WAITING, Prefetcher
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)
NEXT = [ClipSpec(speech(f"This is question number {word}."), "question") for word in ("two", "three")]
OTHERS = [f"{number:032x}" for number in range(MOST_WAITING + 5)]

StartPrefetcher = Callable[[Callable[[str], Sequence[ClipSpec]]], Prefetcher]


class Listening:
    """A predictor that notes its requests and waits until `may_go_on` is set."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.errors: list[Exception] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, content_hash: str) -> list[ClipSpec]:
        self.heard.append(content_hash)
        assert self.may_go_on.wait(60)
        if self.errors:
            raise self.errors.pop()
        return []


@pytest.fixture
def start_prefetcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartPrefetcher]:
    """A function that starts the prefetcher of this process with another predictor."""

    def start(what_follows: Callable[[str], Sequence[ClipSpec]]) -> Prefetcher:
        following = Hooks()
        monkeypatch.setattr(following, "what_follows", what_follows)
        monkeypatch.setattr(hooks, "_installed", following)
        prefetch.start_prefetching()
        assert prefetch._prefetcher is not None
        return prefetch._prefetcher

    yield start
    prefetch.stop_prefetching()


@pytest.fixture
def listening(start_prefetcher: StartPrefetcher) -> Listening:
    listening = Listening()
    start_prefetcher(listening)
    return listening


def requests_before(listening: Listening, content_hash: str = "f" * 32) -> list[str]:
    """Request a last prediction, and return all requests before it."""
    prefetch.note_request(content_hash)
    wait_until(lambda: content_hash in listening.heard, "the last one to be heard")
    return listening.heard[:-1]


def test_predicted_clips_are_queued_before_scheduled_ones(start_prefetcher: StartPrefetcher) -> None:
    start_prefetcher(lambda _: NEXT)
    prefetch.note_request(KEY)
    wait_until(lambda: WarmItem.objects.count() == 2, "both to be queued")

    run = WarmRun.objects.get()
    assert (run.scope, run.requested_by) == ("ahead, nova", "a listener's question")
    assert set(run.items.values_list("lane", "state")) == {(Lane.PREFETCH, "queued")}


def test_a_predicted_clip_that_is_scheduled_changes_its_lane(start_prefetcher: StartPrefetcher) -> None:
    run = warming.start_run("everything", NEXT)
    start_prefetcher(lambda _: NEXT[:1])
    prefetch.note_request(KEY)
    wait_until(lambda: run.items.filter(lane=Lane.PREFETCH).exists(), "a clip in the prefetch lane")

    assert list(run.items.values_list("lane", flat=True)) == [Lane.PREFETCH, Lane.SCHEDULED]
    assert WarmRun.objects.get() == run


def test_a_prediction_writes_nothing_when_all_clips_exist(start_prefetcher: StartPrefetcher) -> None:
    for wanted in NEXT:
        Clip.objects.record(wanted.speech, "question")
        speech_cache().tiers.permanent.put(entry(wanted.speech.content_hash))
    listening = Listening()
    start_prefetcher(lambda content_hash: [*listening(content_hash), *NEXT])
    prefetch.note_request(KEY)
    requests_before(listening)
    prefetch.stop_prefetching()

    assert not WarmRun.objects.exists()


def test_a_prediction_is_made_at_most_once_a_minute_for_a_clip(listening: Listening) -> None:
    for _ in range(20):
        prefetch.note_request(KEY)

    assert requests_before(listening) == [KEY]


def test_asking_for_a_prediction_makes_no_query_and_does_not_wait(
    listening: Listening, django_assert_num_queries: Any
) -> None:
    listening.may_go_on.clear()
    with django_assert_num_queries(0):
        for content_hash in OTHERS:
            prefetch.note_request(content_hash)
    listening.may_go_on.set()

    wait_until(lambda: len(listening.heard) >= MOST_WAITING, "those that found room")
    assert len(listening.heard) <= MOST_WAITING + 1


def test_a_prediction_dropped_for_lack_of_room_may_be_asked_for_again(listening: Listening) -> None:
    listening.may_go_on.clear()
    for content_hash in OTHERS:
        prefetch.note_request(content_hash)
    listening.may_go_on.set()
    wait_until(lambda: len(listening.heard) >= MOST_WAITING, "those that found room")
    prefetch.note_request(OTHERS[-1])

    wait_until(lambda: OTHERS[-1] in listening.heard, "the one that was let go")


@pytest.mark.parametrize(
    "error", [OperationalError("gone"), KeyError("a mistake")], ids=["outage", "mistake"]
)
def test_an_error_ends_only_its_own_prediction(listening: Listening, error: Exception) -> None:
    listening.errors = [error]
    prefetch.note_request(KEY)

    assert requests_before(listening) == [KEY]


def test_predictions_log_nothing_while_the_database_is_away(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    listening.errors = [OperationalError("gone")]
    prefetch.note_request(KEY)
    requests_before(listening)

    assert caplog.records == []


def test_no_prediction_thread_runs_when_prediction_is_off(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "predict_ahead": 0}
    prefetch.start_prefetching()

    assert prefetch._prefetcher is None


class TestRequests:
    @pytest.fixture
    def published_hash(self) -> str:
        """The hash of a published clip that every tier has."""
        content_hash = speech().content_hash
        Clip.objects.record(speech(), "question")
        Pin.objects.create(content_hash=content_hash, reason=Pin.Reason.LIVE)
        for tier in speech_cache().tiers.all:
            tier.put(entry(content_hash, is_published=True))
        return content_hash

    @pytest.mark.parametrize(
        ("method", "headers", "is_noted"),
        [
            ("get", {}, True),
            ("get", {"Range": "bytes=0-"}, True),
            ("get", {"Range": "bytes=0-1"}, False),
            ("get", {"Range": "bytes=500-"}, False),
            ("get", {"Range": "bytes=-999999"}, True),
            ("head", {}, False),
        ],
        ids=["whole", "from the start", "probe", "later part", "beyond the end", "head"],
    )
    def test_a_counted_request_asks_for_a_prediction(
        self, listening: Listening, published_hash: str, method: str, headers: dict[str, str], is_noted: bool
    ) -> None:
        getattr(Client(), method)(f"/api/audio/{published_hash}.mp3", headers=headers)

        assert requests_before(listening) == [published_hash] * is_noted

    def test_a_range_request_for_a_clip_not_yet_made_asks_for_a_prediction_once_it_is_made(
        self, listening: Listening
    ) -> None:
        clip = Clip.objects.record(request_for("Where did you grow up?", "nova"), "question")
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        path = f"/api/audio/{clip.content_hash}.mp3"
        assert Client().get(path, headers={"Range": "bytes=-9999999"}).status_code == 206

        assert requests_before(listening) == [clip.content_hash]

    def test_a_published_hit_with_prediction_makes_no_query(
        self, listening: Listening, published_hash: str, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0):
            assert Client().get(f"/api/audio/{published_hash}.mp3").status_code == 200

        assert requests_before(listening) == [published_hash]

    def test_a_private_clip_asks_for_no_prediction(self, listening: Listening) -> None:
        Clip.objects.record(speech(), "question")
        assert Client().get(f"/api/audio/{speech().content_hash}.mp3").status_code == 404

        assert requests_before(listening) == []

    @pytest.mark.parametrize(("kind", "is_noted"), [("question", True), ("response", False)])
    def test_a_posted_text_asks_for_a_prediction_unless_it_is_a_persons_own_words(
        self, listening: Listening, settings: Any, kind: str, is_noted: bool
    ) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
        body = {"text": "Where did you grow up?", "voice": "nova", "content_type": kind}
        answer = Client().post("/api/text-to-speech", body, content_type="application/json")
        assert answer.status_code == 200
        assert answer.getvalue()

        assert len(requests_before(listening)) == is_noted
