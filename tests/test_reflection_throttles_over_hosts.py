"""The doors of the reflections count every request, however many processes answer at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from harness.caller import Caller
from harness.http import Response, at_once
from harness.optional import skipped_when_unavailable
from harness.site import MakeSite, Site, WebServer
from harness.valkey import ValkeyServer

pytestmark = [pytest.mark.site, pytest.mark.timeout(300), pytest.mark.long_on_postgresql]

AT_ONCE = 200
OF_SESSION, OF_ADDRESS = 30, 70
RATES = f"reflection_session={OF_SESSION}/hour,reflection_address={OF_ADDRESS}/hour"


@pytest.fixture(params=["database", pytest.param("redis", marks=pytest.mark.any_database)])
def callers(make_site: MakeSite, request: pytest.FixtureRequest) -> Iterator[tuple[Caller, Caller]]:
    """Callers of two web processes that share what counts. They have no model, so the bank answers."""
    env = {"THROTTLE_RATES": RATES, "OPENAI_API_KEY": "", "WEB_THREADS": "128"}
    with skipped_when_unavailable(), ValkeyServer() as valkey:
        if request.param == "redis":
            env["REDIS_URL"] = valkey.url
        one: Site = make_site(WebServer, holding="content", **env)
        other: Site = make_site(WebServer, beside=one, **env)
        with one, other:
            yield Caller(one), Caller(other)


def test_of_two_hundred_answers_at_once_two_processes_take_as_many_as_the_rates_allow(
    callers: tuple[Caller, Caller],
) -> None:
    listed = callers[0].narratives()["narratives"]
    question = next(each["id"] for each in listed if each["kind"] == "question")

    def answer(index: int, **more: str) -> Response:
        body = {"narrative": question, "answer": "We had a boat, and it was green.", **more}
        return callers[index % 2].post("/api/reflections", body)

    def statuses(**more: str) -> Counter[int | str]:
        answers = at_once(AT_ONCE, lambda index: answer(index, **more))
        return Counter(each.status if isinstance(each, Response) else repr(each) for each in answers)

    assert statuses(session="one page") == {200: OF_SESSION, 429: AT_ONCE - OF_SESSION}
    # What the session's rate refused was not counted for its address.
    assert statuses() == {200: OF_ADDRESS - OF_SESSION, 429: AT_ONCE - OF_ADDRESS + OF_SESSION}
