"""Two hosts use a model that the provider has switched off: one call tells both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.caller import Caller, phrase, sound_of
from harness.http import Response, at_once
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import new_token, query

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql]

LOOK = (
    "from ttscache.models import ModelNotice; ModelNotice.objects.update(looked_at=None); "
    "from ttscache.tasks import look_at_models_daily; look_at_models_daily()"
)


@pytest.fixture(scope="module")
def hosts(make_site: MakeSite) -> Iterator[list[WebServer]]:
    with make_site(WebServer) as first, make_site(WebServer, beside=first) as second:
        yield [first, second]


def refusal_of(response: Response) -> tuple[int, str, str | None]:
    return response.status, response.json()["code"], response.headers["Retry-After"]


def test_two_hosts_pay_one_call_for_a_retired_model_and_share_the_look_that_finds_it(
    hosts: list[WebServer], openai: OpenAIServer
) -> None:
    callers = [Caller(host, new_token(hosts[0], f"host {number}")) for number, host in enumerate(hosts)]
    kept, text = phrase(), phrase()
    assert callers[0].say(kept).status == 200
    made = len(openai.calls())
    openai.behave(fault=410)
    assert refusal_of(callers[0].say(text)) == (503, "model_retired", None)
    answers = at_once(12, lambda number: refusal_of(callers[number % 2].say(phrase())))
    assert set(answers) == {(503, "model_retired", None)}
    assert [caller.say(kept).body for caller in callers] == [sound_of(kept)] * 2
    assert len(openai.calls()) == made + 1

    openai.behave()
    assert callers[1].say(text).status == 503
    hosts[0].manage("shell", "-c", LOOK, check=True)
    assert [caller.say(text).body for caller in callers] == [sound_of(text)] * 2


def test_the_daily_look_at_models_is_scheduled(hosts: list[WebServer]) -> None:
    scheduled = query(hosts[0], "SELECT func, schedule_type FROM django_q_schedule WHERE name = 'models'")
    assert scheduled == [("ttscache.tasks.look_at_models_daily", "H")]


def test_the_look_at_models_happens_once_over_all_starting_hosts(hosts: list[WebServer]) -> None:
    """Both hosts would look when they start; the second uses the notes of the first."""
    notes = query(hosts[0], "SELECT model FROM ttscache_modelnotice WHERE looked_at IS NOT NULL")
    assert {"tts-1-hd", "gpt-6-luna"} <= {model for (model,) in notes}
    assert len(notes) == len(set(notes))
