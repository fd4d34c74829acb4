"""An error that one process records is raised as an equal error in another."""

from __future__ import annotations

import pytest

from ttscache.errors import (
    BrokenAudio,
    BudgetExhausted,
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
