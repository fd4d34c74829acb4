from __future__ import annotations

import pytest

from harness.clips import speech, spoken
from harness.fake_voice import FakeVoice
from ttscache.errors import VoiceNotInUse
from ttscache.providers.by_model import ProviderByModel
from ttscache.providers.embedded import EmbeddedProvider
from ttscache.speech import EMBEDDED_MODEL

pytestmark = pytest.mark.any_database


class NoVoice(FakeVoice):
    """A voice that can speak no model."""

    def can_speak(self, request: object) -> bool:
        return False


def test_the_model_of_a_request_decides_who_speaks() -> None:
    fake = FakeVoice()
    both = ProviderByModel([fake, EmbeddedProvider()])

    assert b"".join(both.speak(speech())) == spoken(speech())
    assert b"".join(both.speak(speech(model=EMBEDDED_MODEL))) != spoken(speech())
    assert [call.model for call in fake.calls] == ["tts-1-hd"]


def test_name_streaming_and_health_of_several_providers_are_those_of_the_first() -> None:
    both = ProviderByModel([FakeVoice(is_streaming=True), EmbeddedProvider()])

    assert (both.name, both.streams(speech()), both.is_well()) == ("fake", True, True)


def test_a_text_is_cut_as_its_own_provider_wants_it() -> None:
    both = ProviderByModel([EmbeddedProvider(), FakeVoice()])
    text = "A sentence of some words. " * 60

    assert len(both.parts(speech(text))) == len(FakeVoice().parts(speech(text))) > 1
    assert len(both.parts(speech(text, model=EMBEDDED_MODEL))) == 1


def test_a_model_that_nobody_speaks_is_refused() -> None:
    both = ProviderByModel([NoVoice(), EmbeddedProvider()])

    assert not both.can_speak(speech())
    with pytest.raises(VoiceNotInUse):
        both.speak(speech())
