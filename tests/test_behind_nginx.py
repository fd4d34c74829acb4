"""The site behind nginx with deploy/nginx.conf: nginx delays, loses and repeats nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest

from harness import http
from harness.caller import Caller, hash_of, long_phrase, phrase, sound_of, whole_body
from harness.nginx import NginxServer
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.process import HOST
from harness.site import MakeSite, WebServer
from harness.sockets import made_by
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.any_database]


@dataclass(frozen=True, slots=True)
class Front:
    """The address of nginx, for a Caller, and the hosts behind it."""

    url: str
    hosts: tuple[WebServer, WebServer]


@pytest.fixture(scope="module")
def front(make_site: MakeSite) -> Iterator[Front]:
    behind_tls = {"CSRF_TRUSTED_ORIGINS": "https://lifereview.example.org"}
    one = make_site(WebServer, **behind_tls, TTS_ALLOW_ANONYMOUS_TEXT="true")
    other = make_site(WebServer, beside=one)
    addresses = [f"{HOST}:{site.port}" for site in (one, other)]
    with skipped_when_unavailable():
        nginx = NginxServer(addresses).__enter__()
    with closing(nginx), one, other:
        yield Front(nginx.url, (one, other))


@pytest.fixture(scope="module")
def caller(front: Front) -> Caller:
    return Caller(front, front.hosts[0].api_token())  # type: ignore[arg-type]


def test_nginx_passes_on_a_clip_while_it_is_made(caller: Caller, openai: OpenAIServer) -> None:
    text = long_phrase()
    openai.behave(gate_after_chunks=1)
    with caller.start_saying(text) as response:
        _, first = next(iter(response))
        openai.release()
        assert first + whole_body(response) == sound_of(text)


def test_nginx_cuts_a_clip_that_breaks_off_instead_of_ending_it(caller: Caller, openai: OpenAIServer) -> None:
    openai.behave(fault="break_off")
    with pytest.raises(http.BrokenTransfer), caller.start_saying(long_phrase()) as response:
        whole_body(response)


def test_a_range_and_head_pass_nginx_unchanged(caller: Caller, openai: OpenAIServer) -> None:
    text = phrase()
    caller.say(text)
    part = caller.clip(hash_of(text), Range="bytes=100-199")
    assert (part.status, part.body) == (206, sound_of(text)[100:200])
    head = caller.ask("HEAD", f"/api/audio/{hash_of(text)}.mp3", None)
    assert (head.headers["Content-Length"], head.body) == (str(len(sound_of(text))), b"")


ALMOST_TOO_MANY = """
import time
from django.core.cache import cache
cache.set("throttle_anonymous_generation_address-127.0.0.1", 59, 60)
"""


def test_the_throttle_behind_nginx_counts_by_an_address_that_cannot_be_forged(
    front: Front, openai: OpenAIServer
) -> None:
    """The limit is sixty clips a minute; a forged X-Forwarded-For does not evade it."""
    front.hosts[0].manage("shell", "-c", ALMOST_TOO_MANY, check=True)
    statuses = [
        http.post_json(
            f"{front.url}/api/text-to-speech", {"text": phrase()}, {"X-Forwarded-For": f"203.0.113.{number}"}
        ).status
        for number in range(2)
    ]
    assert statuses == [200, 429]


def test_nginx_does_not_repeat_a_post_whose_host_dies(
    front: Front, caller: Caller, openai: OpenAIServer
) -> None:
    openai.behave(gate_before_headers=True)
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(caller.say, phrase())
        wait_until(openai.calls, "the call")
        # The other host may keep an idle connection to the provider, from an earlier call.
        [host] = [host for host in front.hosts if made_by(openai.calls()[0], host)]
        for process in host.processes():
            process.kill()
        assert asking.result().status == 502
    assert len(openai.calls()) == 1


def test_nginx_passes_requests_of_a_dead_host_to_the_other(caller: Caller, openai: OpenAIServer) -> None:
    assert {caller.get("/api/health").status for _ in range(20)} == {200}
    assert caller.say(phrase()).status == 200
