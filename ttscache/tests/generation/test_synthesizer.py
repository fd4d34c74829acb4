from __future__ import annotations

import threading

import pytest

from harness.clips import entry, speech, spoken
from harness.fake_voice import MOST_CHARACTERS, FakeVoice, free_ledger
from harness.waiting import wait_until
from ttscache.accounting.budget import Budget
from ttscache.accounting.ledger import Ledger
from ttscache.errors import (
    BudgetExhausted,
    Busy,
    ProviderDown,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
    TextRefused,
)
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW
from ttscache.generation.job import GenerationJob
from ttscache.generation.recording import Recording
from ttscache.generation.synthesizer import SynthesizedClip, Synthesizer
from ttscache.models import BudgetDay, Spending
from ttscache.speech import SpeechRequest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_pauses")]

# The fake voice splits this text into four different parts.
LONG = " ".join(f"This is sentence {number} about a long, winding life." for number in range(10, 50))
PARTS = 4


@pytest.fixture
def ledger() -> Ledger:
    return free_ledger()


def synthesizer_of(voice: FakeVoice, ledger: Ledger, usd_a_day: float | None = None) -> Synthesizer:
    return Synthesizer(voice, ledger, Budget(usd_a_day))


def speak(
    synthesizer: Synthesizer, request: SpeechRequest | None = None, parts_at_once: int = 2
) -> SynthesizedClip:
    job = GenerationJob(request or speech(), "question", parts_at_once)
    return synthesizer.synthesize(job, recording())


def recording() -> Recording:
    return Recording(lambda _: entry())


def recorded_calls(ledger: Ledger) -> dict[str, tuple[int, int, int]]:
    ledger.flush()
    return {row.outcome: (row.calls, row.characters, row.cost_microusd) for row in Spending.objects.all()}


def test_a_long_text_is_spoken_in_parts_and_joined(ledger: Ledger) -> None:
    voice = FakeVoice()
    made = speak(synthesizer_of(voice, ledger), speech(LONG))

    assert len(voice.calls) == PARTS
    assert all(len(call.text) <= MOST_CHARACTERS for call in voice.calls)
    assert " ".join(sorted((call.text for call in voice.calls), key=LONG.index)) == LONG
    assert made.facts.duration_ms >= sum(len(spoken(call)) for call in voice.calls) / 48 - 10


def test_the_ledger_has_a_call_for_each_part(ledger: Ledger) -> None:
    speak(synthesizer_of(FakeVoice(), ledger), speech(LONG))

    characters = len(LONG) - (PARTS - 1)  # splitting drops the white space at the cuts
    assert recorded_calls(ledger) == {"ok": (PARTS, characters, characters * 30)}


@pytest.mark.parametrize("at_once", [1, 3])
def test_parts_in_parallel_never_exceed_their_limit(ledger: Ledger, at_once: int) -> None:
    voice = FakeVoice()
    voice.may_go_on.clear()
    speaking = threading.Thread(
        target=speak, args=(synthesizer_of(voice, ledger), speech(LONG)), kwargs={"parts_at_once": at_once}
    )
    speaking.start()
    wait_until(lambda: voice.speaking == at_once, "so many calls")
    voice.may_go_on.set()
    speaking.join()
    assert (voice.peak, len(voice.calls)) == (at_once, PARTS)


def test_only_the_failed_part_of_a_clip_is_made_again(ledger: Ledger) -> None:
    voice = FakeVoice(errors=[ProviderUnavailable()])
    speak(synthesizer_of(voice, ledger), speech(LONG))
    assert len(voice.calls) == PARTS + 1


def test_a_refused_part_stops_the_remaining_parts(ledger: Ledger) -> None:
    voice = FakeVoice(errors=[TextRefused()])
    with pytest.raises(TextRefused):
        speak(synthesizer_of(voice, ledger), speech(LONG), 1)
    assert len(voice.calls) <= 2  # the next part may have begun already


def test_the_provider_is_not_called_beyond_the_budget(ledger: Ledger) -> None:
    price = len(speech().text) * 30 / 1e6
    voice = FakeVoice()
    synthesizer = synthesizer_of(voice, ledger, 1.5 * price)
    speak(synthesizer)
    with pytest.raises(BudgetExhausted):
        speak(synthesizer)
    assert len(voice.calls) == 1


def test_a_call_without_audio_releases_its_reservation(ledger: Ledger) -> None:
    price = len(speech().text) * 30 / 1e6
    synthesizer = synthesizer_of(FakeVoice(errors=[ProviderUnavailable()]), ledger, 1.5 * price)
    speak(synthesizer)
    assert BudgetDay.objects.get().committed_microusd == round(price * 1e6)


@pytest.mark.parametrize("threads", [0, 1])
def test_parts_without_a_thread_release_their_reservation(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    started = iter(range(threads))
    start = threading.Thread.start

    def start_if_there_is_room(thread: threading.Thread) -> None:
        if next(started, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    synthesizer = synthesizer_of(FakeVoice(), ledger, 1)
    monkeypatch.setattr(threading.Thread, "start", start_if_there_is_room)
    with pytest.raises(Busy):
        speak(synthesizer, speech(LONG))
    spent = sum(cost for _, _, cost in recorded_calls(ledger).values())
    assert BudgetDay.objects.get().committed_microusd == spent


def test_a_call_that_timed_out_may_have_been_paid_for(ledger: Ledger) -> None:
    speak(synthesizer_of(FakeVoice(errors=[ProviderTimeout()]), ledger))
    cost = len(speech().text) * 30
    assert recorded_calls(ledger) == {
        "provider_timeout": (1, len(speech().text), cost),
        "ok": (1, len(speech().text), cost),
    }


def test_a_model_priced_by_sound_is_settled_by_its_seconds(ledger: Ledger) -> None:
    made = speak(synthesizer_of(FakeVoice(), ledger, 1), speech(model="gpt-4o-mini-tts"))
    cost = round(made.facts.duration_ms / 1_000 * 0.00025 * 1e6)
    assert BudgetDay.objects.get().committed_microusd == cost
    assert recorded_calls(ledger)["ok"][2] == cost


def test_a_run_of_failures_stops_the_calls_until_a_look_finds_all_well(ledger: Ledger) -> None:
    voice = FakeVoice(errors=[ProviderUnavailable()] * 100)
    voice.is_in_good_health = False
    synthesizer = synthesizer_of(voice, ledger)
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            speak(synthesizer)
    assert len(voice.calls) == FAILURES_IN_A_ROW
    with pytest.raises(ProviderDown):
        speak(synthesizer)


def test_a_recording_that_was_broken_off_makes_no_further_call(ledger: Ledger) -> None:
    voice = FakeVoice(errors=[ProviderUnavailable()] * 3)
    broken_off = recording()
    broken_off.set_exception(ProviderTimeout())
    with pytest.raises(SpeechError):
        synthesizer_of(voice, ledger).synthesize(GenerationJob(speech(), "question"), broken_off)
    assert voice.calls == []


def test_parts_that_are_paid_for_are_not_paid_for_again(ledger: Ledger) -> None:
    voice = FakeVoice()
    synthesizer = synthesizer_of(voice, ledger)
    voice.fails_on = LONG[-40:]
    with pytest.raises(ProviderFailed):
        speak(synthesizer, speech(LONG), parts_at_once=1)
    done = recorded_calls(ledger)["ok"][0]
    voice.fails_on = ""
    voice.calls.clear()
    speak(synthesizer, speech(LONG))
    assert (done, len(voice.calls)) == (PARTS - 1, 1)


def test_paid_parts_of_a_persons_own_words_are_not_kept(ledger: Ledger) -> None:
    voice = FakeVoice()
    synthesizer = synthesizer_of(voice, ledger)
    for _ in range(2):
        synthesizer.synthesize(GenerationJob(speech(LONG), "response"), recording())
    assert len(voice.calls) == 2 * PARTS
