"""Reflections on what a listener has told: POST /api/reflections, and the two calls of earlier front ends.

The answer lives in these functions and nowhere else: in no row, queue, cache, log line or error.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from django.db import Error
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from narratives import safety
from narratives.content.loading import DEFAULT_CONTENT
from narratives.listener.api import AudioSerializer
from narratives.listener.playlist import described_audio, with_cues
from narratives.listener.reflection_sound import no_sound, personal_sound, shared_sound
from narratives.models import Journey, Narrative, PublicationEntry
from narratives.reflections.bank import GENERAL
from narratives.reflections.model import reflection_model
from narratives.reflections.question import Question
from narratives.reflections.reflecting import Reflection, note_heard, reflect
from narratives.safety import Level
from ttscache.accounting.prices import chat_cost_usd
from ttscache.api.base import JsonView, PublicView
from ttscache.api.errors import ErrorSerializer
from ttscache.api.permissions import MaySpendUnlessOpen
from ttscache.api.spending import begin_generation, note_spending
from ttscache.api.throttling import check_stranger_rate
from ttscache.api.validation import StrictCharField, StrictIntegerField, checked_voice, json_object
from ttscache.conf import conf
from ttscache.delivery.http import NEVER
from ttscache.errors import EmptyText, SpeechError, TextTooLong
from ttscache.models import Clip
from ttscache.token_usage import TokenUsage, text_tokens

logger = logging.getLogger(__name__)

MOST_ANSWER_CHARACTERS = 20_000
MOST_GATED_CHARACTERS = 200_000  # of an answer that is too long: ten parts, a second of work at the most
GATED_OVERLAP = 1_000  # so that no sentence is cut in two for the gate
MOST_HEARD = 50
NO_REFLECTION, SAFETY = "sorry_no_reflection", "safety"  # names of system clips
SLOW_DOWN = (
    "Many answers have come in a short time. Nothing is lost: please wait a minute, then go on or try again."
)
_HASH = re.compile(r"[0-9a-f]{32}")


class UnknownNarrative(SpeechError):
    code = "unknown_narrative"
    status = 404
    sentence = "There is no such narrative."


class EmptyAnswer(EmptyText):
    sentence = "There is no answer to reflect on."


class AnswerTooLong(TextTooLong):
    sentence = f"The answer is too long: at most {MOST_ANSWER_CHARACTERS} characters are taken."


class ReflectionRequestSerializer(serializers.Serializer[Any]):
    narrative = StrictIntegerField(help_text="The question's id in /api/narratives.")
    answer = StrictCharField(help_text="It is never stored or logged.")
    voice = StrictCharField(required=False, allow_null=True)
    heard = serializers.ListField(
        child=StrictCharField(),
        required=False,
        allow_null=True,
        max_length=MOST_HEARD,
        help_text="Content hashes of the reflections that this journey has heard; none of them comes again.",
    )
    session = StrictCharField(
        required=False,
        allow_null=True,
        max_length=100,
        help_text="A random name that the page has made up for this journey; it counts for throttling alone.",
    )


class ReflectionAudioSerializer(AudioSerializer):
    url = serializers.CharField(
        allow_null=True, help_text="A data: URL of a personal reflection; null where the words have no sound."
    )


class ReflectionSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    text = serializers.CharField()
    source = serializers.ChoiceField(choices=["model", "bank", "safety"])  # type: ignore[assignment]
    level = serializers.ChoiceField(choices=[str(each) for each in Level])
    reused = serializers.BooleanField(help_text="The model has chosen one that was said before.")
    audio = ReflectionAudioSerializer()


class AnalyzeRequestSerializer(serializers.Serializer[Any]):
    question = StrictCharField(required=False, allow_null=True)
    answer = StrictCharField()


class AnalysisSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    analysis = serializers.CharField()


class AnalyzeAndSpeakRequestSerializer(AnalyzeRequestSerializer):
    voice = StrictCharField(required=False, allow_null=True)


class SpokenAnalysisSerializer(AnalysisSerializer):
    tts_path = serializers.CharField(allow_null=True, help_text="The clip's address, or a data: URL.")


_REFUSALS = {status: OpenApiResponse(ErrorSerializer) for status in (400, 404, 429)}


class ReflectionsView(PublicView):
    """A short reflection on an answer, with its sound."""

    @extend_schema(request=ReflectionRequestSerializer, responses={200: ReflectionSerializer, **_REFUSALS})
    def post(self, request: Request) -> Response:
        """Reflects on an answer. An urgent answer gets the words of the safety screen."""
        data = json_object(request)
        # Before anything else can go wrong, or somebody be told to wait.
        answer, level = _gated_answer(data, request, self)
        if level == Level.URGENT:
            words = _system_words(SAFETY, data.get("narrative"), data.get("voice"))
            return _answered(Reflection("", "safety", level), *words)
        form = ReflectionRequestSerializer(data=data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        voice = checked_voice(given.get("voice"), conf().listener_voices)
        entry = _entry_of_journey(given["narrative"])
        check_stranger_rate("reflection", given.get("session") or "", SLOW_DOWN, request, self)
        journey = entry.publication.journey
        question = Question(
            text=entry.revision.text,
            theme=entry.theme or GENERAL,
            language=journey.language,
            voice=voice,
            heard=frozenset(filter(_HASH.fullmatch, given.get("heard") or ())),
        )
        reflection = reflect(question, answer, reflection_model(), level=level)
        words = _words_and_sound(reflection, question, journey, request, self)
        return _answered(reflection, *words)


class AnalyzeView(JsonView):
    """A reflection without sound, as the earlier service gave it."""

    permission_classes = (MaySpendUnlessOpen,)

    @extend_schema(request=AnalyzeRequestSerializer, responses={200: AnalysisSerializer, **_REFUSALS})
    def post(self, request: Request) -> Response:
        """Reflects on an answer to any question. The same gate and rules hold as for /api/reflections."""
        data = json_object(request)
        _, level = _gated_answer(data, request, self)  # first of all, as in /api/reflections
        if level == Level.URGENT:
            text = _urgent_words(data)[0]
            return Response({"success": True, "analysis": text}, headers={"Cache-Control": NEVER})
        reflection, question, journey = _analyzed(data, level, request, self, AnalyzeRequestSerializer)
        text = reflection.text or _system_words(_slug_for(reflection), journey, question.voice)[0]
        note_heard(question, reflection)
        return Response({"success": True, "analysis": text}, headers={"Cache-Control": NEVER})


class AnalyzeAndSpeakView(JsonView):
    """A reflection with its sound, as the earlier service gave it."""

    permission_classes = (MaySpendUnlessOpen,)

    @extend_schema(
        request=AnalyzeAndSpeakRequestSerializer, responses={200: SpokenAnalysisSerializer, **_REFUSALS}
    )
    def post(self, request: Request) -> Response:
        """Reflects on an answer to any question, and says where the sound is."""
        data = json_object(request)
        _, level = _gated_answer(data, request, self)  # first of all, as in /api/reflections
        if level == Level.URGENT:
            text, audio = _urgent_words(data)
        else:
            analyzed = _analyzed(data, level, request, self, AnalyzeAndSpeakRequestSerializer)
            text, audio = _words_and_sound(*analyzed, request, self)
        told = {"success": True, "analysis": text, "tts_path": audio["url"]}
        return Response(told, headers={"Cache-Control": NEVER})


def _analyzed(
    data: dict[str, Any],
    level: Level,
    request: Request,
    view: JsonView,
    serializer: type[AnalyzeRequestSerializer],
) -> tuple[Reflection, Question, Journey | None]:
    form = serializer(data=data)
    form.is_valid(raise_exception=True)
    given = form.validated_data
    voice = checked_voice(given.get("voice"), conf().listener_voices)
    words = given.get("question") or ""
    check_stranger_rate("reflection", "", SLOW_DOWN, request, view)
    entry = _question_with_words(words)
    journey = entry.publication.journey if entry is not None else Journey.objects.live().first()
    question = Question(
        text=words,
        theme=(entry.theme if entry is not None else "") or GENERAL,
        language=journey.language if journey is not None else "en",
        voice=voice,
    )
    reflection = reflect(question, data["answer"], reflection_model(), level=level)
    if reflection.source == "model":
        _note_call(request, words + data["answer"], reflection.text)
    return reflection, question, journey


def _note_call(request: Request, read: str, written: str) -> None:
    """Note what staff have had reflected on in their session. Raises Error."""
    usage = TokenUsage(text_in=text_tokens(read), text_out=text_tokens(written))
    characters = len(read) + len(written)
    note_spending(request, characters, chat_cost_usd(conf().reflection_model, usage, characters))


def _urgent_words(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The safety words and their sound. Never fails, whatever else is in the request."""
    try:
        entry = _question_with_words(data.get("question"))
    except (Error, ValueError):  # PostgreSQL takes no NUL in a text
        entry = None
    return _system_words(SAFETY, entry.narrative_id if entry is not None else None, data.get("voice"))


def _question_with_words(text: object) -> PublicationEntry | None:
    """The published question of a live journey that has exactly these words."""
    if not isinstance(text, str) or not text:
        return None
    live = PublicationEntry.objects.live().in_live_journeys()
    questions = live.filter(revision__text=text, kind=Narrative.Kind.QUESTION)
    return questions.select_related("revision", "publication__journey").first()


def _gated_answer(data: dict[str, Any], request: Request, view: JsonView) -> tuple[str, Level]:
    """The answer and its level. Raises EmptyAnswer, Throttled, or AnswerTooLong.

    It comes before the serializer, whose messages are for programs. An answer that is too long is refused
    only after the gate: somebody who has pasted a long letter with a cry for help gets the safety words.
    """
    answer = data.get("answer", "")
    if not isinstance(answer, str) or not answer.strip():
        raise EmptyAnswer
    if len(answer) <= MOST_ANSWER_CHARACTERS:
        return answer, safety.level(answer)
    # The gate reads it for longer than any other answer, so this caller is counted first.
    check_stranger_rate("reflection", "", SLOW_DOWN, request, view)
    for part in _parts_for_the_gate(answer):
        if safety.level(part) == Level.URGENT:
            return answer, Level.URGENT
    raise AnswerTooLong


def _parts_for_the_gate(answer: str) -> Iterator[str]:
    """Parts as long as the longest answer that is taken. Of an enormous one, its beginning and its end."""
    if len(answer) > MOST_GATED_CHARACTERS:
        half = MOST_GATED_CHARACTERS // 2
        answer = f"{answer[:half]}\n{answer[-half:]}"
    for start in range(0, len(answer), MOST_ANSWER_CHARACTERS - GATED_OVERLAP):
        yield answer[start : start + MOST_ANSWER_CHARACTERS]


def _entry_of_journey(pk: int) -> PublicationEntry:
    """The text as listeners get it, or got it last. Raises UnknownNarrative and Error.

    A page that has been open for hours may show a text that is live no longer: its answers are still taken.
    """
    heard = PublicationEntry.objects.heard().in_live_journeys().filter(narrative=pk)
    try:
        entry = (
            heard.exclude(kind=Narrative.Kind.SYSTEM)
            .select_related("revision", "publication__journey")
            .first()
        )
    except OverflowError:  # SQLite takes no larger numbers
        entry = None
    if entry is None:
        raise UnknownNarrative
    return entry


def _words_and_sound(
    reflection: Reflection, question: Question, journey: Journey | None, request: Request, view: JsonView
) -> tuple[str, dict[str, Any]]:
    if not reflection.text:
        return _system_words(_slug_for(reflection), journey, question.voice)
    if reflection.is_personal:
        before_start = cache(partial(begin_generation, request, view, question.speech(reflection.text)))
        return reflection.text, personal_sound(request._request, question, reflection.text, before_start)
    note_heard(question, reflection)
    try:
        return reflection.text, shared_sound(question, reflection.text)
    except Error:
        logger.warning("A reflection is answered without its sound: the database does not answer.")
        return reflection.text, no_sound(conf().audio_format)


def _slug_for(reflection: Reflection) -> str:
    """The system clip that stands where there is no reflection."""
    return SAFETY if reflection.source == "safety" else NO_REFLECTION


def _system_words(slug: str, of: Journey | object, voice: object) -> tuple[str, dict[str, Any]]:
    """The journey's own words of this name with their sound. `of`: the journey, or the id of a text of it.

    Never fails, whatever a page has sent: instead of an unknown text or voice it takes the default ones, and
    where the database does not answer, the words that come with this project are shown and cannot be heard.
    """
    try:
        journey = of if isinstance(of, Journey) else _journey_of(of)
        entry = journey and _system_entry(journey, slug)
        if entry:
            known = next((each for each in conf().listener_voices if each == voice), conf().default_voice)
            speech = entry.revision.speech(known)
            clip = Clip.objects.filter(content_hash=speech.content_hash).defer("waveform").first()
            return entry.revision.text, with_cues(described_audio(speech, clip), entry.revision.text)
    except Error:
        logger.warning("The words “%s” are shown without their sound: the database does not answer.", slug)
    return _shipped_words()[slug], no_sound(conf().audio_format)


def _journey_of(narrative: object) -> Journey | None:
    """The live journey of this text; the default one where the text is unknown."""
    try:
        return _entry_of_journey(narrative if isinstance(narrative, int) else 0).publication.journey
    except UnknownNarrative:
        return Journey.objects.live().first()


def _system_entry(journey: Journey, slug: str) -> PublicationEntry | None:
    live = PublicationEntry.objects.live().filter(publication__journey=journey)
    return live.filter(kind=Narrative.Kind.SYSTEM, slug=slug).first()


@cache
def _shipped_words() -> dict[str, str]:
    words: dict[str, str] = json.loads(DEFAULT_CONTENT.read_text(encoding="utf-8"))["system_clips"]
    return words


def _answered(reflection: Reflection, text: str, audio: dict[str, Any]) -> Response:
    told = {
        "success": True,
        "text": text,
        "source": reflection.source,
        "level": reflection.level,
        "reused": reflection.is_reused,
        "audio": audio,
    }
    return Response(told, headers={"Cache-Control": NEVER})
