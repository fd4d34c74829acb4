"""A fake voice for the cache of this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.fake_voice import FakeVoice
from ttscache.generation.synthesizer import Synthesizer
from ttscache.wiring import speech_cache


@pytest.fixture
def voice(transactional_db: None) -> Iterator[FakeVoice]:
    """The voice of all clips that this process makes."""
    voice = FakeVoice()
    speech_cache().generator.synthesizer = Synthesizer(voice, speech_cache().ledger)
    yield voice
    speech_cache().finish_recordings(5)
