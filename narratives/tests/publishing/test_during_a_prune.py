"""Publishing and pruning in parallel: a published text never loses its audio, not even for a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from harness.clips import entry
from narratives import publishing
from narratives.models import Journey, Narrative, Revision
from narratives.publishing import pins, publications
from ttscache.conf import conf
from ttscache.maintenance import pruning
from ttscache.models import Clip, ClipFile, Pin, WarmItem, WarmRun
from ttscache.models.clips import ClipQuerySet
from ttscache.tiers import deletion_queue
from ttscache.warming import runs
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

DAYS = 90
MEANWHILE_SECONDS = 0.2  # lets the other action run until it has to wait for a lock


@pytest.fixture
def narrative() -> Narrative:
    """An unpublished text whose clips are old and not pinned, so a prune may remove them."""
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True, is_default=True)
    narrative = Narrative.objects.create(
        journey=journey, slug="q01", title="Work", text="What was your work?"
    )
    make_stale(narrative)
    return narrative


def make_stale(narrative: Narrative) -> None:
    for voice in conf().listener_voices:
        request = narrative.draft_speech(voice)
        Clip.objects.record(request, "question")
        speech_cache().tiers.permanent.put(entry(request.content_hash))
    Clip.objects.update(last_accessed_at=timezone.now() - timedelta(days=DAYS + 1))


def publish(narrative: Narrative) -> None:
    publishing.publish([Narrative.objects.get(pk=narrative.pk)])


def prune() -> None:
    run = pruning.begin(pruning.find_stale(DAYS), DAYS, "a test")
    list(pruning.run_prune(run, speech_cache()))


def has_audio(narrative: Narrative) -> bool:
    """Return whether live words are pinned and all live and waiting clips exist or are queued."""
    narrative.refresh_from_db()
    live, coming = hashes_of(narrative.live), hashes_of(narrative.pending)
    held = set(Pin.objects.published().values_list("content_hash", flat=True))
    return bool(live) and live <= held and all(exists_or_is_queued(each) for each in live | coming)


def hashes_of(revision: Revision | None) -> set[str]:
    if revision is None:
        return set()
    return {revision.speech(voice).content_hash for voice in conf().listener_voices}


def exists_or_is_queued(content_hash: str) -> bool:
    about_to_be_made = WarmItem.objects.filter(state__in=WarmItem.OPEN, run__state__in=WarmRun.ACTIVE)
    return Clip.objects.filter(content_hash=content_hash).exists() and (
        ClipFile.objects.filter(cache__content_hash=content_hash, cache__stored_at__isnull=False).exists()
        or about_to_be_made.filter(clip__content_hash=content_hash).exists()
    )


class ParallelWork:
    """Other actions, which run in threads with their own database connections."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4)
        self._begun: list[Future[None]] = []

    def begin(self, action: Callable[[], None]) -> Future[None]:
        def act_and_close() -> None:
            try:
                action()
            finally:
                connections.close_all()

        self._begun.append(self._pool.submit(act_and_close))
        return self._begun[-1]

    def end(self) -> None:
        """Wait for the actions, and raise their errors."""
        assert self._begun, "nothing came to the step"
        for future in self._begun:
            future.result(30)
        self._pool.shutdown()


@pytest.fixture
def before_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Callable[[], None]], ParallelWork]:
    """A function that starts another action once, just before a given step, and gives it a moment."""

    def arrange(where: Any, step: str, action: Callable[[], None]) -> ParallelWork:
        meanwhile, done = ParallelWork(), getattr(where, step)

        def with_another(*args: Any, **named: Any) -> Any:
            monkeypatch.setattr(where, step, done)
            begun = meanwhile.begin(action)
            _give_a_moment(begun)
            return done(*args, **named)

        monkeypatch.setattr(where, step, with_another)
        return meanwhile

    return arrange


def _give_a_moment(begun: Future[None]) -> None:
    try:
        begun.exception(MEANWHILE_SECONDS)
    except TimeoutError:
        return  # it waits for a lock that this thread holds


@pytest.mark.parametrize(
    ("where", "step"),
    [
        (publications, "sync_pins"),
        (ClipQuerySet, "protect"),
        (ClipQuerySet, "record_all"),
        (pins, "replace_pins"),
        (publications, "warm_journey"),
        (runs, "plan"),
        (runs, "settle"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_prune_between_two_steps_of_publishing_removes_no_needed_clip(
    narrative, before_step, where, step
) -> None:
    meanwhile = before_step(where, step, prune)
    publish(narrative)
    meanwhile.end()
    assert has_audio(narrative)


def test_a_prune_during_the_switch_to_a_version_removes_none_of_its_clips(narrative, before_step) -> None:
    publish(narrative)
    narrative.refresh_from_db()
    narrative.text = "What did you do for a living?"
    narrative.save()
    make_stale(narrative)
    meanwhile = before_step(publications, "_switch", prune)
    publish(narrative)
    meanwhile.end()
    assert has_audio(narrative)
    assert not WarmItem.objects.filter(state__in=WarmItem.OPEN).exists()


@pytest.mark.parametrize(
    ("where", "step"),
    [
        (pruning, "_remove_next"),
        (pruning, "_delete_records"),
        (deletion_queue, "schedule_now"),
        (pruning, "_sweep"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_publishing_between_two_steps_of_a_prune_loses_no_clip(narrative, before_step, where, step) -> None:
    meanwhile = before_step(where, step, lambda: publish(narrative))
    prune()
    meanwhile.end()
    assert has_audio(narrative)


def act_at_the_barrier(start: threading.Barrier, action: Callable[[], None]) -> None:
    start.wait()
    action()


def test_prunes_and_publications_at_once_lose_no_clip(narrative) -> None:
    for number in range(10):
        narrative.text = f"What was your work? {number}"
        narrative.save()
        make_stale(narrative)
        meanwhile, start = ParallelWork(), threading.Barrier(2)
        meanwhile.begin(partial(act_at_the_barrier, start, prune))
        meanwhile.begin(partial(act_at_the_barrier, start, partial(publish, narrative)))
        meanwhile.end()
        assert has_audio(narrative)
