"""The days from forty before a model is switched off to ten after: pages, mails, answers and calls.

The test sets the clock. A real mail server gets the mails; the stand-in for the provider lists the date.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.test import Client

from harness.api_calls import body_of, say
from harness.calendar import SetClock
from harness.clips import entry, speech, spoken
from harness.mail import MailServer
from harness.openai_server import OpenAIServer
from harness.process import HOST
from harness.staff_pages import INDEX, figure, text_of
from ttscache import tasks
from ttscache.models import Alert, ApiToken, Clip, PruneRun
from ttscache.speech import SpeechRequest
from ttscache.warming import ClipSpec, start_automatic_run
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long_on_postgresql]

MODEL, CHAT = "tts-1-hd", "gpt-4o-mini"
DAY = date(2027, 1, 6)
FIRST, LAST = DAY - timedelta(days=40), DAY + timedelta(days=10)
TOLD = "[Life Review] The provider switches off a model"
KEPT = "This was made in time."
OLD = "Nobody has asked for this for a hundred days."


@dataclass
class Diary:
    """The observations of each day, by the number of days left."""

    mails: dict[int, list[str]] = field(default_factory=dict)
    pages: dict[int, str] = field(default_factory=dict)
    ready: dict[int, str] = field(default_factory=dict)
    metrics: dict[int, str] = field(default_factory=dict)
    answers: dict[int, list[str]] = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=dict)
    runs: dict[int, bool] = field(default_factory=dict)
    old_clips: dict[int, set[str]] = field(default_factory=dict)  # the models of those that prunes left


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    return SetClock(monkeypatch)


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = HOST, server.port
        settings.ALERT_EMAILS = ["ana@example.org"]
        yield server


@pytest.fixture(autouse=True)
def _site(openai: OpenAIServer, settings: Any) -> Iterator[None]:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "openai_base_url": openai.base_url,
        "daily_budget_usd": 100.0,
        "storage_limit_bytes": 10**12,  # never full, whatever disk this machine has
    }
    openai.shut_down_on({MODEL: DAY.isoformat()})
    django_cache.clear()
    yield
    speech_cache().finish_recordings(5)


@pytest.fixture
def caller() -> Client:
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue('tests')}"})


def answer_to(response: Any) -> str:
    """Return the error code of a response, or "sound"."""
    if response.status_code == 200:
        return "sound" if body_of(response) else "nothing"
    assert "Retry-After" not in response
    return str(response.json()["code"])


_numbers = count()


def new_text() -> str:
    return f"Nobody has asked for these words before, number {next(_numbers)}."


def run_daily_tasks(diary: Diary, left: int, mail: MailServer) -> None:
    """Run each scheduled task twice, because a schedule may start it more than once."""
    mailed = len(mail.received)
    for _ in range(2):
        tasks.look_at_models_daily()
        tasks.look_for_trouble()
    diary.mails[left] = mail.subjects[mailed:]
    for _ in range(2):
        tasks.prune()
    diary.old_clips[left] = set(Clip.objects.filter(content_text=OLD).values_list("model", flat=True))


def keep_old_clip(model: str) -> None:
    """A whole clip that nobody has requested for longer than a prune waits, by the database's clock."""
    request = speech(OLD, model=model)
    Clip.objects.record(request, "question")
    sound = spoken(request)
    kept = entry(request.content_hash, sound, model=model, audio_format="pcm", characters=len(OLD))
    speech_cache().tiers.permanent.put(kept)
    long_ago = datetime.now(UTC) - timedelta(days=100)
    Clip.objects.filter(content_hash=request.content_hash).update(last_accessed_at=long_ago)


def request_clips(diary: Diary, left: int, openai: OpenAIServer, caller: Client) -> None:
    """Listeners request two new clips and an old one, and the schedule starts a run with another new clip."""
    called = len(openai.calls())
    responses = [say(caller, text) for text in (KEPT, new_text(), new_text())]
    diary.answers[left] = [answer_to(response) for response in responses]
    wanted = [ClipSpec(SpeechRequest(text=new_text(), voice="nova", model=MODEL), "question")]
    diary.runs[left] = start_automatic_run("the journey", wanted, requested_by="schedule") is not None
    diary.calls[left] = len(openai.calls()) - called


def open_pages(diary: Diary, left: int, staff: Client, caller: Client) -> None:
    django_cache.clear()  # otherwise a thread would refresh the day-old figures
    diary.pages[left] = text_of(staff.get(INDEX))
    diary.ready[left] = Client().get("/readyz").content.decode()
    diary.metrics[left] = caller.get("/metrics").content.decode()


@pytest.fixture
def diary(clock: SetClock, mail: MailServer, openai: OpenAIServer, caller: Client, admin_user: Any) -> Diary:
    diary = Diary()
    for model in (MODEL, "a-model-without-an-end"):
        keep_old_clip(model)
    for day in clock.each_day(FIRST, LAST):
        left = (DAY - day).days
        if left == 0:
            openai.behave(fault=410)
        run_daily_tasks(diary, left, mail)
        if left in (40, 1) or left <= 0:
            request_clips(diary, left, openai, caller)
        if left in (40, 30, 14, 1, 0, -10):
            staff = Client()
            staff.force_login(admin_user)
            open_pages(diary, left, staff, caller)
    return diary


def test_a_retiring_model_from_forty_days_before_to_ten_days_after(diary: Diary, mail: MailServer) -> None:
    # Each mail is sent once, on its day.
    told = [(left, subject) for left, subjects in diary.mails.items() for subject in subjects]
    assert told == [(left, TOLD) for left in (30, 14, 7, 1, 0)]
    bodies = [message.get_content() for message in mail.received]
    assert [f"on 6 January 2027, in {days}." in body for days, body in zip(
        ("30 days", "14 days", "7 days", "1 day"), bodies[:4], strict=True
    )] == [True] * 4  # fmt: skip
    assert "has switched off tts-1-hd, which speaks nova and onyx, on 6 January 2027." in bodies[4]
    assert Alert.objects.get().over_at is None

    # A retired model gets one speech call in all; before that each new text takes one.
    assert (diary.calls[40], diary.calls[1]) == (3, 2)
    assert sum(calls for left, calls in diary.calls.items() if left <= 0) == 1
    assert diary.answers[40] == ["sound", "sound", "sound"]
    after = {tuple(answers) for left, answers in diary.answers.items() if left <= 0}
    assert after == {("sound", "model_retired", "model_retired")}
    assert {left for left, is_started in diary.runs.items() if is_started} == {40, 1}
    # The pages show this to staff and operators.
    assert figure(diary.pages[40], "days-left") == "40"
    assert figure(diary.pages[1], "days-left") == "1"
    assert "Before that day, make the clips you may still need in this voice" in diary.pages[40]
    for left in (0, -10):
        assert "A model is switched off" in diary.pages[left]
        assert 'data-figure="days-left"' not in diary.pages[left]
        assert "nothing new can be made until another voice is chosen" in diary.pages[left]
    assert "models: WARNING, The provider switches off tts-1-hd" in diary.ready[30]
    assert "models: WARNING, The provider has switched off tts-1-hd" in diary.ready[-10]
    assert 'lifereview_model_shutdown_days{model="tts-1-hd"} 14.0' in diary.metrics[14]
    assert 'lifereview_model_retired{model="tts-1-hd"} 0.0' in diary.metrics[1]
    for left in (0, -10):
        assert 'lifereview_model_shutdown_days{model="tts-1-hd"} 0.0' in diary.metrics[left]
        assert 'lifereview_model_retired{model="tts-1-hd"} 1.0' in diary.metrics[left]
    assert Clip.objects.with_audio().filter(content_text=KEPT).exists()
    # Each night's prune leaves what cannot be made again, and removes what can, on the first night.
    assert len(diary.old_clips) == 51
    assert set(map(frozenset, diary.old_clips.values())) == {frozenset({MODEL})}
    assert Clip.objects.with_audio().filter(content_text=OLD, model=MODEL).exists()
    assert PruneRun.objects.filter(removed=1).count() == 1


def test_the_alert_is_over_once_another_model_speaks(
    clock: SetClock, mail: MailServer, settings: Any
) -> None:
    clock.set(DAY)
    tasks.look_at_models_daily()
    tasks.look_for_trouble()
    settings.TTSCACHE = {**settings.TTSCACHE, "model": "gpt-realtime-2.1-mini"}
    for _ in range(2):
        tasks.look_for_trouble()
    assert mail.subjects == [TOLD, "[Life Review] Resolved: The provider switches off a model"]


def test_a_model_that_goes_without_notice_is_told_of_once(
    clock: SetClock, mail: MailServer, openai: OpenAIServer, caller: Client
) -> None:
    openai.shut_down_on({})
    openai.behave(fault=410)
    clock.set(DAY)
    tasks.look_at_models_daily()
    say(caller, new_text())
    for hour in (13, 14, 15):
        clock.set(DAY, hour)
        tasks.look_for_trouble()
    assert mail.subjects == [TOLD]
    assert "without notice" in mail.received[0].get_content()


def test_the_chat_model_has_an_alert_of_its_own(clock: SetClock, mail: MailServer, settings: Any) -> None:
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "model_shutdown": {CHAT: DAY + timedelta(days=8), MODEL: DAY + timedelta(days=365)},
        "reflection_model": CHAT,
    }
    told = []
    for day in clock.each_day(DAY - timedelta(days=23), DAY + timedelta(days=9)):
        before = len(mail.received)
        tasks.look_for_trouble()
        told += [(DAY + timedelta(days=8) - day).days] * (len(mail.received) - before)
    assert told == [30, 14, 7, 1, 0]
    assert "gpt-4o-mini, which writes reflections," in mail.received[0].get_content()
    assert set(Alert.objects.values_list("kind", "subject")) == {("model_retires", CHAT)}


def test_an_alert_is_over_when_the_day_is_put_off(
    clock: SetClock, mail: MailServer, openai: OpenAIServer
) -> None:
    clock.set(DAY - timedelta(days=10))
    tasks.look_at_models_daily()
    tasks.look_for_trouble()
    openai.shut_down_on({MODEL: (DAY + timedelta(days=100)).isoformat()})
    clock.set(DAY - timedelta(days=9))
    tasks.look_at_models_daily()
    tasks.look_for_trouble()
    assert mail.subjects == [TOLD, "[Life Review] Resolved: The provider switches off a model"]
