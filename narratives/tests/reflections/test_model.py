"""The chat model behind its service, which refuses, fails and is switched off."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from harness.openai_server import OpenAIServer
from narratives.reflections.model import PARAMETERS, ReflectionModel
from ttscache.errors import (
    BudgetExhausted,
    KeyRefused,
    ModelRetired,
    ProviderDown,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SpeechError,
    TextRefused,
)
from ttscache.models import BudgetDay, LastProviderOutcome, ModelNotice, Spending
from ttscache.monitoring import alerts
from ttscache.price_list import LIST_PRICES, Price
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)

NewModel = Callable[..., ReflectionModel]
Complete = Callable[..., str]


def booked() -> list[tuple[str, str, int]]:
    speech_cache().ledger.flush()
    return list(Spending.objects.order_by("outcome").values_list("model", "outcome", "calls"))


def test_a_call_asks_for_a_short_answer_without_reasoning_that_is_not_stored(
    new_model: NewModel, openai: OpenAIServer, complete: Complete
) -> None:
    assert complete(new_model())

    (sent,) = openai.chats()
    assert sent.keys() == {"model", "messages", *PARAMETERS}
    assert {name: sent[name] for name in PARAMETERS} == {
        "reasoning_effort": "none",
        "temperature": 0.5,
        "max_completion_tokens": 90,
        "store": False,
    }


@pytest.mark.parametrize("refused", list(PARAMETERS))
def test_a_field_that_the_server_refuses_is_left_out_from_then_on(
    new_model: NewModel, openai: OpenAIServer, complete: Complete, refused: str
) -> None:
    openai.behave_as_chat(refuses=[refused])
    model = new_model()

    complete(model)
    complete(model)

    assert [refused in sent for sent in openai.chats()] == [True, False, False]
    assert booked() == [("gpt-6-luna", "ok", 2)]  # a refusal costs nothing and is no call


def test_an_older_server_is_told_the_most_tokens_by_the_earlier_name(
    new_model: NewModel, openai: OpenAIServer, complete: Complete
) -> None:
    openai.behave_as_chat(refuses=list(PARAMETERS))

    complete(new_model())

    *_, last = openai.chats()
    assert last.keys() == {"model", "messages", "max_tokens"}
    assert last["max_tokens"] == 90


def test_a_server_that_goes_on_refusing_is_given_up(
    new_model: NewModel, openai: OpenAIServer, complete: Complete
) -> None:
    openai.behave_as_chat(refuses=[*PARAMETERS, "max_tokens", "model"])

    with pytest.raises(ProviderFailed):
        complete(new_model())


@pytest.mark.parametrize("status", [404, 410])
def test_a_model_that_is_switched_off_is_not_called_again_and_staff_are_told(
    new_model: NewModel, openai: OpenAIServer, complete: Complete, status: int
) -> None:
    openai.behave_as_chat(fault=status)
    model = new_model()
    for _ in range(2):
        with pytest.raises(ModelRetired):
            complete(model)

    assert len(openai.chats()) == 1
    assert ModelNotice.objects.get().gone_at is not None
    alerts.check_alerts()
    assert [alert.subject for alert in alerts.open_alerts() if alert.kind == "model_retires"] == [
        "gpt-6-luna"
    ]
    assert "Reflections come from the bank" in alerts.open_alerts()[0].says


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", ProviderFailed),
        ("503", ProviderUnavailable),
        ("429", ProviderUnavailable),
        ("401", KeyRefused),
        ("400", TextRefused),
        ("filtered", TextRefused),
        ("html", ProviderFailed),
        ("garbage", ProviderFailed),
        ("no_choices", ProviderFailed),
        ("hang_up", ProviderUnavailable),
    ],
)
def test_an_error_of_the_model_is_one_of_ours_without_words_or_the_request(
    new_model: NewModel, openai: OpenAIServer, complete: Complete, fault: str, error: type[SpeechError]
) -> None:
    openai.behave_as_chat(fault=fault)

    with pytest.raises(error) as raised:
        complete(new_model(), "My secret is a canary.")

    assert "canary" not in repr(raised.value)
    assert raised.value.__context__ is None  # theirs holds the request with its body
    assert raised.value.__cause__ is None


def test_a_slow_model_is_cut_off_in_time_and_its_call_is_paid_for(
    new_model: NewModel,
    openai: OpenAIServer,
    complete: Complete,
    within_budget: Callable[..., None],
) -> None:
    within_budget(1.0)
    openai.behave_as_chat(delay_seconds=30)
    began = time.monotonic()

    with pytest.raises(ProviderTimeout):
        complete(new_model(), seconds=0.5)

    assert time.monotonic() - began < 2
    assert booked() == [("gpt-6-luna", "provider_timeout", 1)]
    assert BudgetDay.objects.get().committed_microusd > 0


def test_after_a_run_of_failures_nobody_waits_for_the_model(
    new_model: NewModel, openai: OpenAIServer, complete: Complete
) -> None:
    openai.behave(fault="503")  # the list of models fails as well, so a look finds the service down
    openai.behave_as_chat(fault="500")
    model = new_model()
    for _ in range(5):
        with pytest.raises(ProviderFailed):
            complete(model)

    with pytest.raises(ProviderDown):
        complete(model)

    assert len(openai.chats()) == 5


def test_a_call_is_settled_by_the_tokens_that_it_used(
    new_model: NewModel,
    openai: OpenAIServer,
    complete: Complete,
    within_budget: Callable[..., None],
) -> None:
    within_budget(1.0)

    text = complete(new_model())

    (sent,) = openai.chats()
    read = sum(len(message["content"]) for message in sent["messages"]) // 4
    usd = read * 0.10 / 1e6 + -(-len(text) // 4) * 0.50 / 1e6
    assert BudgetDay.objects.get().committed_microusd == round(usd * 1e6)
    assert booked() == [("gpt-6-luna", "ok", 1)]
    assert not LastProviderOutcome.objects.exists()  # it says nothing of the voice's key


@pytest.mark.parametrize(("usd", "model"), [(0.000001, "gpt-6-luna"), (1.0, "my-chat-model")])
def test_without_money_or_a_price_within_a_budget_nobody_is_called(
    new_model: NewModel,
    openai: OpenAIServer,
    complete: Complete,
    within_budget: Callable[..., None],
    *,
    usd: float,
    model: str,
) -> None:
    within_budget(usd)

    with pytest.raises(BudgetExhausted):
        complete(new_model(model))

    assert openai.chats() == []


def test_a_price_of_the_settings_makes_another_model_affordable(
    new_model: NewModel,
    openai: OpenAIServer,
    complete: Complete,
    within_budget: Callable[..., None],
) -> None:
    prices = LIST_PRICES | {"my-chat-model": Price(per_million_characters=1.0)}
    within_budget(1.0, prices=prices)

    text = complete(new_model("my-chat-model"))

    (sent,) = openai.chats()
    characters = sum(len(message["content"]) for message in sent["messages"]) + len(text)
    assert BudgetDay.objects.get().committed_microusd == characters
