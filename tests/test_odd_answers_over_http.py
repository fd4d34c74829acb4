"""Answers of providers as people met them: good clips are kept, errors are never passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness.caller import Caller, clip_path, hash_of, phrase, sound_of
from harness.field_clips import CUT_MP3, ERROR_AS_AUDIO, SENTENCE, WHOLE_MP3S, as_body, field_answer
from harness.http import BrokenTransfer
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import files_of, kept_in_database, new_token
from harness.speech_api.sound import spoken_clip
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]

# A text, and what a voice says that leaves out what nobody says.
UNSAID = [
    ("See https://www.example.org/stories/life?id=48121&from=letter#chapter-seven today.", "See today."),
    ("<speak><emphasis level='strong'>Hello</emphasis><break time='500ms'/></speak>", "Hello"),
    ("N" + "o" * 47 + "\u2026!", "No!"),
    ("the " * 300, "the the"),
]
LABELS = ["audio/mpeg", "application/problem+json", "Application/JSON", "application/octet-stream", ""]


@pytest.fixture(scope="module")
def site_caller(make_site: MakeSite) -> Iterator[Caller]:
    with make_site(WebServer) as server:
        yield Caller(server, new_token(server))


@pytest.fixture
def caller(site_caller: Caller, openai: OpenAIServer) -> Caller:
    """A caller of a site whose voice is well, without failures of earlier tests."""
    openai.reset()
    wait_until(lambda: site_caller.say(phrase()).status == 200, "a good clip, which closes the circuit")
    openai.reset()
    return site_caller


def assert_refused(caller: Caller, text: str) -> None:
    response = caller.say(text)
    assert (response.status, response.json()["code"]) == (502, "provider_failed")
    assert b"secret" not in response.body
    assert kept_in_database(caller.site, hash_of(text)) == []
    assert files_of(caller.site, hash_of(text)) == []
    looked_at = caller.ask("HEAD", clip_path(hash_of(text)))
    assert looked_at.headers["Cache-Status"] == "lifereview; fwd=miss"


@pytest.mark.parametrize("media_type", LABELS)
@pytest.mark.parametrize("chunks", [1, 60])
def test_an_error_with_status_200_is_never_passed_on_as_sound(
    caller: Caller, openai: OpenAIServer, media_type: str, chunks: int
) -> None:
    openai.behave(body=as_body(field_answer(ERROR_AS_AUDIO)), media_type=media_type, chunks=chunks)
    assert_refused(caller, phrase())


@pytest.mark.parametrize("media_type", [*LABELS, "text/plain"])
def test_a_clip_is_kept_whatever_its_label_says(
    caller: Caller, openai: OpenAIServer, media_type: str
) -> None:
    openai.behave(media_type=media_type)
    text = phrase()
    assert caller.say(text).body == sound_of(text)
    assert kept_in_database(caller.site, hash_of(text)) == [sound_of(text)]


@pytest.mark.parametrize("name", WHOLE_MP3S)
def test_a_clip_with_tags_or_padding_is_kept_as_it_came(
    caller: Caller, openai: OpenAIServer, name: str
) -> None:
    text = f"{SENTENCE} {'!' * WHOLE_MP3S.index(name)}"  # another text for each
    openai.behave(body=as_body(field_answer(name)))
    assert caller.say(text).body == field_answer(name)
    assert kept_in_database(caller.site, hash_of(text)) == [field_answer(name)]
    assert len(openai.calls()) == 1


def test_a_clip_that_lost_the_end_of_its_last_frame_is_not_kept(caller: Caller, openai: OpenAIServer) -> None:
    text = f"{SENTENCE} Hm?"
    openai.behave(body=as_body(field_answer(CUT_MP3)), chunks=1, first_calls=1)
    with pytest.raises(BrokenTransfer):
        caller.say(text)
    assert kept_in_database(caller.site, hash_of(text)) == []


@pytest.mark.parametrize(("text", "said"), UNSAID)
def test_a_voice_that_leaves_out_what_nobody_says_is_kept(
    caller: Caller, openai: OpenAIServer, text: str, said: str
) -> None:
    openai.behave(says=said)
    heard = caller.say(text)
    assert heard.status == 200
    assert kept_in_database(caller.site, hash_of(text)) == [heard.body]
    assert len(openai.calls()) == 1


def test_a_clip_ten_times_too_long_is_not_kept(caller: Caller, openai: OpenAIServer) -> None:
    text = "Who taught you how to swim in the lake?"
    openai.behave(body=as_body(spoken_clip(text * 10, "nova", "mp3")))
    with pytest.raises(BrokenTransfer):
        caller.say(text)
    assert kept_in_database(caller.site, hash_of(text)) == []


@pytest.mark.parametrize(
    "behaviour",
    [
        {"fault": 429, "error_code": "", "error_type": "insufficient_quota"},
        {"fault": 429, "error_code": "insufficient_quota"},
        {"fault": 402},
    ],
)
def test_a_used_up_quota_takes_one_call(
    caller: Caller, openai: OpenAIServer, behaviour: dict[str, object]
) -> None:
    openai.behave(**behaviour)
    response = caller.say(phrase())
    assert (response.status, response.json()["code"]) == (503, "provider_unavailable")
    assert len(openai.calls()) == 1
    assert "quota is used up" in caller.site.log()


@pytest.mark.parametrize(
    ("behaviour", "least", "most"),
    [
        ({"retry_after": "2.5"}, 2.5, 4.5),
        ({"retry_after": "", "headers": {"retry-after-ms": "2500"}}, 2.5, 4.5),
        ({"retry_after": "Wed, 99 Foo 99999 25:61:61 GMT"}, 0, 2),
    ],
)
def test_the_wait_that_a_provider_asks_for_is_kept(
    caller: Caller, openai: OpenAIServer, behaviour: dict[str, object], least: float, most: float
) -> None:
    openai.behave(fault=429, first_calls=1, **behaviour)
    text = phrase()
    assert caller.say(text).body == sound_of(text)
    refused, granted = openai.calls()
    assert least <= granted.started_at - refused.started_at <= most


@pytest.mark.parametrize("digits", [23, 400])
def test_an_absurd_wait_is_capped(caller: Caller, openai: OpenAIServer, digits: int) -> None:
    openai.behave(fault=503, retry_after="9" * digits)
    response = caller.say(phrase())
    assert (response.status, response.headers["Retry-After"]) == (503, "3600")
    assert json.loads(response.body)["code"] == "provider_unavailable"
    assert len(openai.calls()) == 1


@pytest.mark.parametrize("fault", ["empty", "wrong_format"])
def test_a_text_that_is_refused_twice_for_one_fault_is_not_paid_a_third_time(
    caller: Caller, openai: OpenAIServer, fault: str
) -> None:
    text = phrase()
    openai.behave(fault=fault)
    for _ in range(3):
        assert_refused(caller, text)
    assert len(openai.calls()) == 2
