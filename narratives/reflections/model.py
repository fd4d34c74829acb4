"""ReflectionModel: a chat model at the provider's address, through the official `openai` package.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, cast

from django.db import Error

from ttscache.accounting.prices import chat_cost_usd, is_priced
from ttscache.conf import conf
from ttscache.connections import release_connections
from ttscache.errors import (
    BudgetExhausted,
    ConnectionClosed,
    KeyRefused,
    ModelRetired,
    ProviderError,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaUsedUp,
    SpeechError,
    StoreUnavailable,
    TextRefused,
)
from ttscache.generation.circuit_breaker import CircuitBreaker
from ttscache.models import ContentType
from ttscache.providers.connection import Connection, Connections, openai_client
from ttscache.providers.deadline import Deadline
from ttscache.providers.refusals import is_quota_used_up, seconds_to_wait
from ttscache.renditions.retirement import note_gone, require_offered
from ttscache.token_usage import TokenUsage, most_text_tokens, text_tokens
from ttscache.wiring import speech_cache

logger = logging.getLogger(__name__)

ATTEMPT_SECONDS = 4.0
FEWEST_SECONDS = 0.2  # less is not worth a call
LOOK_SECONDS = 1.0
MOST_TOKENS = 90
# Fields that some servers refuse. Without `reasoning_effort: none` the default model takes no temperature.
PARAMETERS: dict[str, Any] = {
    "reasoning_effort": "none",
    "temperature": 0.5,
    "max_completion_tokens": MOST_TOKENS,
    "store": False,
}
INSTEAD = {"max_completion_tokens": "max_tokens"}  # the earlier name, which older servers know

_FILTER = re.compile(r"policy|moderation|safety|content_filter", re.IGNORECASE)

Messages = Sequence[dict[str, Any]]


class _ParameterRefused(Exception):
    """The server does not take this field. Nothing was written, and nothing has to be paid."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ReflectionModel:
    """Writes for one process. Budget and circuit breaker have to allow each call, and the ledger shows it."""

    def __init__(self, *, api_key: str, base_url: str, model: str) -> None:
        self.model = model
        self._connections = Connections(partial(openai_client, api_key, base_url))
        self._circuit = CircuitBreaker(self._is_well, name="chat model")
        self._parameters = dict(PARAMETERS)  # of this address and model, as far as is known

    def complete(self, messages: Messages, until: float) -> str:
        """Return the model's words. `until`, in time.monotonic(), is when an answer comes too late.

        Raises SpeechError: ModelRetired, BudgetExhausted, TextRefused where a filter does not let the answer
        through, or what is wrong with the provider. None of them holds a word of the conversation.
        """
        try:
            require_offered(self.model)
        except Error as error:
            raise StoreUnavailable from error
        may_reconnect = True
        while True:
            try:
                return self._call(messages, until)
            except _ParameterRefused as refused:
                self._leave_out(refused.name)
            except ConnectionClosed:
                if not may_reconnect:
                    raise
                may_reconnect = False

    def _leave_out(self, name: str) -> None:
        """From now on this process asks without the field, or by its earlier name."""
        logger.info("The chat model %s is asked without %s, which its server refuses.", self.model, name)
        known = dict(self._parameters)  # replaced whole: other threads may be reading it
        value = known.pop(name, None)
        if name in INSTEAD and value is not None:
            known[INSTEAD[name]] = value
        self._parameters = known

    def _call(self, messages: Messages, until: float) -> str:
        """One call: paid from the budget, within its time, and recorded however it ends."""
        cache = speech_cache()
        read = "".join(str(message["content"]) for message in messages)
        most = TokenUsage(
            text_in=sum(most_text_tokens(str(each["content"])) for each in messages), text_out=MOST_TOKENS
        )
        most_usd = chat_cost_usd(self.model, most, len(read) + 4 * MOST_TOKENS)
        budget = cache.synthesizer.budget
        if budget.is_capped and not is_priced(self.model):
            raise BudgetExhausted("The chat model has no price, so it cannot be asked within a budget.")
        (reservation,) = budget.reserve(most_usd)
        release_connections()  # the model takes seconds; others need the connection meanwhile
        usd, outcome, text = 0.0, SpeechError.code, ""
        is_called = False
        try:
            with self._circuit.call():
                is_called = True
                text, usage = self._ask(messages, min(ATTEMPT_SECONDS, until - time.monotonic()))
            used = usage or TokenUsage(text_in=text_tokens(read), text_out=text_tokens(text))
            usd, outcome = chat_cost_usd(self.model, used, len(read) + len(text)), "ok"
            return text
        except _ParameterRefused:
            is_called = False
            raise
        except TextRefused as error:
            outcome = error.code
            raise
        except ProviderError as error:
            outcome = error.recorded_as
            usd = most_usd if error.may_cost and is_called else 0.0
            if isinstance(error, ModelRetired):
                note_gone(self.model)
            raise
        finally:
            budget.settle(reservation, usd)
            if is_called:
                kind = ContentType.ANALYSIS
                cache.ledger.record_chat_call(self.model, kind, len(text), usd, outcome)

    def _ask(self, messages: Messages, seconds: float) -> tuple[str, TokenUsage | None]:
        import httpx2
        import openai

        if seconds < FEWEST_SECONDS:
            late = ProviderTimeout()
            late.may_cost = False
            raise late
        answer, failure = None, None
        with self._connections.borrowed() as connection:
            chat = connection.client.chat.completions  # loaded before its time begins to run
            with connection.call(seconds, seconds) as deadline:
                try:
                    answer = chat.create(
                        model=self.model, messages=cast(Any, messages), timeout=seconds, **self._parameters
                    )
                except openai.APIStatusError as answered:
                    failure = self._refusal(answered)
                except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError) as error:
                    failure = _without_words(error, deadline, connection)
        # Raised out here, where no other exception is being handled: theirs holds the request with its body,
        # and an error reporter would find it in `__context__`.
        if failure is not None:
            raise failure
        return _read(answer)

    def _refusal(self, answer: Any) -> Exception:
        """An answer that is no success, as one of our errors."""
        body = answer.body if isinstance(answer.body, dict) else {"message": answer.body}
        code, status = str(body.get("code") or ""), int(answer.status_code)
        if status in (400, 422) and (name := self._refused_parameter(body)):
            return _ParameterRefused(name)
        if _FILTER.search(code):
            return TextRefused()
        if is_quota_used_up(body, status):  # before the key: some services answer 401 or 403 to this
            logger.error("The chat model's service says that our quota is used up.")
            return QuotaUsedUp()
        if status in (404, 410) or code == "model_not_found":
            logger.error("The provider has no chat model %s (HTTP %s).", self.model, status)
            return ModelRetired(self.model)
        if status in (401, 403):
            logger.error("The chat model's service refuses our key.")
            return KeyRefused()
        wait_seconds = seconds_to_wait(answer.response.headers)
        if status in (429, 503, 529):
            busy = ProviderUnavailable(retry_after_seconds=wait_seconds)
            busy.cause = "provider_busy"
            return busy
        if status in (408, 504):
            return ProviderTimeout()
        failed = ProviderFailed()
        failed.is_retryable = status >= 500
        return failed

    def _refused_parameter(self, body: dict[str, Any]) -> str:
        """Which of our fields the server names; empty where it names none of them."""
        told = f"{body.get('param') or ''} {body.get('message') or ''} {body.get('detail') or ''}"
        sent = sorted(self._parameters, key=len, reverse=True)
        return next((name for name in sent if re.search(rf"\b{name}\b", told)), "")

    def _is_well(self) -> bool:
        """Whether the server lists its models, or at least answers. It costs nothing."""
        import openai

        try:
            with self._connections.borrowed() as connection, connection.call(LOOK_SECONDS, LOOK_SECONDS):
                connection.client.models.list(timeout=LOOK_SECONDS)
        except openai.APIStatusError as answer:
            return answer.status_code < 500 and answer.status_code != 429
        except Exception:
            logger.info("The chat model's service does not answer.")
            return False
        return True


def reflection_model() -> ReflectionModel | None:
    """The model of this process; None without a key. A forked child has connections of its own."""
    given = conf()
    if not given.openai_api_key or given.only_plays:
        return None
    return _model_of(os.getpid(), given.openai_api_key, given.openai_base_url, given.reflection_model)


@lru_cache(maxsize=4)
def _model_of(_process: int, api_key: str, base_url: str, model: str) -> ReflectionModel:
    return ReflectionModel(api_key=api_key, base_url=base_url, model=model)


def forget_reflection_models() -> None:
    """Begin anew: what servers refused, and which are down, is forgotten."""
    _model_of.cache_clear()


def _read(answer: Any) -> tuple[str, TokenUsage | None]:
    """The words of a completion. The package hands on what is no completion, such as a page in HTML."""
    choices = getattr(answer, "choices", None)
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = getattr(choice, "message", None)
    text, usage = getattr(message, "content", None), getattr(answer, "usage", None)
    if getattr(message, "refusal", None) or getattr(choice, "finish_reason", "") == "content_filter":
        raise TextRefused
    if not isinstance(text, str):
        raise ProviderFailed
    counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return text, None
    return text, TokenUsage(text_in=counts[0] or 0, text_out=counts[1] or 0)


def _without_words(error: Exception, deadline: Deadline, connection: Connection) -> SpeechError:
    """A failure of the library or of the network as one of our errors."""
    import openai

    if deadline.is_over or isinstance(error, openai.APITimeoutError):
        return ProviderTimeout()
    if isinstance(error, openai.APIConnectionError):
        return ConnectionClosed() if connection.was_closed(error) else ProviderUnavailable()
    return ProviderFailed()
