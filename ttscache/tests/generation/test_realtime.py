"""The Realtime voice with the real generator: parts, formats, money, deadlines and clips never kept."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now

from harness.openai_server import OpenAIServer
from harness.realtime_cache import (
    REALTIME_MODEL,
    calls_by_outcome,
    realtime_cache,
    realtime_request,
    realtime_sound,
    spent_usd,
)
from harness.waiting import wait_until
from ttscache import audio
from ttscache.accounting.prices import most_usd
from ttscache.cache import GenerationJob, Hit, SpeechCache
from ttscache.coordination.leases import end_cooldowns
from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
    ModelRetired,
    ProviderTimeout,
    ProviderUnavailable,
    Reworded,
    SpeechError,
    SpeedOutOfRange,
    TextRefused,
)
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW
from ttscache.generation.job import PARTS_AT_ONCE
from ttscache.models import BudgetDay, Clip, Lease, Pin, RefusedTake
from ttscache.providers.realtime import PART_CHARACTERS
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_pauses")]

TEXT = "I am ten years old. What place from your childhood comes to mind?"
LONG = " ".join(f"This is sentence {number} about a long and winding life." for number in range(10, 60))
CENT = 0.01


@pytest.fixture
def cache(openai: OpenAIServer) -> Iterator[SpeechCache]:
    with realtime_cache(openai) as cache:
        yield cache


def play(cache: SpeechCache, request: SpeechRequest, content_type: str = "question") -> Entry:
    found = cache.get_or_generate(GenerationJob(request, content_type))
    return found.entry if isinstance(found, Hit) else found.recording.result()


def failure(cache: SpeechCache, request: SpeechRequest) -> SpeechError:
    with pytest.raises(SpeechError) as raised:
        play(cache, request)
    return raised.value


class TestClips:
    def test_a_clip_is_made_once_and_kept_with_the_words_of_its_text(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        clips = [play(cache, realtime_request(TEXT)).audio for _ in range(2)]
        assert clips == [realtime_sound(realtime_request(TEXT))] * 2
        assert len(openai.calls()) == 1

    @pytest.mark.parametrize("audio_format", list(audio.FORMATS))
    def test_a_long_text_is_one_clip_of_parts_that_end_with_their_sentences(
        self, cache: SpeechCache, openai: OpenAIServer, audio_format: str
    ) -> None:
        openai.behave(gate_before_headers=True)
        making = cache.generate(GenerationJob(realtime_request(LONG, audio_format=audio_format), "question"))
        wait_until(lambda: len(openai.calls()) == PARTS_AT_ONCE, "so many parts at once")
        openai.release()
        made = making.recording.result()

        said = sorted((call.text for call in openai.calls()), key=LONG.index)
        assert " ".join(said) == LONG and len(said) == 6
        assert all(part.endswith(".") and len(part) <= PART_CHARACTERS for part in said)
        assert openai.peak_concurrency() == PARTS_AT_ONCE
        facts = audio.examine(made.audio, audio_format)
        audio.check_whole(facts, LONG)
        spoken_ms = sum(len(realtime_sound(realtime_request(part))) / 48 for part in said)
        assert facts.duration_ms == pytest.approx(spoken_ms, abs=600)

    def test_a_realtime_clip_sends_no_byte_before_its_words_are_compared(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(gate_after_chunks=2)
        recording = cache.generate(GenerationJob(realtime_request(TEXT), "question")).recording
        waiting = threading.Thread(target=recording.wait_for_sound)
        waiting.start()
        wait_until(lambda: any(call.first_byte_at for call in openai.calls()), "sound of the provider")
        waiting.join(0.3)
        assert waiting.is_alive()
        openai.release()
        waiting.join(20)
        assert recording.result().audio == realtime_sound(realtime_request(TEXT))

    def test_a_speed_that_the_model_lacks_is_refused_before_anything_is_paid(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        fast = SpeechRequest(text=TEXT, voice="marin", model=REALTIME_MODEL, speed=2.0)
        error = failure(cache, fast)
        assert (type(error), error.status) == (SpeedOutOfRange, 400)
        assert openai.calls() == [] and calls_by_outcome(cache) == {}


class TestRewordedClips:
    @pytest.mark.parametrize("fault", ["reword", "contract"])
    def test_a_clip_with_other_words_is_tried_three_times_booked_and_never_kept(
        self, cache: SpeechCache, openai: OpenAIServer, fault: str
    ) -> None:
        openai.behave(fault=fault)
        assert isinstance(failure(cache, realtime_request(TEXT)), Reworded)
        assert calls_by_outcome(cache) == {"reworded": 3}
        assert spent_usd(cache) == pytest.approx(openai.bill_usd(), abs=CENT / 100) and spent_usd(cache) > 0
        assert cache.find(realtime_request(TEXT).content_hash) is None

    @pytest.mark.parametrize("audio_format", ["pcm", "mp3"])
    def test_staff_can_hear_the_reworded_recording_of_their_own_text(
        self, cache: SpeechCache, openai: OpenAIServer, audio_format: str
    ) -> None:
        openai.behave(fault="reword")
        request = realtime_request(TEXT, audio_format=audio_format)
        Pin.objects.create(content_hash=request.content_hash, reason=Pin.Reason.LIVE)
        assert isinstance(failure(cache, request), Reworded)
        take = RefusedTake.objects.get()
        assert (take.reason, take.is_usable) == (RefusedTake.Reason.REWORDED, False)
        assert audio.examine(bytes(take.audio), audio_format).duration_ms > 0
        assert cache.find(request.content_hash) is None

    def test_no_reworded_recording_of_free_text_is_kept(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault="reword")
        error = failure(cache, realtime_request(TEXT))
        assert isinstance(error, Reworded) and error.refused is None
        assert not RefusedTake.objects.exists()

    def test_a_reworded_clip_that_is_right_at_the_second_try_is_kept(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault="contract", first_calls=1)
        assert play(cache, realtime_request(TEXT)).audio == realtime_sound(realtime_request(TEXT))
        assert calls_by_outcome(cache) == {"reworded": 1, "ok": 1}

    def test_a_reworded_clip_is_not_made_again_until_staff_ask(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault="reword")
        request = realtime_request(TEXT)
        for _ in range(3):
            assert isinstance(failure(cache, request), Reworded)
        assert len(openai.calls()) == 3

        openai.behave()
        end_cooldowns([request.content_hash])
        assert play(cache, request).audio == realtime_sound(request)

    def test_other_processes_know_of_a_reworded_clip(self, cache: SpeechCache, openai: OpenAIServer) -> None:
        openai.behave(fault="reword")
        failure(cache, realtime_request(TEXT))
        with realtime_cache(openai) as other:
            error = failure(other, realtime_request(TEXT))
        assert isinstance(error, Reworded) and error.differences == ()
        assert len(openai.calls()) == 3

    def test_no_word_of_a_reworded_clip_is_logged_or_shown(
        self, cache: SpeechCache, openai: OpenAIServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        openai.behave(fault="reword")
        words = "My secret was a canary."
        with caplog.at_level(logging.DEBUG):
            making = cache.generate_privately(realtime_request(words))
            with pytest.raises(Reworded) as raised:
                making.recording.result()
        assert "canary" not in caplog.text + str(raised.value) + repr(raised.value)
        assert not Clip.objects.exists() and not Lease.objects.exists()


class TestMoney:
    def test_a_call_is_settled_by_its_tokens_in_ledger_and_budget(self, openai: OpenAIServer) -> None:
        with realtime_cache(openai, usd_a_day=1) as cache:
            play(cache, realtime_request(TEXT))
            assert spent_usd(cache) == pytest.approx(openai.bill_usd(), abs=1e-6)
            assert BudgetDay.objects.get().committed_microusd == pytest.approx(openai.bill_usd() * 1e6, abs=1)

    def test_a_clip_that_is_found_broken_afterwards_is_booked_with_its_tokens(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault="silence")
        assert isinstance(failure(cache, realtime_request(TEXT)), BrokenAudio)
        assert spent_usd(cache) == pytest.approx(openai.bill_usd(), abs=CENT / 100) and spent_usd(cache) > 0

    def test_a_clip_that_cannot_be_encoded_is_booked_with_its_tokens(
        self, cache: SpeechCache, openai: OpenAIServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> bytes:
            raise MemoryError

        monkeypatch.setattr("ttscache.audio.encode", fail)
        assert isinstance(failure(cache, realtime_request(TEXT)), BrokenAudio)
        assert spent_usd(cache) == pytest.approx(openai.bill_usd(), abs=CENT / 100) and spent_usd(cache) > 0

    @pytest.mark.parametrize("fault", ["break_off", "failed", "content_filter", "max_output_tokens"])
    def test_a_call_that_is_cut_is_booked_by_what_came_of_it(
        self, cache: SpeechCache, openai: OpenAIServer, fault: str
    ) -> None:
        openai.behave(fault=fault)
        failure(cache, realtime_request(TEXT))
        assert spent_usd(cache) == pytest.approx(openai.bill_usd(), abs=CENT / 100) and spent_usd(cache) > 0

    def test_a_refused_call_costs_nothing(self, cache: SpeechCache, openai: OpenAIServer) -> None:
        openai.behave(fault=429, retry_after_seconds=60)
        failure(cache, realtime_request(TEXT))
        assert spent_usd(cache) == openai.bill_usd() == 0

    def test_calls_at_once_never_spend_beyond_the_cap(self, openai: OpenAIServer) -> None:
        requests = [realtime_request(f"{TEXT} This is number {number}.") for number in range(12)]
        cap = 4.5 * most_usd(requests[0])
        openai.behave(gate_before_headers=True)
        with realtime_cache(openai, usd_a_day=cap) as cache, ThreadPoolExecutor(12) as pool:
            made = [pool.submit(attempt, cache, request) for request in requests]
            # No call is settled before all twelve have asked for money.
            wait_until(lambda: sum(each.done() for each in made) == 8, "eight of twelve refused")
            openai.release()
            refused = [isinstance(each.result(), BudgetExhausted) for each in made]
            assert refused.count(True) == 8
            assert spent_usd(cache) <= cap and openai.bill_usd() <= cap
            assert BudgetDay.objects.get().committed_microusd == pytest.approx(spent_usd(cache) * 1e6, abs=12)

    def test_a_text_that_no_money_is_left_for_is_not_called(self, openai: OpenAIServer) -> None:
        with realtime_cache(openai, usd_a_day=most_usd(realtime_request(TEXT)) / 2) as cache:
            assert isinstance(failure(cache, realtime_request(TEXT)), BudgetExhausted)
        assert openai.calls() == []


class TestProviderErrors:
    def test_a_realtime_answer_that_is_late_is_a_timeout(self, openai: OpenAIServer) -> None:
        openai.behave(fault="never")
        with realtime_cache(openai, first_byte_seconds=0.3) as cache:
            error = failure(cache, realtime_request(TEXT))
        assert (type(error), error.status, len(openai.calls())) == (ProviderTimeout, 504, 3)

    def test_retry_after_of_the_realtime_api_is_passed_on(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault=429, retry_after_seconds=90)
        error = failure(cache, realtime_request(TEXT))
        assert (type(error), error.retry_after_seconds) == (ProviderUnavailable, 90)
        assert len(openai.calls()) == 1, "nobody tries again at once"

    def test_a_text_that_the_content_filter_stops_is_refused_and_not_offered_again(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault="content_filter")
        for _ in range(2):
            error = failure(cache, realtime_request(TEXT))
            assert (type(error), error.code) == (TextRefused, "text_refused")
        assert len(openai.calls()) == 1

    def test_a_retired_model_is_called_once_and_is_no_outage(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault=410)
        error = failure(cache, realtime_request(TEXT))
        assert (type(error), error.code) == (ModelRetired, "model_retired")
        assert calls_by_outcome(cache) == {"model_retired": 1} and spent_usd(cache) == 0
        assert not cache.synthesizer.circuit.is_open

    def test_retired_models_never_open_the_circuit(self, cache: SpeechCache, openai: OpenAIServer) -> None:
        openai.behave(fault=410)
        for number in range(10):
            failure(cache, realtime_request(f"{TEXT} {number}"))
        assert not cache.synthesizer.circuit.is_open

    def test_a_text_that_is_always_reworded_does_not_stop_the_others(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        openai.behave(fault="reword", on_text="childhood")
        for _ in range(4):
            failure(cache, realtime_request(TEXT))
            end_cooldowns([realtime_request(TEXT).content_hash])
        assert not cache.synthesizer.circuit.is_open
        assert play(cache, realtime_request("Something else.")).audio

    def test_many_reworded_texts_open_the_circuit_until_a_look(
        self, cache: SpeechCache, openai: OpenAIServer
    ) -> None:
        """A model that rewords every text must not be paid three times for each of them."""
        openai.behave(fault="reword")
        for number in range(FAILURES_IN_A_ROW):
            assert not cache.synthesizer.circuit.is_open
            failure(cache, realtime_request(f"{TEXT} {number}"))
        assert cache.synthesizer.circuit.is_open


def attempt(cache: SpeechCache, request: SpeechRequest) -> Entry | SpeechError:
    """Play the clip in a thread of its own; return the entry or the error."""
    try:
        return play(cache, request)
    except SpeechError as error:
        return error
    finally:
        connections.close_all()


# Each fault hits one clip in twenty: half of those at the first call only, half at every call.
FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "reword"},
    {"fault": "contract"},
    {"fault": "silence"},
    {"fault": "break_off"},
    {"fault": "failed"},
    {"fault": "content_filter"},
    {"fault": "no_transcript"},
    {"fault": 429},
    {"first_byte_delay_seconds": 30},
)
UNKNOWN_VOICE = "fable"
CAP_USD = 1_000
LEFT_TO_STAFF = {"reword", "contract", "unknown voice"}  # faults


@dataclass(frozen=True)
class Order:
    """A clip to make, and the fault that its calls meet."""

    request: SpeechRequest
    fault: str | int = ""
    is_lasting: bool = False


def orders(openai: OpenAIServer, count: int) -> list[Order]:
    """Return clips with every kind of fault, shuffled, so that the faults follow no pattern."""
    dice, made = random.Random(11), list[Order]()
    for number in range(count):
        text, kind = f"I am number {number} of all the stories that I tell.", number % 20
        is_lasting = dice.random() < 0.5
        if kind < len(FAULTS):
            limit = {} if is_lasting else {"first_calls": 1}
            openai.behave_also(on_text=f"number {number} ", **FAULTS[kind], **limit)
            made.append(Order(realtime_request(text), FAULTS[kind].get("fault", "slow"), is_lasting))
        elif kind == len(FAULTS):
            made.append(Order(realtime_request(text, UNKNOWN_VOICE), "unknown voice", is_lasting=True))
        else:
            made.append(Order(realtime_request(text)))
    dice.shuffle(made)
    return made


def kept_of(cache: SpeechCache, wanted: list[Order]) -> set[Order]:
    """Read every kept clip; each must be whole and say its own words, byte for byte."""
    found = {order: cache.find(order.request.content_hash) for order in wanted}
    for order, hit in found.items():
        assert hit is None or hit.entry.audio == realtime_sound(order.request), "other words, or not whole"
    return {order for order, hit in found.items() if hit is not None}


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(200, marks=pytest.mark.long_on_postgresql),
        pytest.param(2_000, marks=[pytest.mark.long, pytest.mark.timeout(1_800)]),
    ],
)
def test_realtime_clips_with_every_fault_are_never_kept_wrong_and_the_ledger_equals_the_bill(
    openai: OpenAIServer, count: int
) -> None:
    wanted = orders(openai, count)
    with (
        realtime_cache(openai, usd_a_day=CAP_USD, first_byte_seconds=2) as cache,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask_for(missing: Iterable[Order]) -> Counter[str]:
            answers = pool.map(lambda order: attempt(cache, order.request), list(missing))
            return Counter(type(answer).__name__ for answer in answers)

        def bill_is_booked() -> bool:
            return abs(spent_usd(cache) - openai.bill_usd()) < CENT

        answers = ask_for(wanted)
        assert answers["Reworded"] and answers["BrokenAudio"] and answers["VoiceNotInUse"]
        kept = kept_of(cache, wanted)
        assert not {order for order in kept if order.is_lasting}
        wait_until(bill_is_booked, "the end of calls that were given up", seconds=10)

        openai.behave()  # the faults end; each look lets ten minutes pass

        def all_that_can_be_made_are_made() -> bool:
            Lease.objects.exclude(error=Reworded.remembered_as).update(until=Now())
            ask_for(order for order in wanted if order not in kept)
            kept.update(kept_of(cache, wanted))
            return {order.fault for order in wanted if order not in kept} == LEFT_TO_STAFF

        # An open circuit refuses all of them until its next trial.
        wait_until(all_that_can_be_made_are_made, "the clips that can be made", seconds=count)
        assert bill_is_booked()
        spent, outcomes = spent_usd(cache), calls_by_outcome(cache)
        committed = BudgetDay.objects.get().committed_microusd / 1e6
    assert abs(committed - spent) < CENT < spent and committed <= CAP_USD
    assert set(outcomes) >= {"ok", "reworded", "provider_failed", "text_refused", "provider_timeout"}
