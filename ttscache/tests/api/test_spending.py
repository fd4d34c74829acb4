"""Staff spend and read figures through the API only with the right to, and what they spend is in the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from harness.api_calls import body_of, say
from harness.clips import TEXT, speech
from harness.fake_voice import FakeVoice
from harness.staff_actions import make_groups, staff_client
from ttscache.models import Clip, ContentType
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]

WITHOUT, WITH = ("Editor", "Analyst"), ("Publisher", "Operator")
DOORS: list[tuple[str, dict[str, Any]]] = [
    ("/api/text-to-speech", {"text": TEXT}),
    ("/api/text-to-speech", {"text": TEXT, "content_type": "response"}),
    ("/api/analyze", {"question": "Where?", "answer": "We had a garden."}),
    ("/api/analyze-and-tts", {"question": "Where?", "answer": "We had a garden."}),
    ("/v1/audio/speech", {"model": "tts-1-hd", "voice": "nova", "input": TEXT}),
    ("/v1/audio/prefetch", {"items": [{"voice": "nova", "input": TEXT}]}),
]


@pytest.fixture(autouse=True)
def _groups() -> None:
    make_groups()


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, content_type="application/json")


@pytest.mark.parametrize("group", WITHOUT)
def test_staff_without_the_right_to_make_clips_spend_through_no_door(voice: FakeVoice, group: str) -> None:
    client = staff_client(group)
    for path, body in DOORS:
        refused = post(client, path, body)
        assert refused.status_code == 403, path
        if path.startswith("/api"):
            assert refused.json()["code"] == "forbidden"
            assert "may have clips made" in refused.json()["error"]

    assert voice.calls == []
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("group", WITH)
def test_staff_with_the_right_to_make_clips_have_a_text_spoken(voice: FakeVoice, group: str) -> None:
    assert body_of(say(staff_client(group), TEXT))
    assert len(voice.calls) == 1


def test_a_clip_that_nobody_has_published_is_made_for_no_staff_without_the_right(voice: FakeVoice) -> None:
    clip = Clip.of(speech(TEXT), ContentType.NARRATIVE)
    clip.save()
    path = f"/api/audio/{clip.content_hash}.{clip.audio_format}"

    refused = staff_client("Editor").get(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert voice.calls == []
    assert body_of(staff_client("Publisher").get(path))
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("group", "status"), [("Editor", 403), ("Publisher", 200), ("Analyst", 200), ("Operator", 200)]
)
def test_staff_read_figures_only_with_the_right_to_see_them(group: str, status: int) -> None:
    client = staff_client(group)
    for path in ("/api/cache-stats", "/metrics"):
        answer = client.get(path)
        assert answer.status_code == status, path
        if status == 403:
            assert answer.json() == {
                "error": "This needs an API token, or a staff account that may see figures.",
                "code": "forbidden",
            }


def test_spending_of_staff_is_in_the_log_with_who_how_much_and_the_price(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = staff_client("Publisher")
    with caplog.at_level(logging.INFO):
        for content_type in ("narrative", "narrative", "response"):  # the second one is a hit, and free
            body_of(post(client, "/api/text-to-speech", {"text": TEXT, "content_type": content_type}))
        body_of(post(client, "/v1/audio/speech", {"model": "tts-1", "voice": "onyx", "input": TEXT}))
    says = f"{len(TEXT)} characters through the API, about $0.001."
    entries = LogEntry.objects.select_related("user")

    assert [(entry.user.username, entry.change_message) for entry in entries] == [("publisher", says)] * 3
    lines = [record.getMessage() for record in caplog.records if record.name == "ttscache.api.spending"]
    assert lines == [f"publisher spent on {says}"] * 3
    assert TEXT not in caplog.text
    assert TEXT not in str(list(entries.values()))


def test_spending_of_a_token_is_no_entry_of_staff(caller: Client) -> None:
    body_of(say(caller, TEXT))

    assert not LogEntry.objects.exists()


def test_where_free_text_is_open_to_anyone_it_is_open_to_all_staff(settings: Any, voice: FakeVoice) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "allow_anonymous_text": True}
    speech_cache().synthesizer.provider = voice
    client = staff_client("Editor")

    assert body_of(say(client, TEXT))
    assert client.get("/api/cache-stats").status_code == 200
    assert client.get("/metrics").status_code == 403
