"""A reflection on one answer: the safety gate, then the model, then the bank. The answer is kept nowhere."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import Error

from narratives import safety
from narratives.models import BankReflection, OfferedReflection
from narratives.reflections.bank import choose_from_bank
from narratives.reflections.offers import offers_for
from narratives.reflections.prompt import chosen_number, is_safety_signal, messages_for
from narratives.reflections.question import Question
from narratives.safety.levels import Level, highest
from narratives.text.reflection_rules import is_shareable, problems
from narratives.text.tidying import tidied
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import ProviderError, ProviderTimeout, RequestRefused, SpeechError, TextRefused
from ttscache.speech import SpeechRequest

logger = logging.getLogger(__name__)

ALL_ATTEMPTS_SECONDS = 5.0
ATTEMPTS = 2
LONGEST_PAUSE_SECONDS = 1.0  # the server may ask for one; the listener waits
WITHOUT_OFFER_SHARE = 0.05  # of the calls, so that the reflections in use do not become ever fewer
BANK_LANGUAGE = "en"


class ChatModel(Protocol):
    """Answers a conversation. Raises SpeechError without a word of it."""

    def complete(self, messages: Sequence[dict[str, str]], until: float) -> str: ...


@dataclass(frozen=True, slots=True)
class Reflection:
    """`source`: "model" or "bank"; or "safety", whose words are the journey's own and stand elsewhere.

    `is_personal`: it may hold words of the answer, so that nobody else may hear it.
    """

    text: str
    source: str
    level: str
    is_reused: bool = False
    is_personal: bool = False
    fits_heavy: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """How grave the answer is by now, and what the model has made of it; None where nothing of use."""

    level: Level
    reflection: Reflection | None = None


def reflect(
    question: Question,
    answer: str,
    model: ChatModel | None,
    *,
    level: Level | None = None,
    chance: Callable[[], float] = random.random,
) -> Reflection:
    """A reflection for this answer. `level`: where the gate has been asked already. Raises Error.

    An urgent answer gets none, and no model is called for it. `chance` gives numbers from 0 up to 1.
    """
    level = safety.level(answer) if level is None else level
    if level == Level.URGENT:
        return Reflection("", "safety", level)
    speaks_language = question.language.split("-")[0].lower() == BANK_LANGUAGE
    bank = list(BankReflection.objects.active()) if speaks_language else []
    found = _Found(level)
    if model is not None:
        found = _ask(model, question, answer, level, bank=bank, chance=chance)
    if found.reflection is not None:
        return found.reflection
    chosen = choose_from_bank(
        bank,
        theme=question.theme,
        level=found.level,
        answer=answer,
        is_heard=lambda reflection: question.has_heard(reflection.text),
    )
    if chosen is None:
        return Reflection("", "bank", found.level)
    return Reflection(chosen.text, "bank", found.level, fits_heavy=chosen.is_fit_after_heavy(question.theme))


def _ask(
    model: ChatModel,
    question: Question,
    answer: str,
    level: Level,
    *,
    bank: Sequence[BankReflection],
    chance: Callable[[], float],
) -> _Found:
    """Ask the model, once more where that may help. While too many wait, the bank answers at once."""
    until = time.monotonic() + ALL_ATTEMPTS_SECONDS
    offered = [] if chance() < WITHOUT_OFFER_SHARE else offers_for(question, level, bank)
    random.shuffle(offered)  # a model prefers what comes first or last
    messages = messages_for(question.text, answer, offered)
    found = _Found(level)
    try:
        leave = waiting_room().enter()
    except SpeechError:
        return found
    try:
        for _ in range(ATTEMPTS):
            try:
                said = model.complete(messages, until)
            except TextRefused:
                # A filter against violence or self-harm has stopped it, so it is to be treated with care.
                logger.info("A filter of the reflection model stopped an answer.")
                return _Found(highest((found.level, Level.HEAVY)))
            except SpeechError as error:
                code = error.recorded_as if isinstance(error, ProviderError) else error.code
                logger.warning("The reflection model did not answer (%s).", code)
                if not _may_pass(error, until):
                    return found
                time.sleep(error.retry_after_seconds or 0)
                continue
            found = _judge(said, question, answer, found.level, offered)
            if found.reflection is not None:
                return found
        return found
    finally:
        leave()


def _judge(said: str, question: Question, answer: str, level: Level, offered: Sequence[str]) -> _Found:
    """Tell what the model said: a signal of danger, a choice, words of its own, or nothing of use."""
    from narratives.safety.rules import rules_level  # late, as the whole gate

    if is_safety_signal(said):
        return _Found(Level.URGENT, Reflection("", "safety", Level.URGENT))
    number = chosen_number(said)
    if number is not None:
        if not 1 <= number <= len(offered):
            return _Found(level)
        return _Found(level, Reflection(offered[number - 1], "model", level, is_reused=True))
    text = tidied(said).replace("\n", " ")
    # The gate's rules may find in the model's words what the gate did not find in the answer. Its learned
    # layer has learned from answers alone, and takes many harmless reflections for grave ones.
    level = highest((level, rules_level(text)))
    if level == Level.URGENT:
        return _Found(level, Reflection("", "safety", level))
    if problems(text) or not _can_be_spoken(text) or question.has_heard(text):
        return _Found(level)
    return _Found(level, Reflection(text, "model", level, is_personal=not is_shareable(text, answer)))


def _can_be_spoken(text: str) -> bool:
    try:
        SpeechRequest(text=text, voice="any", model="any")
    except RequestRefused:
        return False
    return True


def note_heard(question: Question, reflection: Reflection) -> None:
    """Count that listeners get these words. What may be personal is not counted by its words."""
    if reflection.is_personal or not reflection.text:
        return
    try:
        OfferedReflection.objects.note_heard(
            question.theme,
            question.language,
            reflection.text,
            is_chosen=reflection.is_reused,
            fits_heavy=reflection.fits_heavy,
        )
    except Error:
        logger.warning("That a reflection was heard could not be counted.")


def _may_pass(error: SpeechError, until: float) -> bool:
    """Whether the same call may succeed in a moment, and in time.

    A call that timed out has taken most of the time, and the next one would be paid for as well.
    """
    if not isinstance(error, ProviderError) or not error.is_retryable or isinstance(error, ProviderTimeout):
        return False
    pause = error.retry_after_seconds or 0.0
    return pause <= LONGEST_PAUSE_SECONDS and time.monotonic() + pause < until
