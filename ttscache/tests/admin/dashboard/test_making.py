"""The dashboard makes missing published clips and retries failed ones."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.staff_pages import INDEX, YES, figure, staff_with, text_of
from ttscache import warming
from ttscache.models import Clip, Pin, WarmItem, WarmRun
from ttscache.renditions.current import request_for

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

MISSING = reverse("admin:ttscache_clip_make_missing")
FAILED = reverse("admin:ttscache_clip_retry")
CLIPS = reverse("admin:ttscache_clip_changelist")
REASON = "The voice service was busy."


@pytest.fixture(autouse=True)
def _paid(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}


def published(text: str, voice: str = "nova", **fields: Any) -> Clip:
    clip = Clip.objects.record(request_for(text, voice), "question")
    Pin.objects.create(content_hash=clip.content_hash, reason="live")
    Clip.objects.filter(pk=clip.pk).update(**fields)
    return clip


def failed(*texts: str, scope: str = "chosen texts", name: str = "", hours_ago: int = 1) -> WarmRun:
    """Return an ended run in which these texts failed."""
    wanted = [warming.ClipSpec(request_for(text, "nova"), "question") for text in texts]
    run = warming.start_run(scope, wanted, name=name)
    ended = timezone.now() - timedelta(hours=hours_ago)
    run.items.update(state="failed", reason=REASON, finished_at=ended)
    with transaction.atomic():
        warming.settle(run)
    return run


def listed(client: Client, query: str) -> set[str]:
    return {clip.content_text for clip in client.get(f"{CLIPS}?{query}").context["cl"].result_list}


def queued() -> set[str]:
    waiting = WarmItem.objects.filter(state="queued", run__in=WarmRun.objects.active())
    return set(waiting.values_list("clip__content_text", flat=True))


class TestMakingMissingClips:
    def test_dashboard_offers_missing_clips_and_lists_exactly_these(self, admin_client):
        published("Here.", stored_at=timezone.now())
        published("Not here.")
        page = text_of(admin_client.get(INDEX))
        assert figure(page, "coverage") == "1 / 2"
        assert f'href="{MISSING}">Make 1<' in page
        assert f'href="{CLIPS}?published=yes&amp;made=no">1 missing' in page
        assert listed(admin_client, "published=yes&made=no") == {"Not here."}

    def test_making_missing_clips_shows_the_price_first_and_makes_nothing(self, admin_client):
        published("Not here.")
        assert "1 clip is missing: 9 characters, about $0.001." in text_of(admin_client.get(MISSING))
        assert not WarmRun.objects.exists()

    def test_missing_clips_that_now_cost_more_than_shown_need_a_new_confirmation(self, admin_client):
        published("Not here.")
        page = text_of(admin_client.get(MISSING))
        shown = dict(re.findall(r'type="hidden" name="(shown_usd)" value="([^"]+)"', page))
        published("Published meanwhile.")
        again = text_of(admin_client.post(MISSING, YES | shown))
        assert "2 clips are missing: 29 characters" in again
        assert not WarmRun.objects.exists()

    def test_confirmed_missing_clips_are_made_and_logged_with_count_and_price(self, admin_client):
        published("Here.", stored_at=timezone.now())
        published("Not here.")
        admin_client.post(MISSING, YES)
        assert queued() == {"Not here."}
        entry, run = LogEntry.objects.get(), WarmRun.objects.get()
        says = "Make missing published clips. 1 clip is being made: 9 characters, about $0.001."
        assert (entry.get_change_message(), entry.object_id) == (says, str(run.pk))

    def test_making_missing_clips_of_one_voice_makes_no_other(self, admin_client):
        published("Not here.", "nova")
        published("Not there.", "onyx")
        page = text_of(admin_client.get(f"{INDEX}?voice=onyx"))
        assert f'href="{MISSING}?voice=onyx">Make 1<' in page
        admin_client.post(f"{MISSING}?voice=onyx", YES)
        assert queued() == {"Not there."}

    def test_dashboard_offers_nothing_when_no_clip_is_missing(self, admin_client):
        published("Here.", stored_at=timezone.now())
        assert MISSING not in text_of(admin_client.get(INDEX))
        assert admin_client.get(MISSING).status_code == 302


class TestRetryingFailedClips:
    def test_the_queue_counts_each_clip_once_and_lists_exactly_these(self, admin_client):
        failed("One.", "Two.")
        failed("One.")
        failed("Long ago.", hours_ago=25)
        page = text_of(admin_client.get(INDEX))
        assert figure(page, "failed") == "2"
        assert f'href="{FAILED}">Try again<' in page
        assert "2 clips could not be made in 24 hours" in page
        assert listed(admin_client, "made=failed") == {"One.", "Two."}

    def test_a_failed_clip_that_was_made_since_no_longer_counts(self, admin_client):
        failed("One.")
        Clip.objects.update(stored_at=timezone.now())
        page = text_of(admin_client.get(INDEX))
        assert (figure(page, "failed"), FAILED in page) == ("0", False)

    def test_retrying_failed_clips_shows_the_price_first_and_makes_nothing(self, admin_client):
        failed("One.")
        assert "1 clip is missing: 4 characters, about $0.001." in text_of(admin_client.get(FAILED))
        assert not queued()

    def test_each_failed_clip_is_retried_under_the_name_of_its_last_run(self, admin_client):
        failed("One.", "Two.", scope="first")
        failed("One.", scope="second", hours_ago=0)
        failed("Long ago.", hours_ago=25)
        admin_client.post(FAILED, YES)
        active = {run.scope: run for run in WarmRun.objects.active()}
        tried = {scope: [item.clip.content_text for item in run.items.all()] for scope, run in active.items()}
        assert tried == {"first": ["Two."], "second": ["One."]}

    def test_staff_read_the_name_of_the_run_and_not_its_key(self, admin_client):
        failed("One.", scope="journey:1:nova", name="life-story, nova")
        admin_client.post(FAILED, YES)
        assert WarmRun.objects.active().get().label == "life-story, nova"

    def test_each_retry_run_is_logged_with_count_and_price(self, admin_client):
        failed("One.", "Two.")
        admin_client.post(FAILED, YES)
        says = "Try failed clips again. 2 clips are being made: 8 characters, about $0.001."
        assert LogEntry.objects.get().get_change_message() == says


@pytest.mark.parametrize("address", [MISSING, FAILED], ids=["missing", "failed"])
def test_making_and_retrying_require_the_permission_to_make_clips(address: str) -> None:
    published("Not here.")
    failed("One.")
    client = staff_with("view_usage", "view_clip")
    assert client.post(address, YES).status_code == 403
    assert address not in text_of(client.get(INDEX))
