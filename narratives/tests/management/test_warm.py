"""`manage.py warm --last-takes` plans and makes every clip that a retiring voice may still need."""

from __future__ import annotations

from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from harness.openai_server import OpenAIServer
from harness.retirement_day import AUTUMN, stand_on
from narratives import publishing
from narratives.models import BankReflection, Journey, Narrative
from ttscache import wiring
from ttscache.models import Clip, WarmRun
from ttscache.renditions.current import request_for
from ttscache.warming.last_takes import find_last_takes

pytestmark = pytest.mark.django_db(transaction=True)

SHARED = "Those mornings stayed with you."
END = date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _retiring(settings: Any, openai: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name a vendor's model and its last day."""
    stand_on(AUTUMN, monkeypatch)
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "openai_base_url": openai.base_url,
        "model_shutdown": {"tts-1-hd": END},
    }
    wiring.forget()


@pytest.fixture
def everything(journey: Journey) -> set[str]:
    """Texts of each kind, used or not; the words that last takes must include."""
    new = {"kind": "system", "slug": "safety", "title": "Safety", "text": "Call."}
    publishing.publish([Narrative.objects.create(journey=journey, **new)], at_once=True)
    question = journey.narratives.get(kind="question")
    question.text = "Where did it all begin?"
    question.save()
    publishing.publish([question])
    question.refresh_from_db()
    question.text = "Where did it really begin?"
    question.save()
    gentle = Journey.objects.create(slug="gentle", title="Gentle")
    Narrative.objects.create(journey=gentle, kind="question", slug="q", title="Q", text="Not live.")
    BankReflection.objects.create(text="Of the bank.")
    BankReflection.objects.create(text="Out of use.", is_active=False)
    Clip.objects.record_all([request_for(SHARED, "onyx")], "analysis", are_shareable=True)
    Clip.objects.record(request_for("So your mother was Rosa.", "nova"), "analysis")
    drafts = {"Where did it all begin?", "Where did it really begin?", "Not live."}
    return {"Welcome.", "Where did it begin?", "Thank you.", "Call.", "Of the bank.", SHARED} | drafts


def told(*options: str) -> str:
    out = StringIO()
    call_command("warm", "--last-takes", *options, stdout=out, stderr=out)
    return out.getvalue()


def test_a_dry_run_of_last_takes_reports_count_characters_price_and_day(
    everything: set[str], openai: OpenAIServer
) -> None:
    said, characters = told("--dry-run"), 2 * sum(map(len, everything))
    assert "tts-1-hd is switched off on 2026-11-01." in said
    assert f"18 of 18 clips are missing: {characters} characters, {characters * 30 / 1e6:.4f} USD." in said
    assert all(f"  {voice}: 9 of 9" in said for voice in ("nova", "onyx"))
    assert "Making them takes about 1 min." in said
    assert not openai.calls()


def test_last_takes_make_the_whole_plan(everything: set[str], openai: OpenAIServer) -> None:
    WarmRun.objects.all().delete()
    told()
    spoken = {(call.text, call.voice) for call in openai.calls()}
    assert spoken == {(text, voice) for text in everything for voice in ("nova", "onyx")}
    assert len(openai.calls()) == len(spoken)
    run = WarmRun.objects.get()
    assert (run.scope, run.state) == ("last-takes:tts-1-hd", "done")
    assert find_last_takes().planned.missing == []
    assert (
        "0 of 16 clips are missing" in told()
    )  # the waiting words are now live and replaced the earlier ones


def test_last_takes_say_so_when_no_voice_retires_or_all_have_retired(
    everything: set[str], openai: OpenAIServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = "No listener voice is about to be switched off.\n"
    stand_on(END, monkeypatch)
    assert told() == none
    stand_on(AUTUMN, monkeypatch)
    settings.TTSCACHE = {**settings.TTSCACHE, "model_shutdown": {}}
    assert told() == none
    assert not openai.calls()


def test_last_takes_cover_all_voices(everything: set[str]) -> None:
    with pytest.raises(CommandError, match="leave out --voice"):
        told("--voice", "nova")
