"""Posted texts that are answered before sessions and routes."""

from __future__ import annotations

from concurrent.futures import wait
from typing import Any

import pytest
from cachebox import TTLCache
from django.test import Client

from harness.api_calls import body_of, request_statements, say
from harness.clips import TEXT, spoken
from harness.fake_voice import FakeVoice
from harness.waiting import wait_until
from ttscache.api.known_texts import known_texts_middleware
from ttscache.cache import GenerationJob
from ttscache.connections import OrmThreadPool
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import KeyRefused
from ttscache.maintenance.pruning import remove_clip
from ttscache.models import ApiToken, Clip, ContentType, Pin
from ttscache.renditions.current import refresh_renditions, request_for
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


@pytest.fixture(autouse=True)
def _a_clip_at_hand(voice: FakeVoice, caller: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip that was made and then played, so that this process has seen its record.

    A slow machine has a minute here, not a second, until the record is looked up again.
    """
    monkeypatch.setattr("ttscache.delivery.playback._touched", TTLCache(10, 60.0))
    body_of(say(caller, TEXT))
    body_of(say(caller, TEXT))
    refresh_renditions()


def test_a_text_that_was_posted_a_moment_ago_makes_no_statement(caller: Client) -> None:
    with request_statements() as made:
        response = say(caller, TEXT)

    assert response["Cache-Status"] == "lifereview; hit; detail=memory"
    assert made == []


@pytest.mark.parametrize("tier", ["memory", "file"])
def test_a_published_text_makes_no_statement(
    caller: Client, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content_hash = Clip.objects.get().content_hash
    Pin.objects.create(content_hash=content_hash, reason=Pin.Reason.LIVE)
    speech_cache().tiers.set_published(frozenset([content_hash]))
    monkeypatch.setattr("ttscache.delivery.playback._touched", {})
    if tier == "file":
        speech_cache().tiers.local[0].delete(content_hash)
    with request_statements() as made:
        response = say(caller, TEXT)

    assert response["Cache-Status"] == f"lifereview; hit; detail={tier}"
    assert made == []


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=2-5"}, {"If-None-Match": "*"}])
def test_a_known_text_is_answered_as_the_view_answers_it(
    caller: Client, settings: Any, headers: dict[str, str]
) -> None:
    def ask() -> Any:
        data = {"text": TEXT, "content_type": "question"}
        return caller.post("/api/text-to-speech", data, content_type="application/json", headers=headers)

    known = ask()
    road = f"{known_texts_middleware.__module__}.{known_texts_middleware.__name__}"
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != road]
    caller.handler.load_middleware()
    viewed = ask()

    assert viewed.has_header("Allow") and not known.has_header("Allow")  # the one went through DRF
    assert (known.status_code, body_of(known)) == (viewed.status_code, body_of(viewed))
    for name in (
        *("Content-Type", "Content-Length", "Content-Range", "ETag", "Cache-Control", "Cache-Status"),
        *("Accept-Ranges", "Vary", "Content-Security-Policy"),
    ):
        assert known.get(name) == viewed.get(name), name


def test_a_text_whose_clip_was_removed_a_moment_ago_is_made_anew(caller: Client, voice: FakeVoice) -> None:
    assert remove_clip(Clip.objects.get(), "tests", speech_cache())

    assert body_of(say(caller, TEXT)) == spoken(voice.calls[1])


def test_a_persons_own_words_are_never_answered_with_a_kept_clip(caller: Client, voice: FakeVoice) -> None:
    response = say(caller, TEXT, content_type="response")

    assert body_of(response) == spoken(voice.calls[1])
    assert response["Cache-Control"] == "no-store"


def test_a_known_text_needs_a_token_for_speech_or_the_permission_of_the_settings(settings: Any) -> None:
    def status_of(**headers: str) -> int:
        return int(say(Client(headers=headers), TEXT).status_code)

    figures_only = {"Authorization": f"Bearer {ApiToken.issue('figures', may_speak=False)}"}
    wrong = {"Authorization": "Bearer wrong"}

    assert [status_of(), status_of(**wrong), status_of(**figures_only)] == [401, 401, 403]
    settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
    assert [status_of(), status_of(**wrong), status_of(**figures_only)] == [200, 401, 200]


def test_a_known_text_is_refused_under_a_name_that_is_not_ours(caller: Client) -> None:
    data = {"text": TEXT}
    response = caller.post(
        "/api/text-to-speech", data, content_type="application/json", headers={"Host": "evil.example"}
    )

    assert response.status_code == 400


def test_a_text_that_is_being_made_here_is_joined_without_a_statement(
    caller: Client, voice: FakeVoice
) -> None:
    new = "Which song did your mother sing?"
    voice.may_go_on.clear()
    first = say(caller, new)
    with request_statements() as made:
        second = say(caller, new)
    voice.may_go_on.set()

    assert (first["Cache-Status"], second["Cache-Status"]) == (
        "lifereview; fwd=miss; detail=generated",
        "lifereview; fwd=miss; collapsed",
    )
    assert made == []
    assert body_of(first) == body_of(second) == spoken(voice.calls[1])


def test_requests_for_a_new_text_wait_until_the_first_has_begun_its_recording_and_join_it(
    caller: Client, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttscache.generation.generator.BEHIND_FIRST_SECONDS", 60.0)
    new = request_for("Which song did your mother sing?", "nova")
    with OrmThreadPool(3) as threads, speech_cache().behind_first(new.content_hash) as is_behind:
        others = [threads.submit(say, caller, new.text, voice="nova") for _ in range(3)]
        assert not is_behind and not wait(others, timeout=0.2).done
        speech_cache().generate(GenerationJob(new, ContentType.NARRATIVE))
        answers = [each.result(timeout=30) for each in others]

    assert {each["Cache-Status"] for each in answers} == {"lifereview; fwd=miss; collapsed"}
    assert {body_of(each) for each in answers} == {spoken(new)}
    assert len(voice.calls) == 2  # the first one was for the clip of the fixture


def test_requests_behind_one_that_was_refused_go_ahead_by_themselves(
    caller: Client, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttscache.generation.generator.BEHIND_FIRST_SECONDS", 60.0)
    new = request_for("Which song did your mother sing?", "nova")
    with OrmThreadPool(1) as threads:
        with speech_cache().behind_first(new.content_hash):
            other = threads.submit(say, caller, new.text, voice="nova")
            assert not wait([other], timeout=0.2).done
        answer = other.result(timeout=30)

    assert body_of(answer) == spoken(new)


def test_a_request_that_joined_a_failed_recording_answers_its_error_and_begins_no_other(
    caller: Client, voice: FakeVoice
) -> None:
    new = "Which song did your mother sing?"
    voice.errors = [KeyRefused()]
    voice.may_begin.clear()
    with OrmThreadPool(2) as threads:
        first = threads.submit(say, caller, new)
        wait_until(lambda: len(voice.calls) == 2, "the call")  # the first one was for the clip of the fixture
        second = threads.submit(say, caller, new)
        wait_until(lambda: waiting_room().taken == 2, "two requests that wait for the first byte")
        voice.may_begin.set()
        answers = [first.result(), second.result()]

    assert [each.status_code for each in answers] == [503, 503]
    assert len(voice.calls) == 2
