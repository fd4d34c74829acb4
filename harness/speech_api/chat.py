"""Chat completions: a stand-in model that writes reflections, and misbehaves when a test asks for it.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from harness.speech_api.protocol import FAULT_STATUSES, Refused, fault

CHAT_MODELS = ("gpt-6-luna", "my-chat-model")
PARAMETERS = (
    "model", "messages", "reasoning_effort", "temperature", "max_completion_tokens", "max_tokens", "store",
)  # fmt: skip

# Beside the statuses of FAULT_STATUSES, written as a number or in digits.
CHAT_FAULTS = {
    "html": "a page in HTML, with status 200",
    "garbage": "JSON that breaks off, with status 200",
    "no_choices": "JSON without a choice",
    "filtered": "no words, because a filter has stopped them",
    "hang_up": "the connection closed without a word",
    "too_long": "two sentences of far more than 200 characters",
    "one_sentence": "one sentence",
    "question": "a question",
    "advice": "advice",
    "quotes": "the answer's own words, in two sentences that the rules allow",
    "safety": "SAFETY",
    "grave": "two sentences that speak of ending a life",
    "wrong_number": "a choice that was not offered",
}
_SAID = {
    "too_long": f"It sounds as though it was {'very, ' * 60}very much. Thank you for telling it.",
    "one_sentence": "It sounds as though it was good.",
    "question": "It sounds as though it was good. What happened then?",
    "advice": "It sounds as though it was good. You should tell your family about it.",
    "safety": "SAFETY",
    "grave": "I want to end it all. Thank you for saying so.",
    "wrong_number": "[77]",
}

OPENINGS = (
    "It sounds as though those days were close and warm",
    "It sounds as though that was a great deal to carry",
    "There seems to be a quiet pride in what was done",
    "It sounds as though someone dear is still near",
    "It seems that ordinary days held more than they showed",
    "There is something light in the way this is told",
    "It sounds as though much was left unsaid",
    "It seems that a door opened and a good deal came through it",
    "It sounds as though the work asked a lot and gave something back",
    "There seems to be both loss and thanks in this",
    "It sounds as though there was little, and that it was shared",
    "It seems that this has stayed through all the years",
)
# More than a thousand ways to end: a model hardly ever says the same twice by chance.
ENDS = (
    (
        "Thank you for",
        "There is room here for",
        "It was good to hear",
        "Nobody has to hurry",
        "It matters to have",
    ),
    ("telling", "saying", "sharing", "naming", "giving words to", "opening", "bringing", "keeping"),
    ("this part", "so much of it", "that time", "those years", "what was there", "what it was"),
    ("here", "today", "in your own way", "just as it is", "with such care", "at your own pace"),
)


@dataclass(frozen=True, kw_only=True)
class ChatBehaviour:
    """The defaults answer at once, with a reflection of its own. `first_calls` limits which calls meet it.

    `refuses`: fields that it does not take. `picks`: whether it chooses from what it is offered.
    """

    delay_seconds: float = 0
    fault: str | int = ""
    refuses: tuple[str, ...] = ()
    picks: bool = False
    retry_after_seconds: float = 1
    first_calls: int | None = None

    def __post_init__(self) -> None:
        if self.fault and self.fault not in CHAT_FAULTS and self.status is None:
            raise ValueError(f"unknown fault {self.fault!r}: {', '.join(CHAT_FAULTS)} or a status")

    @property
    def status(self) -> int | None:
        digits = str(self.fault)
        return int(digits) if digits.isdigit() and int(digits) in FAULT_STATUSES else None


@dataclass
class ChatLog:
    """The requests to the model since the start or the last reset, word for word, and its behaviour."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    behaviour: ChatBehaviour = field(default_factory=ChatBehaviour)
    _left: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def behave(self, settings: dict[str, Any]) -> None:
        given = ChatBehaviour(**settings | {"refuses": tuple(settings.get("refuses", ()))})
        with self._lock:
            self.behaviour, self._left = given, given.first_calls

    def begin(self, request: dict[str, Any]) -> ChatBehaviour:
        with self._lock:
            self.requests.append(request)
            if self._left is None:
                return self.behaviour
            self._left -= 1
            return self.behaviour if self._left >= 0 else ChatBehaviour()

    def clear(self) -> None:
        with self._lock:
            self.requests, self.behaviour, self._left = [], ChatBehaviour(), None


def completion(given: dict[str, Any], behaviour: ChatBehaviour) -> dict[str, Any]:
    """The answer to a request. Raises Refused."""
    model = given.get("model")
    if behaviour.status is not None:
        raise fault(behaviour.status)
    if model not in CHAT_MODELS:
        raise Refused(404, f"The model `{model}` does not exist.", code="model_not_found")
    for name in given:
        if name in behaviour.refuses or name not in PARAMETERS:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise Refused(400, message, code="unsupported_parameter", param=name)
    is_filtered = behaviour.fault == "filtered"
    said = "" if is_filtered else reply_to(given["messages"], behaviour)
    read = sum(len(message["content"]) for message in given["messages"])
    usage = {"prompt_tokens": read // 4, "completion_tokens": -(-len(said) // 4)}
    return {
        "id": "chatcmpl-harness",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "content_filter" if is_filtered else "stop",
                "message": {"role": "assistant", "content": said},
            }
        ],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def reply_to(messages: list[dict[str, Any]], behaviour: ChatBehaviour) -> str:
    """The stand-in's reply to these messages."""
    answer = told_answer(messages)
    if behaviour.fault == "quotes":
        words = re.findall(r"[a-z']+", answer.lower())[:12]
        return f"It sounds as though {' '.join(words)}. Thank you for telling it here."
    if behaviour.fault in _SAID:
        return _SAID[str(behaviour.fault)]
    opening, closing = own_words(answer)
    if behaviour.picks:
        for number, text in offered_in(messages).items():
            if text.startswith(opening):  # it says what the model would have said
                return f"[{number}]"
    return f"{opening}. {closing}."


def own_words(answer: str) -> tuple[str, str]:
    """How the stand-in would begin and end: an answer that names a mood (`mood 3`) begins by that.

    So answers of one mood lead to reflections that begin alike and end in many ways.
    """
    digest = hashlib.sha256(answer.encode("utf-8", "surrogatepass")).digest()
    mood = re.search(r"\bmood (\d+)", answer)
    opening = OPENINGS[(int(mood[1]) if mood else digest[0]) % len(OPENINGS)]
    closing = " ".join(words[digest[place] % len(words)] for place, words in enumerate(ENDS, 1))
    return opening, closing


def told_answer(messages: list[dict[str, Any]]) -> str:
    found = re.search(r"<answer>(.*)</answer>", messages[-1]["content"], re.DOTALL)
    return found[1] if found else ""


def offered_in(messages: list[dict[str, Any]]) -> dict[int, str]:
    """The reflections that the first message offers, by number."""
    lines = re.findall(r"^\[(\d+)\] (.*)$", messages[0]["content"], re.MULTILINE)
    return {int(number): text for number, text in lines}
