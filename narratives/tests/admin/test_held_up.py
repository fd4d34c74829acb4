"""A journey's page tells the truth about clips that are held up or refused, whatever the service does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from harness.admin_pages import YES, admin_address, badges, edit, make_clips, narrative_form
from harness.openai_server import OpenAIServer
from harness.staff_pages import refused_take, text_of
from narratives import publishing
from narratives.editing import drafts
from narratives.models import BankReflection, Journey, Narrative, Publication
from ttscache import wiring
from ttscache.coordination.leases import end_cooldowns
from ttscache.models import Clip, RefusedTake, WarmRun
from ttscache.renditions.current import request_for
from ttscache.warming import worker
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

NEW = "Which smell brings you back to the kitchen of your childhood?"
# How the service behaves, the badge, and what the page says beside it.
TROUBLE: dict[str, tuple[dict[str, Any], str, str]] = {
    "key refused": ({"fault": 401}, "Held up", "refuses our key. Your administrator has to set a good one"),
    "quota": (
        {"fault": 429, "error_code": "insufficient_quota"},
        "Held up",
        "The quota at the voice service is used up. Your administrator has to pay for more.",
    ),
    "busy": ({"fault": 429, "retry_after": "420"}, "Held up", r"The voice service is busy until \d\d:\d\d."),
    "text refused": ({"fault": 400}, "Failed", "declined to speak this text. Please change the text."),
    "silent": ({"fault": "silence"}, "Failed", "The recording was silent, twice, so it was not kept."),
    "short": ({"fault": "short"}, "Failed", "The recording was far too short for its text, twice"),
    "damaged": ({"fault": "half"}, "Failed", "The recording was damaged or incomplete, twice"),
    "error": (
        {"fault": 500},
        "Failed",
        "answered with an error. Please try again",
    ),
}


@pytest.fixture(autouse=True)
def _voice(settings: Any, openai: OpenAIServer) -> Iterator[None]:
    """The voice of this process is the stand-in."""
    address = {"openai_api_key": "sk-test", "openai_base_url": openai.base_url}
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", **address}
    wiring.forget()
    yield
    speech_cache().finish_recordings(5)


@pytest.fixture
def draft(heard_question: Narrative) -> Narrative:
    """A question with a changed text, whose clips are not made yet."""
    edit(heard_question, NEW)
    publishing.sync_pins()
    return heard_question


def make(narrative: Narrative) -> None:
    drafts.make_clip(narrative, "nova", requested_by="ana")
    worker.work(seconds=10)
    speech_cache().ledger.flush()


def row_of(client: Client, narrative: Narrative) -> str:
    """Return what the journey's page says about the first voice of the text."""
    page = unescape(text_of(client.get(admin_address(narrative.journey))))
    found = re.search(rf'id="clips-{narrative.pk}"[^>]*>(.*?)</li>', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("trouble", TROUBLE)
def test_the_journeys_page_names_the_trouble_with_a_clip(
    admin_client: Client, draft: Narrative, openai: OpenAIServer, trouble: str
) -> None:
    behaviour, badge, says = TROUBLE[trouble]
    openai.behave(**behaviour)
    make(draft)
    row = row_of(admin_client, draft)
    assert f"</span>{badge}<" in row
    assert re.search(says, row)
    other = text_of(admin_client.get(admin_address(draft)))
    assert badges(admin_client.get(admin_address(draft)))[0] == badge
    assert re.search(says, unescape(other))
    assert NEW not in "".join(str(each) for each in WarmRun.objects.values_list("items__reason"))


def test_the_journeys_page_names_the_person_who_paused_the_job(
    admin_client: Client, admin_user: Any, draft: Narrative
) -> None:
    drafts.make_clip(draft, "nova")
    admin_client.post(reverse("admin:ttscache_warmrun_pause", args=[WarmRun.objects.get().pk]), YES)
    row = row_of(admin_client, draft)
    assert "</span>Paused<" in row
    assert f"Paused by {admin_user.username}. Press Resume to continue." in row


def test_a_clip_is_no_longer_held_up_once_the_key_is_good(
    admin_client: Client, draft: Narrative, openai: OpenAIServer
) -> None:
    openai.behave(fault=401)
    make(draft)
    openai.behave()
    end_cooldowns([worker.RATE_LIMIT])
    worker.work(seconds=10)
    speech_cache().ledger.flush()
    assert "</span>Ready to publish<" in row_of(admin_client, draft)


# --- refused recordings -----------------------------------------------------------------------------------
def refuse(client: Client, narrative: Narrative, openai: OpenAIServer, fault: str = "silence") -> RefusedTake:
    openai.behave(fault=fault)
    make(narrative)
    openai.behave()
    return RefusedTake.objects.select_related("clip").get()


def test_the_journeys_page_offers_a_refused_recording(
    admin_client: Client, draft: Narrative, openai: OpenAIServer
) -> None:
    take = refuse(admin_client, draft, openai)
    row = row_of(admin_client, draft)
    assert "Hear what was refused" in row
    assert "Use this recording" in row
    assert "Try again" in row, "with the price, as ever"
    address = reverse("admin:ttscache_clip_use_refused", args=[take.clip_id])
    back = admin_address(draft.journey)
    answer = admin_client.post(f"{address}?next={back}", YES)
    assert answer["Location"] == back
    assert "Ready to publish" in row_of(admin_client, draft)
    assert "Hear what was refused" not in row_of(admin_client, draft)
    assert LogEntry.objects.filter(object_id=str(take.clip_id)).count() == 1


def test_a_waiting_version_goes_live_once_staff_use_the_refused_recording(
    admin_client: Client, draft: Narrative, openai: OpenAIServer
) -> None:
    Clip.objects.record(request_for(NEW, "onyx"), "question")
    make_clips(NEW)
    Clip.objects.filter(content_text=NEW, voice="nova").update(stored_at=None, checksum="")
    publishing.publish([draft], requested_by="ana")
    openai.behave(fault="silence")
    worker.work(seconds=10)
    page = text_of(admin_client.get(admin_address(draft.journey)))
    waiting = page[page.index("Waiting version") : page.index("journey-actions")]
    assert "The recording was silent, twice" in waiting
    assert "Use this recording" in waiting
    take = RefusedTake.objects.get()
    admin_client.post(reverse("admin:ttscache_clip_use_refused", args=[take.clip_id]), YES)
    assert not Publication.objects.waiting().exists()
    draft.refresh_from_db()
    assert draft.live is not None
    assert draft.live.text == NEW


def test_a_refused_recording_goes_when_its_text_is_changed(
    admin_client: Client, draft: Narrative, openai: OpenAIServer
) -> None:
    refuse(admin_client, draft, openai)
    admin_client.post(
        admin_address(draft), narrative_form(draft, text="Who cooked in your family?", _save="")
    )
    assert not RefusedTake.objects.exists()


def test_the_bank_plays_a_refused_recording_and_leads_to_no_decision(
    admin_client: Client, heard_journey: Journey, openai: OpenAIServer
) -> None:
    reflection = BankReflection.objects.create(text="That kitchen sounds warm.", theme="childhood")
    publishing.sync_pins()
    clip = Clip.objects.get(content_text=reflection.text, voice="nova")
    refused_take(clip, b"silence")
    page = text_of(admin_client.get(admin_address(reflection)))
    assert "Hear what was refused" in page
    assert "Use this recording" not in page


# --- in a browser -----------------------------------------------------------------------------------------
def test_staff_hear_and_use_a_refused_recording_in_a_browser(
    open_page: Callable[..., Page], draft: Narrative, openai: OpenAIServer
) -> None:
    refuse(Client(), draft, openai, "short")
    page = open_page(admin_address(draft.journey))
    row = page.locator(f"#clips-{draft.pk}")
    expect(row).to_contain_text("far too short for its text, twice")
    with page.expect_response("**/refused/**") as heard:
        row.get_by_role("button", name="Hear what was refused").click()
    assert heard.value.status in (200, 206)
    row.get_by_role("link", name="Use this recording").click()
    expect(page.get_by_text("It costs nothing: it is already paid for.")).to_be_visible()
    page.get_by_role("button", name="Use this recording").click()
    expect(page.locator(f"#clips-{draft.pk} li").first).to_contain_text("Ready to publish")


def test_the_badge_of_a_text_says_edited_while_it_is_written(
    open_page: Callable[..., Page], heard_question: Narrative
) -> None:
    make_clips(heard_question.text)
    page = open_page(admin_address(heard_question.journey))
    row = page.locator(".narrative").filter(has=page.locator(f"#clips-{heard_question.pk}"))
    expect(row.get_by_text("Up to date")).to_have_count(2)
    text = row.get_by_label("Text", exact=True)
    text.fill(NEW)
    expect(row.get_by_text("Edited, not saved")).to_be_visible()
    for badge in row.get_by_text("Up to date").all():
        expect(badge).to_be_hidden()
    text.fill(heard_question.text)
    expect(row.get_by_text("Edited, not saved")).to_be_hidden()
    expect(row.get_by_text("Up to date").first).to_be_visible()


def test_the_page_of_a_text_says_edited_while_it_is_written(
    open_page: Callable[..., Page], heard_question: Narrative
) -> None:
    make_clips(heard_question.text)
    page = open_page(admin_address(heard_question))
    expect(page.get_by_text("Up to date").first).to_be_visible()
    page.locator("textarea[name=text]").fill(NEW)
    expect(page.get_by_text("Edited, not saved")).to_be_visible()
    expect(page.get_by_text("Up to date").first).to_be_hidden()
