"""Pruning while two hosts serve: the clips become unknown everywhere, and playback under way continues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from harness.caller import Caller, hash_of, long_phrase, phrase, sound_of, whole_body
from harness.http import Response
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import LONG_AGO, execute, files_of, kept_in_database, make_old, new_token, query
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql]

LOOKS = 8  # this many connections almost certainly reach both workers of a host


@pytest.fixture(scope="module")
def hosts(make_site: MakeSite) -> Iterator[tuple[WebServer, WebServer]]:
    one = make_site(WebServer, holding="clips", WEB_WORKERS="2")
    other = make_site(WebServer, beside=one)
    with one, other:
        yield one, other


@pytest.fixture(scope="module")
def token(hosts: tuple[WebServer, WebServer]) -> str:
    return new_token(hosts[0], "operator", admin=True)


@pytest.fixture
def callers(hosts: tuple[WebServer, WebServer], token: str, openai: OpenAIServer) -> list[Caller]:
    """An operator's client for each host."""
    return [Caller(host, token) for host in hosts]


def clear(caller: Caller, *, days: int = 90, **fields: object) -> Any:
    response = caller.post("/api/admin/clear-old-cache", {"days": days, **fields})
    assert response.status == 200, response.body
    return response.json()


def heard_everywhere(callers: Iterable[Caller], content_hash: str) -> list[Response]:
    return [caller.clip(content_hash) for caller in callers for _ in range(LOOKS)]


def test_a_pruned_clip_is_unknown_at_once_on_every_host(
    callers: list[Caller], hosts: tuple[WebServer, WebServer], openai: OpenAIServer
) -> None:
    old, new = phrase(), phrase()
    for text in (old, new):
        callers[0].say(text)
        assert {response.status for response in heard_everywhere(callers, hash_of(text))} == {200}
    make_old(hosts[0], hash_of(old), requests=1 + 2 * LOOKS)

    at_rest = "SELECT coalesce(stored_size, audio_file_size) FROM tts_cache WHERE content_hash = %s"
    ((stored_bytes,),) = query(hosts[0], at_rest, hash_of(old))

    told = clear(callers[0], dry_run=True)
    assert told | {"dry_run": False} == clear(callers[0])
    assert (told["deleted_entries"], told["freed_bytes"]) == (1, stored_bytes)
    assert {response.status for response in heard_everywhere(callers, hash_of(old))} == {404}
    assert query(hosts[0], "SELECT 1 FROM tts_cache WHERE content_hash = %s", hash_of(old)) == []
    assert kept_in_database(hosts[0], hash_of(old)) == []
    for host in hosts:
        wait_until(lambda host=host: not files_of(host, hash_of(old)), "its files to go")  # type: ignore[misc]
        assert files_of(host, hash_of(new))
    assert {response.status for response in heard_everywhere(callers, hash_of(new))} == {200}


def test_a_pruned_text_is_generated_again_on_request(
    callers: list[Caller], hosts: tuple[WebServer, WebServer], openai: OpenAIServer
) -> None:
    text = phrase()
    for caller in callers:
        caller.say(text)
    make_old(hosts[0], hash_of(text), requests=2)
    clear(callers[0])
    assert [caller.say(text).body for caller in callers] == [sound_of(text)] * 2
    assert [call.text for call in openai.calls()] == [text] * 2


def test_a_prune_keeps_published_clips_of_any_age(
    callers: list[Caller], hosts: tuple[WebServer, WebServer], openai: OpenAIServer
) -> None:
    execute(hosts[0], LONG_AGO)
    published, in_the_bank = 17, 34
    assert clear(callers[1], days=1)["protected_entries"] == 2 * (published + in_the_bank)
    for host in hosts:
        listener = Caller(host)
        assert {listener.clip(audio["content_hash"]).status for audio in listener.audio()} == {200}
    assert openai.calls() == []


def test_a_clip_pruned_during_playback_plays_to_its_end(
    callers: list[Caller], hosts: tuple[WebServer, WebServer]
) -> None:
    text = long_phrase()
    callers[0].say(text)
    with callers[0].start_clip(hash_of(text)) as stream:
        make_old(hosts[0], hash_of(text), requests=2)
        assert clear(callers[0])["deleted_entries"] == 1
        assert whole_body(stream) == sound_of(text)
    assert callers[0].clip(hash_of(text)).status == 404


def test_a_clip_being_made_during_a_prune_is_kept(
    callers: list[Caller], hosts: tuple[WebServer, WebServer], openai: OpenAIServer
) -> None:
    text = long_phrase()
    openai.behave(on_text=text, gate_after_chunks=1)
    with callers[0].start_saying(text) as stream:
        wait_until(openai.calls, "the voice to speak")
        make_old(hosts[0], hash_of(text), requests=0)
        assert clear(callers[1])["deleted_entries"] == 0
        openai.release()
        assert whole_body(stream) == sound_of(text)
    assert callers[1].clip(hash_of(text)).body == sound_of(text)


def test_a_request_keeps_an_old_clip_from_a_prune(
    callers: list[Caller], hosts: tuple[WebServer, WebServer]
) -> None:
    text = phrase()
    callers[0].say(text)
    make_old(hosts[0], hash_of(text), requests=1)
    callers[1].clip(hash_of(text))
    assert clear(callers[0])["deleted_entries"] == 0


def test_the_prune_command_reports_the_figures_of_the_api(
    callers: list[Caller], hosts: tuple[WebServer, WebServer]
) -> None:
    text = phrase()
    callers[0].say(text)
    make_old(hosts[0], hash_of(text), requests=1)
    assert hosts[1].manage("prune", "--dry-run", check=True).stdout.startswith("1 clips were not asked for")
    assert "1 clips were removed." in hosts[1].manage("prune", check=True).stdout
    assert {response.status for response in heard_everywhere(callers, hash_of(text))} == {404}
