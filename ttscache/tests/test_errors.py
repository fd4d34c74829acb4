"""An error that one process records is raised as an equal error in another."""

from __future__ import annotations

import pytest

from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
    Fault,
    ModelRetired,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    Reworded,
    SpeechError,
    SpeedOutOfRange,
    StoreUnavailable,
    TextRefused,
    error_of,
)

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (BrokenAudio.remembered_as, BrokenAudio),
        (BrokenAudio.remembered_for_good_as, BrokenAudio),
        ("broken_audio:silence", BrokenAudio),
        (Reworded.remembered_as, Reworded),
        (ModelRetired.code, ModelRetired),
        (SpeedOutOfRange.code, SpeedOutOfRange),
        (TextRefused.code, TextRefused),
        (ProviderUnavailable.code, ProviderUnavailable),
        (ProviderTimeout.code, ProviderTimeout),
        (ProviderFailed.code, ProviderFailed),
        (StoreUnavailable.code, StoreUnavailable),
        (BudgetExhausted.code, BudgetExhausted),
        ("of a later release", ProviderFailed),
    ],
)
def test_a_code_gives_its_error(code: str, kind: type[SpeechError]) -> None:
    assert type(error_of(code)) is kind


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("is_for_good", [False, True])
def test_a_refused_clip_is_remembered_with_its_fault(fault: Fault, is_for_good: bool) -> None:
    error = BrokenAudio(kind=fault)
    error.waits_for_staff = is_for_good
    again = error_of(error.remembered_fault)
    assert isinstance(again, BrokenAudio)
    assert (again.kind, again.waits_for_staff) == (fault, is_for_good)
    assert again.for_staff() == error.for_staff()
    assert len(error.remembered_fault) <= 40  # as the column of leases takes
