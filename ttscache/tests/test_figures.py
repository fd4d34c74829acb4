"""The dashboard's numbers beside a ledger of the test's own, and each question by itself."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from harness.clips import speech
from ttscache.accounting.ledger import Asked, Ledger
from ttscache.accounting.rollup import roll_up
from ttscache.conf import conf
from ttscache.figures import asked, heard, holdings, work
from ttscache.figures.histogram import Latency, percentile
from ttscache.figures.money import money
from ttscache.figures.report import report
from ttscache.figures.scope import RANGES, VIEWS, Scope
from ttscache.models import (
    Alert,
    Clip,
    ClipDay,
    ContentType,
    LastCall,
    Pin,
    PruneRun,
    Spending,
    Usage,
    WarmItem,
    WarmRun,
)
from ttscache.speech import SpeechRequest

NOW = datetime(2026, 11, 23, 10, 42, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HITS = {"memory", "file", "database", "storage", "edge"}
OUTCOMES = [*sorted(HITS), "generated", "collapsed", "failed"]
VOICES = ["nova", "onyx", "alloy"]


# --- 5,000 requests ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Request:
    """One request as the test remembers it; or one call of the voice service, if `is_call`."""

    at: datetime
    kind: str
    voice: str
    outcome: str
    characters: int
    microusd: int
    ms: float = 0.0
    is_call: bool = False


def day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


BEGINS = {  # written anew, not taken from the product
    "24h": datetime(2026, 11, 22, 11, tzinfo=UTC),
    "7d": datetime(2026, 11, 17, tzinfo=UTC),
    "30d": datetime(2026, 10, 25, tzinfo=UTC),
    "90d": datetime(2026, 8, 26, tzinfo=UTC),
    "365d": datetime(2025, 11, 25, tzinfo=UTC),
}
PRICES = {"tts-1": 15, "tts-1-hd": 30}


@pytest.fixture(scope="class")
def recorded(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[Request]]:
    """Through the real ledger, at their times; hours of long ago put together as every night."""
    chance, clock = random.Random(5_000), [0.0]
    ledger = Ledger(lambda asked: asked.characters * PRICES[asked.model] / 1e6, clock=lambda: clock[0])
    with django_db_blocker.unblock():
        requests = [request for _ in range(5_000) for request in _record(chance, clock, ledger)]
        assert ledger.flush()
        roll_up(NOW)
        yield requests
        for model in (Usage, Spending, ClipDay, LastCall):
            model.objects.all().delete()


def _record(chance: random.Random, clock: list[float], ledger: Ledger) -> list[Request]:
    """One request, and the call it took if it was a miss; half of them in the last week."""
    age = chance.choice([7, 7, 400]) * DAY * chance.random()
    at, kind = NOW - age, chance.choice(ContentType.values)
    voice, outcome, model = chance.choice(VOICES), chance.choice(OUTCOMES), chance.choice(list(PRICES))
    characters, ms = chance.randint(1, 900), chance.choice([0.4, 3, 30, 300, 3_000, 40_000]) * chance.random()
    clock[0] = at.timestamp()
    ledger.record_request(
        Asked(f"{chance.getrandbits(128):032x}", kind, voice, model, characters), outcome, ms / 1e3, 9
    )
    worth = 0 if outcome == "failed" else characters * PRICES[model]
    requests = [Request(at, kind, voice, outcome, characters, worth, ms)]
    if outcome in ("generated", "failed"):
        said = SpeechRequest(text="a" * characters, voice=voice, model=model)
        ledger.record_call(said, kind, worth / 1e6, "ok" if worth else "provider_failed")
        requests.append(Request(at, kind, voice, outcome, characters, worth, is_call=True))
    return requests


EVERY_LOOK = list(product(BEGINS, ["", *VOICES], VIEWS))


def chosen(recorded: list[Request], name: str, voice: str, *, calls: bool = False) -> list[Request]:
    return [
        each
        for each in recorded
        if each.at >= BEGINS[name] and voice in ("", each.voice) and each.is_call == calls
    ]


def look(name: str, voice: str, view: str) -> Scope:
    return Scope.asked_for({"range": name, "voice": voice, "view": view}, NOW)


def rate_of(requests: list[Request], view: str) -> float | None:
    weights = [(each.characters if view == "money" else 1, each.outcome in HITS) for each in requests]
    whole = sum(weight for weight, _ in weights)
    return 100 * sum(weight for weight, is_hit in weights if is_hit) / whole if whole else None


@pytest.mark.django_db
class TestFiveThousandRequests:
    @pytest.mark.parametrize(("name", "voice", "view"), EVERY_LOOK)
    def test_hit_rates_are_those_of_the_ledger(self, recorded, name, voice, view):
        found, mine = asked.asked(look(name, voice, view)), chosen(recorded, name, voice)
        assert found.rate.requests == len(mine) > 0
        assert found.rate.percent == pytest.approx(rate_of(mine, view))
        for kind in found.kinds:
            of_kind = [each for each in mine if each.kind == kind.name]
            assert kind.rate.requests == len(of_kind)
            assert kind.rate.percent == pytest.approx(rate_of(of_kind, view))

    @pytest.mark.parametrize(("name", "voice", "view"), EVERY_LOOK)
    def test_money_is_that_of_the_ledger(self, recorded, name, voice, view):
        scope = look(name, voice, view)
        found = money(scope, asked.asked(scope).worth_microusd)
        spent = sum(each.microusd for each in chosen(recorded, name, voice, calls=True))
        without = sum(each.microusd for each in chosen(recorded, name, voice))
        assert found.spent == pytest.approx(spent / 1e6)
        assert found.without == pytest.approx(without / 1e6)
        assert found.saved_percent == pytest.approx(100 * (without - spent) / without)

    @pytest.mark.parametrize(("name", "view"), list(product(BEGINS, VIEWS)))
    def test_every_step_is_that_of_the_ledger(self, recorded, name, view):
        """Days of long ago are kept as days, so they are weighed as days."""
        scope = look(name, "", view)
        for kind in asked.asked(scope).kinds:
            for begin, step in zip(scope.steps, kind.steps, strict=True):
                end = begin + scope.range.step
                mine = [each for each in chosen(recorded, name, "") if begin <= each.at < end]
                mine = [each for each in mine if each.kind == kind.name]
                assert step.requests == len(mine)
                assert step.percent == pytest.approx(rate_of(mine, view))

    @pytest.mark.parametrize(("name", "voice", "view"), EVERY_LOOK)
    def test_sources_are_those_of_the_ledger(self, recorded, name, voice, view):
        mine = chosen(recorded, name, voice)
        for source in asked.asked(look(name, voice, view)).sources:
            of_source = [each for each in mine if each.outcome == source.outcome]
            weigh: Callable[[list[Request]], int] = (
                len if view == "requests" else lambda all_: sum(each.characters for each in all_)
            )
            assert source.requests == len(of_source)
            assert source.share == pytest.approx(100 * weigh(of_source) / weigh(mine))

    @pytest.mark.parametrize("name", BEGINS)
    def test_percentiles_lie_in_the_bucket_of_the_real_ones(self, recorded, name):
        for source in asked.asked(look(name, "", "requests")).sources:
            waited = sorted(each.ms for each in chosen(recorded, name, "") if each.outcome == source.outcome)
            for share, found in ((0.5, source.p50), (0.95, source.p95), (0.99, source.p99)):
                real = waited[max(0, -(-len(waited) * share // 1).__int__() - 1)]
                assert found is not None
                assert found.is_at_least == (real > 30_000)
                assert bucket_of(found.ms) == bucket_of(min(real, 30_000))

    def test_the_change_is_since_the_range_before(self, recorded):
        found = asked.asked(look("7d", "nova", "requests"))
        begin = BEGINS["7d"]
        before = [each for each in recorded if begin - 7 * DAY <= each.at < begin and not each.is_call]
        then = rate_of([each for each in before if each.voice == "nova"], "requests")
        now = rate_of(chosen(recorded, "7d", "nova"), "requests")
        assert now is not None and then is not None
        assert found.change == pytest.approx(now - then)


@pytest.mark.django_db
@pytest.mark.parametrize(("days_ago", "is_told"), [(8, False), (13, True), (40, True)])
def test_a_change_is_told_once_counting_goes_back_to_the_beginning_of_the_range_before(days_ago, is_told):
    cache.clear()
    for hour in (NOW, BEGINS["7d"] - DAY, NOW - days_ago * DAY):
        figures = {"content_type": "question", "voice": "nova", "outcome": "memory", "requests": 30}
        Usage.objects.get_or_create(hour=hour, latency_bucket=1, defaults=figures)
    assert (asked.asked(look("7d", "", "requests")).change is not None) is is_told


def bucket_of(ms: float) -> int:
    ends = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
    return bisect_left(ends, round(ms, 6))


# --- each question by itself ------------------------------------------------------------------------------
@pytest.mark.any_database
@pytest.mark.parametrize(
    ("counts", "share", "found"),
    [
        ({}, 0.5, None),
        ({0: 10}, 0.5, Latency(0.5)),
        ({2: 10, 3: 10}, 0.5, Latency(5.0)),
        ({2: 10, 3: 10}, 0.75, Latency(7.5)),
        ({2: 1, 9: 99}, 0.95, Latency(500 + 500 * 94 / 99)),
        ({14: 3}, 0.5, Latency(30_000, is_at_least=True)),
    ],
    ids=["none", "first", "edge", "within", "mixed", "open"],
)
def test_percentiles_are_read_from_buckets(counts, share, found):
    ends = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
    assert percentile(counts, share, ends) == found


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("hits", "requests", "tone"),
    [
        (0, 0, "none"),
        (0, 19, "none"),
        (19, 20, "good"),
        (94, 100, "below"),
        (90, 100, "below"),
        (89, 100, "far"),
    ],
)
def test_a_rate_has_a_colour_only_with_traffic_and_by_its_distance_from_the_target(hits, requests, tone):
    assert asked.Rate(requests=requests, hits=hits, target=95.0).tone == tone


def clip_of(text: str, voice: str = "nova", kind: str = "question", **fields: Any) -> Clip:
    clip = Clip.objects.record(speech(text, voice), kind)
    Clip.objects.filter(pk=clip.pk).update(**fields)
    clip.refresh_from_db()
    return clip


def made(days_ago: float = 0, size: int = 1_000) -> dict[str, Any]:
    return {"kept_at": timezone.now() - days_ago * DAY, "stored_size": size, "audio_file_size": 2 * size}


def usual(**given: str) -> Scope:
    return Scope.asked_for(given)


@pytest.mark.django_db
class TestHoldings:
    def test_coverage_is_of_what_is_published(self):
        for number, fields in enumerate([made(), {}, made()]):
            clip = clip_of(f"Text {number}", **fields)
            reason = Pin.Reason.DRAFT if number == 2 else Pin.Reason.LIVE
            Pin.objects.create(content_hash=clip.content_hash, reason=reason)
        covered = holdings.coverage(usual())
        assert (covered.ready, covered.total, covered.tone) == (1, 2, "far")

    @pytest.mark.parametrize(
        "reason", [Pin.Reason.BANK, Pin.Reason.RECENT, Pin.Reason.FREQUENT, Pin.Reason.DRAFT]
    )
    @pytest.mark.parametrize("voice", ["", "nova"], ids=["all-voices", "one-voice"])
    def test_what_is_held_for_other_reasons_is_not_covered_nor_missing(self, reason, voice):
        for text, of, fields in (
            ("Live", Pin.Reason.LIVE, made()),
            ("Made", reason, made()),
            ("Not", reason, {}),
        ):
            Pin.objects.create(content_hash=clip_of(text, **fields).content_hash, reason=of)
        covered = holdings.coverage(usual(voice=voice))
        assert (covered.ready, covered.total) == (1, 1)
        assert holdings.published_clips().count() == 1

    def test_a_clip_that_is_published_twice_is_covered_once(self):
        clip = clip_of("In the bank and in a journey.", **made())
        for reason in (Pin.Reason.LIVE, Pin.Reason.SYSTEM, Pin.Reason.BANK):
            Pin.objects.create(content_hash=clip.content_hash, reason=reason)
        assert holdings.coverage(usual()).total == 1

    def test_coverage_of_one_voice_is_of_its_clips(self):
        for voice, fields in (("nova", made()), ("onyx", {})):
            clip = clip_of("Text", voice, **fields)
            Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        covered = holdings.coverage(usual(voice="nova"))
        assert (covered.ready, covered.total, covered.tone) == (1, 1, "good")

    def test_storage_is_bytes_at_rest_by_kind(self):
        clip_of("One", **made(size=300))
        clip_of("Two", voice="onyx", **made(size=500))
        clip_of("Three", kind="analysis", **made(size=100))
        clip_of("Not made")
        assert holdings.storage(usual()).bytes_by_kind == {"question": 800, "analysis": 100}
        assert holdings.storage(usual(voice="nova")).bytes_by_kind == {"question": 300, "analysis": 100}

    def test_days_left_come_from_two_weeks_of_growth(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 30_000}
        clip_of("Old", **made(20, size=2_000))
        clip_of("New", **made(1, size=28_000))
        PruneRun.objects.create(days=90, freed_bytes=14_000)
        space = holdings.storage(usual())
        assert (space.bytes_a_day, space.days_left, space.is_nearly_full) == (1_000, 0, True)

    def test_the_room_that_is_left_is_that_of_all_voices(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "storage_limit_bytes": 30_000}
        clip_of("New", **made(1, size=14_000))
        clip_of("New", "onyx", **made(1, size=14_000))
        assert holdings.storage(usual(voice="nova")).days_left == 1

    def test_without_a_limit_there_are_no_days_left(self):
        clip_of("New", **made(1))
        assert holdings.storage(usual()).days_left is None

    def test_never_heard_is_what_was_made_long_ago_and_not_asked_for_since(self):
        clip_of("Never heard", **made(31))
        clip_of("Young", **made(29))
        clip_of("Taken over lately", adopted_at=timezone.now(), **made(300))
        played = clip_of("Heard", **made(31))
        ClipDay.objects.create(content_hash=played.content_hash, day=timezone.now().date(), requests=1)
        found = holdings.never_heard(usual()).found
        assert found.clips == 1
        assert found.usd == pytest.approx(len("Never heard") * 30 / 1e6)


def heard_of(text: str, *plays: int, voice: str = "nova", **fields: Any) -> Clip:
    """A reflection fit for others, played so often today, yesterday and so on."""
    request = conf().house_request(text, voice)
    clip = Clip.objects.record(request, "analysis")
    Clip.objects.filter(pk=clip.pk).update(**{"is_shareable": True, **fields})
    for age, number in enumerate(plays):
        ClipDay.objects.create(
            content_hash=clip.content_hash, day=(timezone.now() - age * DAY).date(), requests=number
        )
    clip.refresh_from_db()
    return clip


def most_heard(**given: Any) -> heard.MostHeard:
    scope = usual(**given)
    return heard.most_heard(scope, holdings.storage(scope).reflections_on_record)


@pytest.mark.django_db
class TestMostHeard:
    def test_both_voices_of_a_text_are_one_row(self):
        heard_of("A quiet kind of home.", 3, 2)
        heard_of("A quiet kind of home.", 4, voice="onyx", **made())
        heard_of("A lot of care.", 8)
        rows = most_heard().rows
        assert [(row.clip.content_text, row.plays) for row in rows] == [
            ("A quiet kind of home.", 9),
            ("A lot of care.", 8),
        ]
        assert [(each.voice, each.is_made) for each in rows[0].voices] == [("nova", False), ("onyx", True)]

    def test_plays_are_those_of_the_days_of_the_range(self):
        heard_of("Often, long ago.", 0, 0, 0, 0, 0, 0, 0, 50)
        heard_of("Often, now.", 0, 0, 0, 0, 0, 0, 3)
        assert [row.clip.content_text for row in most_heard(range="7d").rows] == ["Often, now."]
        assert len(most_heard(range="30d").rows) == 2

    def test_what_was_made_for_one_person_is_counted_and_never_shown(self):
        heard_of("So your mother's name was Rosa.", 40, is_shareable=False)
        heard_of("Twice only.", 2)
        heard_of("Thank you.", 3)
        found = most_heard()
        assert ([row.clip.content_text for row in found.rows], found.others) == (["Thank you."], 2)

    def test_what_is_hidden_is_shown_when_it_is_asked_for(self):
        heard_of("Hidden.", 3, is_hidden=True)
        assert most_heard().rows == []
        scope = usual()
        assert len(heard.most_heard(scope, 1, hidden=True).rows) == 1

    def test_saved_is_every_play_after_the_first(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}
        heard_of("Ten chars.", 5)
        assert most_heard().rows[0].saved_usd == pytest.approx(4 * 10 * 30 / 1e6)


@pytest.mark.django_db
class TestWork:
    def test_the_queue_says_what_waits_and_since_when(self):
        run = WarmRun.objects.create(
            scope="life-review, nova", created_at=timezone.now() - timedelta(seconds=40)
        )
        for place, state in enumerate(["queued", "queued", "making", "failed"]):
            WarmItem.objects.create(
                run=run,
                clip=clip_of(f"Text {place}"),
                position=place,
                state=state,
                characters=6,
                finished_at=timezone.now() if state == "failed" else None,
            )
        Usage.objects.create(
            hour=timezone.now(), content_type="question", outcome="generated", latency_bucket=9, requests=1
        )
        queue = work.queue(asked.asked(usual()))
        assert (queue.waiting, queue.running, queue.failed) == (2, 1, 1)
        assert queue.oldest_seconds == pytest.approx(40, abs=30)
        assert queue.eta_seconds == pytest.approx(2 * 0.75 / conf().warm_concurrency)

    def test_errors_of_the_voice_service_are_told_by_class(self):
        for outcome, calls in {"ok": 6, "key_refused": 1, "provider_timeout": 2, "broken": 1}.items():
            Spending.objects.create(hour=timezone.now(), outcome=outcome, calls=calls)
        found = work.provider(usual())
        assert (found.calls, found.failed, found.error_percent) == (10, 4, 40)
        assert {name: number for name, number in found.classes.items() if number} == {
            "Key refused": 1,
            "Too slow": 2,
            "Other": 1,
        }

    @pytest.mark.parametrize(("chosen", "also"), [("", []), ("ash", ["ash"])], ids=["all", "one of old"])
    def test_every_voice_on_record_can_be_chosen(self, chosen, also):
        Clip.objects.record(conf().house_request("By a program", "alloy"), "narrative")
        cache.clear()
        found = report(Scope.asked_for({"voice": chosen}))
        assert found.voices == [*conf().listener_voices, "alloy", *also]

    def test_a_missing_published_clip_and_a_refused_key_need_somebody(self):
        clip = clip_of("Not made")
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        LastCall.objects.create(outcome="key_refused", at=timezone.now())
        cache.clear()
        said = [need.says for need in report(usual()).needs]
        assert said == [
            "The voice service refuses our key (OPENAI_API_KEY): nothing new can be made.",
            "1 published clip is not made",
        ]

    def test_an_open_alert_needs_somebody_once(self):
        now = timezone.now()
        clip = clip_of("Not made")
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        for kind, says in [("coverage", "0 of 1 are there."), ("hit_rate", "Question: 12% were there.")]:
            Alert.objects.create(kind=kind, says=says, since=now, due_at=now)
        said = {need.says for need in report(usual()).needs}
        assert said == {"1 published clip is not made", "Question: 12% were there."}

    @pytest.mark.parametrize(
        ("latest", "trouble"),
        [("ok", ""), ("text_refused", ""), ("provider_busy", "Busy"), ("broken", "Other"), (None, "")],
    )
    def test_the_service_is_as_the_last_call_found_it(self, latest, trouble):
        now = timezone.now()
        before = {"ok": now - 2 * DAY, "key_refused": now - DAY} if latest else {}
        for outcome, at in (before | ({latest: now} if latest else {})).items():
            LastCall.objects.create(outcome=outcome, at=at)
        assert work.provider(usual()).trouble == trouble

    def test_the_last_success_is_known_however_long_ago_it_was(self):
        long_ago = timezone.now() - 40 * DAY
        LastCall.objects.create(outcome="ok", at=long_ago)
        assert work.provider(usual()).last_ok == long_ago


@pytest.mark.any_database
@pytest.mark.parametrize("name", BEGINS)
def test_ranges_begin_with_a_whole_hour_or_day(name):
    scope = Scope.asked_for({"range": name}, NOW)
    assert (scope.since, scope.steps[0]) == (BEGINS[name], BEGINS[name])
    assert scope.steps[-1] <= NOW


@pytest.mark.any_database
def test_what_is_not_known_is_as_usual():
    scope = Scope.asked_for({"range": "1; DROP", "view": "<script>", "voice": "no\0va"}, NOW)
    assert (scope.range, scope.view, scope.voice) == (RANGES[1], "requests", "")
