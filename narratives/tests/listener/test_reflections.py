"""POST /api/reflections, in this process and against the stand-in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from harness.openai_server import OpenAIServer
from narratives.models import OfferedReflection
from narratives.tests.listener.conftest import Reflect
from narratives.text.reflection_rules import problems
from ttscache.models import Clip

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "I drove the night mail and I had the stars to myself."


def played(url: str) -> Any:
    return Client().get(url)


def test_a_reflection_of_the_model_is_answered_before_its_clip_is_made(
    chat: OpenAIServer, ask: Reflect
) -> None:
    response = ask(ANSWER)

    told = response.json()
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert set(told) == {"success", "text", "source", "level", "reused", "audio"}
    assert (told["source"], told["level"], told["reused"]) == ("model", "none", False)
    assert problems(told["text"]) == []
    assert not told["audio"]["ready"]
    assert chat.calls() == []

    clip = played(told["audio"]["url"])

    assert clip.status_code == 200
    assert b"".join(clip.streaming_content)
    assert [call.text for call in chat.calls()] == [told["text"]]


def test_an_urgent_answer_gets_the_safety_words_and_no_model_is_called(
    chat: OpenAIServer, ask: Reflect
) -> None:
    told = ask("I want to end it all tonight.").json()

    assert (told["source"], told["level"]) == ("safety", "urgent")
    assert told["text"].startswith("Thank you for saying that.")
    assert told["audio"]["url"].startswith("/api/audio/")
    assert chat.chats() == []


def test_without_a_key_the_bank_answers(without_key: None, ask: Reflect) -> None:
    told = ask(ANSWER).json()

    assert told["source"] == "bank"
    assert Clip.objects.get(content_hash=told["audio"]["content_hash"]).is_shareable
    assert OfferedReflection.objects.get().times_heard == 1
