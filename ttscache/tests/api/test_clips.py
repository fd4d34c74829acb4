"""GET /api/audio/… in the test process, with a fake voice."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from harness.api_calls import body_of, say
from harness.clips import TEXT, spoken
from harness.fake_voice import FakeVoice
from ttscache.api.throttling import ScopedThrottle
from ttscache.errors import ProviderFailed
from ttscache.models import Clip, Pin
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


def test_generations_by_one_stranger_are_throttled(
    voice: FakeVoice, caller: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body_of(say(caller, TEXT))
    address = published()
    for tier in speech_cache().tiers.all:
        tier.delete(Clip.objects.get().content_hash)
    monkeypatch.setattr(
        ScopedThrottle, "THROTTLE_RATES", {"generation": None, "anonymous_generation": "1/min"}
    )
    voice.breaks_off = ProviderFailed()
    with pytest.raises(ProviderFailed):
        body_of(Client().get(address))

    assert Client().get(address).status_code == 429
    assert caller.get(address).status_code == 200


def test_a_range_beyond_the_end_of_a_clip_is_refused_in_json(caller: Client) -> None:
    body_of(say(caller, TEXT))
    response = Client().get(published(), headers={"Range": "bytes=99999999-"})

    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert "Cache-Status" not in response


def test_a_clip_that_is_not_published_is_like_one_that_does_not_exist(caller: Client) -> None:
    body_of(say(caller, TEXT))
    address = f"/api/audio/{Clip.objects.get().content_hash}.pcm"
    unknown = Client().get(f"/api/audio/{'0' * 32}.pcm")
    hidden = Client().get(address)

    assert (
        (hidden.status_code, hidden.json()) == (unknown.status_code, unknown.json()) == (404, unknown.json())
    )
    assert caller.get(address).status_code == 200
    assert caller.get(address)["Cache-Control"] == "private, max-age=3600"


@pytest.mark.parametrize("cookies", [{}, {"sessionid": "nobody"}], ids=["no cookie", "a cookie"])
def test_headers_of_a_hidden_clip_equal_those_of_an_unknown_one(
    caller: Client, cookies: dict[str, str]
) -> None:
    body_of(say(caller, TEXT))
    stranger = Client()
    stranger.cookies.load(cookies)
    hashes = [Clip.objects.get().content_hash, "0" * 32]
    hidden, unknown = (stranger.get(f"/api/audio/{content_hash}.pcm") for content_hash in hashes)

    assert hidden.status_code == unknown.status_code == 404
    assert dict(hidden.headers) == dict(unknown.headers)


def published() -> str:
    clip = Clip.objects.get()
    Pin.objects.get_or_create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
    speech_cache().tiers.set_published(frozenset([clip.content_hash]))
    return f"/api/audio/{clip.content_hash}.pcm"


def test_a_published_clip_may_be_kept_for_ever_under_the_address_of_its_bytes(caller: Client) -> None:
    body_of(say(caller, TEXT))
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
    body_of(say(caller, TEXT))
    address = published()
    with django_assert_num_queries(0):
        assert Client().get(address).status_code == 200


@pytest.mark.parametrize("tier", ["memory", "file", "database"])
@pytest.mark.parametrize(
    ("range_", "is_counted"), [("", True), ("bytes=0-", True), ("bytes=0-1", False), ("bytes=500-", False)]
)
def test_only_a_request_from_the_start_of_a_clip_updates_its_last_request(
    caller: Client, tier: str, range_: str, is_counted: bool
) -> None:
    body_of(say(caller, TEXT))
    address = published()
    speech_cache().ledger.flush()
    before = timezone.now() - timedelta(days=80)
    Clip.objects.update(last_accessed_at=before)
    for faster in takewhile(lambda each: each.name != tier, speech_cache().tiers.all):
        faster.delete(Clip.objects.get().content_hash)
    response = Client().get(address, headers={"Range": range_} if range_ else {})
    speech_cache().ledger.flush()

    assert response["Cache-Status"] == f"lifereview; hit; detail={tier}"
    assert (Clip.objects.get().last_accessed_at > before) is is_counted


def test_a_known_clip_without_audio_is_made_when_it_is_asked_for(voice: FakeVoice, caller: Client) -> None:
    body_of(say(caller, TEXT))
    address = published()
    for tier in speech_cache().tiers.all:
        tier.delete(Clip.objects.get().content_hash)
    headers = Client().head(address)
    part = Client().get(address, headers={"Range": "bytes=0-1"})

    assert (headers.status_code, "Content-Length" in headers, len(voice.calls)) == (200, False, 2)
    assert (part.status_code, part.content) == (206, spoken(voice.calls[0])[:2])
    assert part["Cache-Status"] == "lifereview; fwd=miss; detail=generated"


def test_a_clip_under_another_extension_is_404(caller: Client) -> None:
    body_of(say(caller, TEXT))

    assert Client().get(published().replace(".pcm", ".mp3")).status_code == 404
