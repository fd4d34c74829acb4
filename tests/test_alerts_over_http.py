"""Alerts of running sites, sent to a real mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.caller import Caller, phrase
from harness.http import at_once
from harness.mail import MailServer
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import new_token, query
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

LOOK = "from ttscache.tasks import look_for_trouble; look_for_trouble()"


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer() as mail:
        yield mail


@pytest.fixture(scope="module")
def server(make_site: MakeSite, mail: MailServer) -> Iterator[WebServer]:
    to_all = {"EMAIL_URL": mail.url, "ALERT_EMAILS": "ana@example.org", "EMAIL_FROM": "life@example.org"}
    with make_site(WebServer, TTS_STORAGE_LIMIT_BYTES="10GiB", **to_all) as server:
        yield server


def is_recorded(server: WebServer, outcome: str) -> bool:
    return bool(query(server, "SELECT 1 FROM ttscache_lastprovideroutcome WHERE outcome = %s", outcome))


def test_two_hosts_send_one_mail_when_a_key_is_refused_and_one_when_it_works_again(
    server: WebServer, mail: MailServer, openai: OpenAIServer
) -> None:
    caller = Caller(server, new_token(server))
    text = phrase()
    openai.behave(fault=401)
    assert caller.say(text).json()["code"] == "provider_unavailable"
    wait_until(lambda: is_recorded(server, "key_refused"), "the outcome of the call")
    at_once(2, lambda _: server.manage("shell", "-c", LOOK, check=True))

    (message,) = mail.received
    assert message["Subject"] == "[Life Review] The voice service refuses our key"
    assert (message["From"], message["To"]) == ("life@example.org", "ana@example.org")
    assert text not in message.as_string()

    openai.reset()
    assert caller.say(text).status == 200
    wait_until(lambda: is_recorded(server, "ok"), "the outcome of the call")
    for _ in range(2):
        server.manage("shell", "-c", LOOK, check=True)
    assert mail.subjects[1:] == ["[Life Review] Resolved: The voice service refuses our key"]


def test_the_alert_task_is_scheduled(server: WebServer) -> None:
    scheduled = query(server, "SELECT func, minutes FROM django_q_schedule WHERE name = 'alerts'")

    assert scheduled == [("ttscache.tasks.look_for_trouble", 2)]
