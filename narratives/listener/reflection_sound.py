"""The sound of a reflection: where a clip that anyone may hear is, or a personal one in the answer itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from django.db import Error
from django.http import HttpRequest

from narratives.listener.playlist import audio_fields, cue_fields, described_audio, with_cues
from narratives.reflections.question import Question
from ttscache.audio import FORMATS
from ttscache.cache import GenerationJob
from ttscache.delivery.metering import Meter, requested_text
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import ProviderTimeout, SpeechError, StoreUnavailable
from ttscache.models import Clip, ContentType
from ttscache.renditions.retirement import require_offered
from ttscache.speech import SpeechRequest
from ttscache.tiers import Entry
from ttscache.wiring import speech_cache

LONGEST_WAIT_SECONDS = 6.0  # for the sound of a personal reflection; later the page has moved on


def shared_sound(question: Question, text: str) -> dict[str, Any]:
    """Tell where the clip of a shareable reflection is. Nothing is made here: the GET that plays it makes it.

    Raises Error. While the provider is known to be down or its model retired, the embedded voice speaks at
    once, where TTS_FALLBACK says so: no GET would.
    """
    speech = question.speech(text)
    clip = _on_record(speech)
    has_fallback = speech_cache().fallback is not None
    if not clip.is_ready and has_fallback and (trouble := _known_trouble(speech)) is not None:
        instead = _spoken_instead(GenerationJob(speech, ContentType.ANALYSIS), question.voice, trouble)
        if instead is not None:
            return _in_the_answer(instead, text)
    return with_cues(described_audio(speech, clip), text)


def personal_sound(
    request: HttpRequest, question: Question, text: str, before_start: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """The whole clip of a reflection that may quote the person: made now, and kept nowhere."""
    speech = question.speech(text)
    job = GenerationJob(speech, ContentType.RESPONSE)
    meter = Meter(request, requested_text(speech, ContentType.RESPONSE))
    outcome, entry = "failed", None
    try:
        before_start()
        entry, outcome = _speak(job), "generated"
    except SpeechError as trouble:
        entry = _spoken_instead(job, question.voice, trouble)
        outcome = "fallback" if entry is not None else "failed"
    meter.record(outcome, entry.size if entry else 0)
    return _in_the_answer(entry, text) if entry is not None else no_sound(speech.audio_format)


def no_sound(audio_format: str) -> dict[str, Any]:
    """The answer for words that are shown and cannot be heard."""
    return audio_fields(audio_format)


def _speak(job: GenerationJob) -> Entry:
    leave = waiting_room().enter()
    try:
        playing = speech_cache().generate_privately(job.request)
        if not playing.recording.ends_within(LONGEST_WAIT_SECONDS):
            raise ProviderTimeout
        return playing.recording.result()
    except Error as error:
        raise StoreUnavailable from error
    finally:
        leave()


def _spoken_instead(job: GenerationJob, voice: str, trouble: SpeechError) -> Entry | None:
    """The words in the embedded voice, where there is one for this trouble."""
    try:
        return speech_cache().fall_back(job, voice, trouble)
    except SpeechError:
        return None


def _known_trouble(speech: SpeechRequest) -> SpeechError | None:
    """Why a new clip could not be made at present; None where nothing is known. Raises Error."""
    try:
        require_offered(speech.model)
        speech_cache().synthesizer.circuit.check()
    except SpeechError as trouble:
        return trouble
    return None


def _on_record(speech: SpeechRequest) -> Clip:
    """Its record, which says that anyone may hear it. One query for a clip that was said before."""
    known = Clip.objects.filter(content_hash=speech.content_hash).defer("waveform").first()
    if known is None or not known.is_shareable:
        Clip.objects.record_all([speech], ContentType.ANALYSIS, are_shareable=True)
    return known or Clip.of(speech, ContentType.ANALYSIS)


def _in_the_answer(entry: Entry, text: str) -> dict[str, Any]:
    media_type = FORMATS[entry.audio_format].media_type
    address = f"data:{media_type};base64,{base64.b64encode(entry.audio).decode()}"
    told = audio_fields(
        entry.audio_format, address, is_ready=True, duration_ms=entry.duration_ms, size=entry.size
    )
    return told | {"cues": cue_fields(text, entry.duration_ms)}  # not by `with_cues`, which remembers texts
