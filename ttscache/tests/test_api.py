"""The views in one process, with a voice of the tests; how they behave over real HTTP is shown elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import takewhile
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.db.models import Sum
from django.test import Client
from django.utils import timezone
from rest_framework.settings import api_settings

from harness.clips import TEXT, spoken
from harness.fake_voice import FakeVoice
from ttscache import answering
from ttscache.errors import ProviderFailed, ProviderUnavailable
from ttscache.models import ApiToken, Clip, Pin, Usage
from ttscache.throttling import ScopedThrottle
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def voice(settings: Any) -> Iterator[FakeVoice]:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "k",
        "audio_format": "pcm",
    }
    voice = FakeVoice()
    speech_cache().speaker.provider = voice
    django_cache.clear()  # which counts for throttles, in a table that no test flushes
    yield voice
    speech_cache().finish_recordings(5)


@pytest.fixture
def caller() -> Client:
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue('tests')}"})


def say(client: Client, text: object = TEXT, **fields: object) -> Any:
    return client.post("/api/text-to-speech", {"text": text, **fields}, content_type="application/json")


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def outcomes() -> dict[str, int]:
    speech_cache().ledger.flush()
    return dict(Usage.objects.values_list("outcome").annotate(total=Sum("requests")))


def test_a_text_is_spoken_and_the_second_time_it_is_there(caller: Client, voice: FakeVoice) -> None:
    first, second = say(caller), None
    assert body(first) == spoken(voice.calls[0])
    second = say(caller)

    assert first["Cache-Status"] == "lifereview; fwd=miss; detail=generated"
    assert second["Cache-Status"] == "lifereview; hit; detail=memory"
    assert body(second) == spoken(voice.calls[0])
    assert outcomes() == {"generated": 1, "memory": 1}


def test_a_persons_own_words_are_spoken_and_forgotten(caller: Client, voice: FakeVoice) -> None:
    responses = [say(caller, content_type="response") for _ in range(2)]

    assert [body(response) for response in responses] == [spoken(voice.calls[0])] * 2
    assert {response["Cache-Control"] for response in responses} == {"no-store"}
    assert len(voice.calls) == 2
    assert not Clip.objects.exists()
    assert outcomes() == {"generated": 2}


@pytest.mark.parametrize(
    ("said", "kind"), [("greeting", "narrative"), ("outro", "narrative"), ("analysis", "analysis")]
)
def test_a_clip_is_filed_under_its_kind(caller: Client, said: str, kind: str) -> None:
    body(say(caller, content_type=said))

    assert Clip.objects.get().content_type == kind


def test_an_error_before_the_first_byte_has_its_status(caller: Client, voice: FakeVoice) -> None:
    voice.errors = [ProviderUnavailable(retry_after_seconds=30)]
    response = say(caller)

    assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
    assert (response["Retry-After"], response["Cache-Control"]) == ("30", "no-store")
    assert outcomes() == {"failed": 1}


def test_after_the_first_byte_the_connection_is_cut(caller: Client, voice: FakeVoice) -> None:
    voice.breaks_off = ProviderFailed()
    response = say(caller)

    with pytest.raises(ProviderFailed):
        body(response)
    assert outcomes() == {"failed": 1}


def test_a_stranger_may_not_have_any_text_spoken_unless_the_operator_says_so(
    voice: FakeVoice, settings: Any
) -> None:
    assert say(Client()).status_code == 401
    settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
    speech_cache().speaker.provider = voice

    assert say(Client()).status_code == 200


def test_staff_may_and_other_users_may_not(
    admin_client: Client, client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_user("somebody"))

    assert say(client).status_code == 403
    assert say(admin_client).status_code == 200


def test_no_more_threads_wait_than_may(caller: Client, settings: Any, voice: FakeVoice) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "waiting_threads": 1}
    answering.waiting_room.cache_clear()
    speech_cache().speaker.provider = voice
    waiting = say(caller, "The first text that is asked for.")
    busy = say(caller, "Another text, asked for meanwhile.")
    body(waiting)
    after = say(caller, "Another text, asked for meanwhile.")

    assert (busy.status_code, busy.json()["code"], "Retry-After" in busy) == (503, "busy", True)
    assert after.status_code == 200
    body(after)
    assert outcomes() == {"generated": 2, "failed": 1}, "who was sent away asked as well"


def test_only_generations_are_throttled(caller: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"generation": "1/min", "anonymous_generation": "1/min"}
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", rates)
    body(say(caller))
    hit, other = say(caller), say(caller, "A second text that nobody has asked for.")

    assert hit.status_code == 200
    assert (other.status_code, other.json()["code"]) == (429, "throttled")
    assert int(other["Retry-After"]) > 0
    assert "anonymous_generation" in api_settings.DEFAULT_THROTTLE_RATES


def test_nobody_is_sent_away_because_redis_is_gone(caller: Client, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }

    assert say(caller).status_code == 200


def test_a_stranger_makes_only_so_many_clips(
    voice: FakeVoice, caller: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body(say(caller))
    address = published()
    for tier in speech_cache().tiers:
        tier.delete(Clip.objects.get().content_hash)
    monkeypatch.setattr(
        ScopedThrottle, "THROTTLE_RATES", {"generation": None, "anonymous_generation": "1/min"}
    )
    voice.breaks_off = ProviderFailed()
    with pytest.raises(ProviderFailed):
        body(Client().get(address))

    assert Client().get(address).status_code == 429
    assert caller.get(address).status_code == 200


def test_a_part_that_the_clip_does_not_have_is_refused_in_json(caller: Client) -> None:
    body(say(caller))
    response = Client().get(published(), headers={"Range": "bytes=99999999-"})

    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert "Cache-Status" not in response


def test_json_deeper_than_anyone_means_is_a_parse_error(caller: Client) -> None:
    response = caller.post("/api/text-to-speech", "[" * 200_000, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


def test_kinds_of_the_earlier_system_are_counted_among_the_four(caller: Client) -> None:
    body(say(caller))
    Clip.objects.update(content_type="greeting")
    for tier in speech_cache().local:
        tier.delete(Clip.objects.get().content_hash)
    body(say(caller))
    figures = caller.get("/api/cache-stats").json()

    assert sum(kind["requests"] for kind in figures["by_content_type"].values()) == 2


def test_a_clip_that_is_not_published_is_like_one_that_does_not_exist(caller: Client) -> None:
    body(say(caller))
    address = f"/api/audio/{Clip.objects.get().content_hash}.pcm"
    unknown = Client().get(f"/api/audio/{'0' * 32}.pcm")
    hidden = Client().get(address)

    assert (
        (hidden.status_code, hidden.json()) == (unknown.status_code, unknown.json()) == (404, unknown.json())
    )
    assert caller.get(address).status_code == 200
    assert caller.get(address)["Cache-Control"] == "private, max-age=3600"


def published() -> str:
    clip = Clip.objects.get()
    Pin.objects.get_or_create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
    speech_cache().set_published(frozenset([clip.content_hash]))
    return f"/api/audio/{clip.content_hash}.pcm"


def test_a_published_clip_may_be_kept_for_ever_under_the_address_of_its_bytes(caller: Client) -> None:
    body(say(caller))
    address, checksum = published(), Clip.objects.get().checksum
    said = {
        v: Client().get(f"{address}{v}")["Cache-Control"] for v in ("", "?v=00000000", f"?v={checksum[:8]}")
    }

    assert list(said.values()) == [
        "public, max-age=300",
        "public, max-age=300",
        "public, max-age=31536000, immutable",
    ]


def test_a_published_hit_makes_no_query(caller: Client, django_assert_num_queries: Any) -> None:
    body(say(caller))
    address = published()
    with django_assert_num_queries(0):
        assert Client().get(address).status_code == 200


@pytest.mark.parametrize("tier", ["memory", "file", "database"])
@pytest.mark.parametrize(
    ("asked", "is_asked_for"), [("", True), ("bytes=0-", True), ("bytes=0-1", False), ("bytes=500-", False)]
)
def test_a_clip_was_last_asked_for_when_it_was_last_heard_from_its_start(
    caller: Client, tier: str, asked: str, is_asked_for: bool
) -> None:
    body(say(caller))
    address = published()
    speech_cache().ledger.flush()
    before = timezone.now() - timedelta(days=80)
    Clip.objects.update(last_accessed_at=before)
    for faster in takewhile(lambda each: each.name != tier, speech_cache().tiers):
        faster.delete(Clip.objects.get().content_hash)
    response = Client().get(address, headers={"Range": asked} if asked else {})
    speech_cache().ledger.flush()

    assert response["Cache-Status"] == f"lifereview; hit; detail={tier}"
    assert (Clip.objects.get().last_accessed_at > before) is is_asked_for


def test_a_known_clip_without_audio_is_made_when_it_is_asked_for(voice: FakeVoice, caller: Client) -> None:
    body(say(caller))
    address = published()
    for tier in speech_cache().tiers:
        tier.delete(Clip.objects.get().content_hash)
    headers = Client().head(address)
    part = Client().get(address, headers={"Range": "bytes=0-1"})

    assert (headers.status_code, "Content-Length" in headers, len(voice.calls)) == (200, False, 2)
    assert (part.status_code, part.content) == (206, spoken(voice.calls[0])[:2])
    assert part["Cache-Status"] == "lifereview; fwd=miss; detail=generated"


def test_another_extension_is_another_address(caller: Client) -> None:
    body(say(caller))

    assert Client().get(published().replace(".pcm", ".mp3")).status_code == 404


def test_figures_are_for_those_who_may_see_them(caller: Client, voice: FakeVoice) -> None:
    for _ in range(2):
        body(say(caller))
    figures = caller.get("/api/cache-stats").json()

    assert Client().get("/api/cache-stats").status_code == 401
    assert figures["by_tier"]["generated"] == figures["by_tier"]["memory"] == 1
    assert (figures["hit_rate"], figures["supabase_entries"], figures["local_files"]) == (0.5, 1, 1)
    assert figures["by_content_type"]["narrative"] == {
        "requests": 2,
        "hits": 1,
        "warmed_hits": 0,
        "hit_rate": 0.5,
    }
    assert figures["saved_usd"] == pytest.approx(len(TEXT) * 30 / 1e6)
    assert figures["stats"]["supabase_entries"] == 1


def test_health_asks_nobody(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = Client().get("/api/health")

    assert response.json() == {"status": "healthy", "service": "life-review"}


def test_readyz_has_a_line_for_each_part() -> None:
    response = Client().get("/readyz")

    lines = response.content.decode().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "database", "local files", "permanent tier", "task cluster", "provider settings",
    ]  # fmt: skip
    assert (response.status_code, "task cluster: NOT READY" in response.content.decode()) == (503, True)


def test_what_nobody_foresaw_is_json_without_a_word_of_it(
    caller: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = "canary words of a person"

    def explode(*_: object, **__: object) -> None:
        raise ValueError(words)

    monkeypatch.setattr(speech_cache(), "record", explode)
    response = say(caller, words)

    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert "canary" not in response.content.decode() + caplog.text
