"""The stand-in for a chat model, asked with the official client."""

from __future__ import annotations

from typing import Any

import openai as package
import pytest

from harness.openai_server import OpenAIServer
from harness.speech_api.chat import CHAT_FAULTS, ChatBehaviour, own_words, reply_to
from narratives.reflections.prompt import messages_for
from narratives.text.reflection_rules import is_shareable, problems

pytestmark = pytest.mark.any_database

ANSWER = "We went by mood 3 to the sea."
OFFER = ["It is heard. Thank you.", f"{own_words(ANSWER)[0]}. Thank you for it."]


def ask(openai: OpenAIServer, **given: Any) -> Any:
    with package.OpenAI(api_key="test", base_url=openai.base_url, max_retries=0) as client:
        messages: Any = messages_for("Where?", ANSWER)
        return client.chat.completions.create(**{"model": "gpt-6-luna", "messages": messages} | given)


def test_the_stand_in_model_writes_what_the_rules_allow_and_says_what_it_used(openai: OpenAIServer) -> None:
    answer = ask(openai, reasoning_effort="none", store=False)
    text = answer.choices[0].message.content
    assert problems(text) == []
    assert is_shareable(text, ANSWER)
    assert answer.usage.completion_tokens == -(-len(text) // 4)


def test_told_to_pick_it_chooses_the_one_that_begins_as_its_own_would() -> None:
    messages = messages_for("Where?", ANSWER, OFFER)
    assert reply_to(messages, ChatBehaviour(picks=True)) == "[2]"
    assert problems(reply_to(messages, ChatBehaviour())) == []


@pytest.mark.parametrize("fault", ["too_long", "one_sentence", "question", "advice", "safety"])
def test_each_fault_of_its_words_breaks_the_rules(fault: str) -> None:
    assert problems(reply_to(messages_for("Where?", ANSWER), ChatBehaviour(fault=fault)))


def test_a_quotation_keeps_the_rules_and_is_personal() -> None:
    said = reply_to(messages_for("Where?", ANSWER), ChatBehaviour(fault="quotes"))
    assert problems(said) == []
    assert not is_shareable(said, ANSWER)


def test_a_field_that_it_refuses_is_named_as_the_original_names_it(openai: OpenAIServer) -> None:
    openai.behave_as_chat(refuses=["temperature"])
    with pytest.raises(package.BadRequestError) as refused:
        ask(openai, temperature=0.5)
    assert refused.value.param == "temperature"


def test_the_stand_in_model_remembers_every_request_word_for_word(openai: OpenAIServer) -> None:
    ask(openai)
    assert [sent["messages"] for sent in openai.chats()] == [messages_for("Where?", ANSWER)]
    openai.reset()
    assert openai.chats() == []


def test_an_unknown_fault_is_refused() -> None:
    assert "rude" not in CHAT_FAULTS
    with pytest.raises(ValueError, match="unknown fault"):
        ChatBehaviour(fault="rude")
