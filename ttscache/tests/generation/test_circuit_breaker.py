from __future__ import annotations

from contextlib import suppress

import pytest

from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
    ConnectionClosed,
    KeyRefused,
    ProviderDown,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
    TextRefused,
)
from ttscache.generation.circuit_breaker import FAILURES_IN_A_ROW, LONGEST_PAUSE_SECONDS, CircuitBreaker

pytestmark = pytest.mark.any_database


class Provider:
    """A provider that is well or not, and counts how often somebody looks."""

    def __init__(self) -> None:
        self.is_well = False
        self.looks = 0
        self.now = 1_000.0

    def look(self) -> bool:
        self.looks += 1
        return self.is_well


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def circuit(provider: Provider) -> CircuitBreaker:
    return CircuitBreaker(provider.look, clock=lambda: provider.now)


def fail(circuit: CircuitBreaker, times: int = FAILURES_IN_A_ROW, error: SpeechError | None = None) -> None:
    for _ in range(times):
        circuit.count(error or ProviderUnavailable())


def call(circuit: CircuitBreaker, error: SpeechError | None = None) -> None:
    """Make a call that succeeds, or that fails with this error."""
    with suppress(type(error) if error else SpeechNever), circuit.call():
        if error:
            raise error


class SpeechNever(Exception):
    """An error that nothing raises."""


def retry_after(circuit: CircuitBreaker) -> float:
    with pytest.raises(ProviderDown) as refused, circuit.call():
        pytest.fail("a call was let through")
    assert refused.value.retry_after_seconds is not None
    return refused.value.retry_after_seconds


def test_a_closed_circuit_lets_calls_through(circuit: CircuitBreaker, provider: Provider) -> None:
    fail(circuit, FAILURES_IN_A_ROW - 1)
    call(circuit)
    assert provider.looks == 0


@pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderTimeout(), ProviderFailed(), KeyRefused()])
def test_a_run_of_failures_opens_the_circuit(circuit: CircuitBreaker, error: SpeechError) -> None:
    for _ in range(FAILURES_IN_A_ROW):
        call(circuit, error)
    assert retry_after(circuit) >= 1


def a_wrong_model() -> ProviderFailed:
    error = ProviderFailed()
    error.is_retryable = False
    return error


@pytest.mark.parametrize(
    "error", [TextRefused(), BrokenAudio("short"), BudgetExhausted(), ConnectionClosed(), a_wrong_model()]
)
def test_errors_of_one_text_do_not_count_for_the_circuit(circuit: CircuitBreaker, error: SpeechError) -> None:
    for _ in range(100):
        call(circuit, error)
    call(circuit)


def test_a_success_resets_the_run_of_failures(circuit: CircuitBreaker) -> None:
    for _ in range(2):
        fail(circuit, FAILURES_IN_A_ROW - 1)
        call(circuit)


def test_the_circuit_closes_once_the_provider_is_well(circuit: CircuitBreaker, provider: Provider) -> None:
    fail(circuit)
    retry_after(circuit)
    provider.is_well = True
    provider.now += LONGEST_PAUSE_SECONDS
    call(circuit)
    assert not circuit.is_open


def test_an_open_circuit_looks_at_growing_intervals_up_to_fifteen_seconds(
    circuit: CircuitBreaker, provider: Provider
) -> None:
    fail(circuit)
    pauses = []
    for _ in range(7):
        pauses.append(retry_after(circuit))
        provider.now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    assert provider.looks == 7


def test_an_open_circuit_looks_only_when_the_next_look_is_due(
    circuit: CircuitBreaker, provider: Provider
) -> None:
    fail(circuit)
    for _ in range(50):
        retry_after(circuit)
    assert provider.looks == 1


def test_an_open_circuit_lets_one_trial_through_and_refuses_the_others(
    circuit: CircuitBreaker, provider: Provider
) -> None:
    provider.is_well = True
    fail(circuit)
    with circuit.call():
        assert [retry_after(circuit) for _ in range(3)] == [1, 1, 1]
    call(circuit)
    assert provider.looks == 1


def test_a_trial_that_fails_makes_the_next_one_wait_longer(
    circuit: CircuitBreaker, provider: Provider
) -> None:
    provider.is_well = True
    fail(circuit)
    for seconds in (1, 2, 4):
        call(circuit, ProviderTimeout())
        assert retry_after(circuit) == seconds
        provider.now += seconds


@pytest.mark.parametrize("error", [BrokenAudio("short"), BudgetExhausted()])
def test_an_inconclusive_trial_lets_another_process_try(
    circuit: CircuitBreaker, provider: Provider, error: SpeechError
) -> None:
    provider.is_well = True
    fail(circuit)
    call(circuit, error)
    call(circuit)
    assert not circuit.is_open


def test_a_failed_look_does_not_block_later_looks(provider: Provider) -> None:
    def look() -> bool:
        provider.looks += 1
        if provider.looks == 1:
            raise MemoryError
        return True

    own = CircuitBreaker(look, clock=lambda: provider.now)
    fail(own)
    with pytest.raises(MemoryError):
        call(own)
    provider.now += LONGEST_PAUSE_SECONDS
    call(own)
    assert not own.is_open
