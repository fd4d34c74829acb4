"""Staff hear a refused recording on the clip's page, use it, or have the clip made again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from harness.admin_pages import said
from harness.speech_api.sound import silent, spoken_clip
from harness.staff_pages import INDEX, YES, clip_of, made, refused_take, staff_with, text_of
from ttscache.models import Clip, ContentType, Lease, Pin, RefusedTake, WarmItem, WarmRun
from ttscache.wiring import speech_cache

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

CLIPS = reverse("admin:ttscache_clip_changelist")
TEXT = "Which song did your family sing together?"
SILENT = silent(TEXT, "mp3")
USE = "Use this recording"
ELSEWHERE = ("https://evil.example/", "//evil.example/", "javascript:alert(1)", "relative/")


@pytest.fixture
def clip(paid_voice: None) -> Clip:
    return clip_of(TEXT)


@pytest.fixture
def paid_voice(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}


def page_of(clip: Clip, name: str = "change") -> str:
    return reverse(f"admin:ttscache_clip_{name}", args=[clip.pk])


def log_of(clip: Clip) -> list[str]:
    entries = LogEntry.objects.filter(object_id=str(clip.pk)).order_by("pk")
    return [entry.get_change_message() for entry in entries]


class TestTheClipsPage:
    def test_the_page_of_a_clip_offers_its_refused_recording_with_the_reason(self, admin_client, clip):
        refused_take(clip, SILENT)
        page = text_of(admin_client.get(page_of(clip)))
        assert "The recording was silent, so it was not kept." in page
        assert f'src="{page_of(clip, "refused")}?made=' in page
        assert "Hear what was refused, 0:04: Which song" in page
        assert f'href="{page_of(clip, "use_refused")}"' in page
        assert f'href="{page_of(clip, "make_refused_again")}"' in page

    def test_the_page_of_a_clip_without_a_refused_recording_offers_none(self, admin_client, clip):
        assert "Refused recording" not in text_of(admin_client.get(page_of(clip)))

    def test_a_reworded_recording_can_be_heard_and_made_again_but_not_used(self, admin_client, clip):
        refused_take(clip, SILENT, RefusedTake.Reason.REWORDED)
        page = text_of(admin_client.get(page_of(clip)))
        assert "The voice said other words than the text has, so it was not kept." in page
        assert "Hear what was refused" in page
        assert "Make again" in page
        assert USE not in page
        answer = admin_client.post(page_of(clip, "use_refused"), YES, follow=True)
        assert "can never be used" in said(answer)
        assert RefusedTake.objects.exists()

    def test_staff_who_may_not_make_clips_hear_the_recording_but_decide_nothing(self, clip):
        refused_take(clip, SILENT)
        client = staff_with("view_clip")
        page = text_of(client.get(page_of(clip)))
        assert "Hear what was refused" in page
        assert USE not in page
        assert client.get(page_of(clip, "refused")).content == SILENT
        for name in ("use_refused", "make_refused_again"):
            assert client.post(page_of(clip, name), YES).status_code == 403
        assert not Clip.objects.with_audio().exists()


class TestHearing:
    def test_a_refused_recording_is_played_to_staff_and_kept_by_no_cache(self, admin_client, clip):
        refused_take(clip, SILENT)
        answer = admin_client.get(page_of(clip, "refused"))
        assert (answer.status_code, answer.content) == (200, SILENT)
        assert answer["Content-Type"] == "audio/mpeg"
        assert "no-store" in answer["Cache-Control"]
        assert "public" not in answer["Cache-Control"]
        part = admin_client.get(page_of(clip, "refused"), headers={"range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, SILENT[:10])

    def test_nobody_but_staff_hears_a_refused_recording(self, client, clip):
        refused_take(clip, SILENT)
        assert client.get(page_of(clip, "refused")).status_code == 302
        User.objects.create_user("guest", password="guest")
        client.login(username="guest", password="guest")
        assert client.get(page_of(clip, "refused")).status_code == 302

    def test_staff_without_the_right_to_see_clips_hear_nothing(self, clip):
        refused_take(clip, SILENT)
        assert staff_with("view_usage").get(page_of(clip, "refused")).status_code == 403

    def test_a_recording_of_a_private_text_is_not_found(self, admin_client, paid_voice):
        private = clip_of("So your mother's name was Rosa.", kind=ContentType.ANALYSIS)
        refused_take(private, SILENT)
        assert admin_client.get(page_of(private, "refused")).status_code == 404
        assert admin_client.post(page_of(private, "use_refused"), YES).status_code == 404

    def test_a_recording_whose_text_is_gone_is_not_found(self, admin_client, clip):
        refused_take(clip, SILENT)
        Pin.objects.all().delete()
        assert admin_client.get(page_of(clip, "refused")).status_code == 404


class TestUsing:
    def test_using_a_recording_asks_first_and_says_that_it_is_paid_for(self, admin_client, clip):
        refused_take(clip, SILENT)
        page = text_of(admin_client.get(page_of(clip, "use_refused")))
        assert "The recording was silent, so it was not kept." in page
        assert "It costs nothing: it is already paid for." in page
        assert not Clip.objects.with_audio().exists()

    def test_a_used_recording_is_the_clip_and_the_log_says_who_decided(self, admin_client, admin_user, clip):
        refused_take(clip, SILENT)
        answer = admin_client.post(page_of(clip, "use_refused"), YES, follow=True)
        says = "Used the recording that was refused (the recording was silent)."
        assert said(answer) == says
        assert log_of(clip) == [says]
        assert LogEntry.objects.get().user == admin_user
        clip.refresh_from_db()
        assert clip.is_ready
        found = speech_cache().find(clip.content_hash)
        assert found is not None
        assert found.entry.audio == SILENT
        assert not RefusedTake.objects.exists()
        assert not Lease.objects.filter(name=clip.content_hash).exists()

    def test_listeners_hear_a_used_recording_at_its_public_address(self, admin_client, clip):
        refused_take(clip, SILENT)
        admin_client.post(page_of(clip, "use_refused"), YES)
        answer = Client().get(f"/api/audio/{clip.content_hash}.mp3")
        assert b"".join(getattr(answer, "streaming_content", [answer.content])) == SILENT

    def test_a_recording_that_fails_another_check_is_not_used(self, admin_client, clip):
        refused_take(clip, silent("Hm", "mp3"))
        answer = admin_client.post(page_of(clip, "use_refused"), YES, follow=True)
        assert said(answer) == "This recording cannot be used. It can only be made again."
        assert log_of(clip) == []
        assert RefusedTake.objects.exists()

    def test_deciding_twice_changes_nothing_the_second_time(self, admin_client, clip):
        refused_take(clip, SILENT)
        admin_client.post(page_of(clip, "use_refused"), YES)
        answer = admin_client.post(page_of(clip, "use_refused"), YES, follow=True)
        assert "no longer waits for a decision" in said(answer)
        assert len(log_of(clip)) == 1

    def test_the_way_back_is_the_page_that_had_the_link(self, admin_client, clip):
        refused_take(clip, SILENT)
        address = f"{page_of(clip, 'use_refused')}?next=/admin/narratives/journey/1/change/"
        assert admin_client.post(address, YES)["Location"] == "/admin/narratives/journey/1/change/"

    @pytest.mark.parametrize("elsewhere", ELSEWHERE)
    def test_the_way_back_never_leaves_this_site(self, admin_client, clip, elsewhere):
        refused_take(clip, SILENT)
        answer = admin_client.post(page_of(clip, "use_refused") + f"?next={elsewhere}", YES)
        assert answer["Location"] == page_of(clip)


class TestMakingAgain:
    def test_making_again_asks_with_the_price_and_is_logged(self, admin_client, admin_user, clip):
        refused_take(clip, SILENT)
        page = text_of(admin_client.get(page_of(clip, "make_refused_again")))
        assert f"1 clip is missing: {len(TEXT)} characters, about $0.001." in page
        assert not WarmRun.objects.exists()
        admin_client.post(page_of(clip, "make_refused_again"), YES)
        assert WarmItem.objects.get().clip == clip
        assert WarmRun.objects.get().requested_by == admin_user.username
        (says,) = log_of(clip)
        assert says.startswith("Made again after a refusal. 1 clip is being made")
        assert not Lease.objects.exclude(error="").filter(until__year__gt=2040).exists(), "it may be tried"

    def test_making_again_keeps_the_old_clip_of_one_that_was_made_before(self, admin_client, clip):
        made(clip)
        refused_take(clip, SILENT)
        admin_client.post(page_of(clip, "make_refused_again"), YES)
        assert WarmItem.objects.get().newer_than is not None


class TestNeedsYou:
    def test_the_dashboard_counts_the_recordings_that_wait_for_a_decision(self, admin_client, clip):
        assert "refused recording" not in text_of(admin_client.get(INDEX))
        refused_take(clip, SILENT)
        assert "1 refused recording waits for your decision" in text_of(admin_client.get(INDEX))
        refused_take(clip_of("And who played the piano?"), SILENT)
        page = text_of(admin_client.get(INDEX))
        assert "2 refused recordings wait for your decision" in page
        assert f"{CLIPS}?made=refused" in page

    def test_the_list_of_clips_shows_exactly_those_that_wait_for_a_decision(self, admin_client, clip):
        clip_of("Another text")
        refused_take(clip, SILENT)
        page = admin_client.get(f"{CLIPS}?made=refused")
        assert list(page.context["cl"].result_list) == [clip]

    def test_staff_who_see_no_figures_are_told_as_well(self, clip):
        refused_take(clip, SILENT)
        page = text_of(staff_with("view_clip").get(INDEX))
        assert "1 refused recording waits for your decision" in page

    def test_a_recording_of_the_new_take_of_a_good_clip_waits_as_well(self, admin_client, clip):
        made(clip)
        refused_take(clip, spoken_clip("Hm", "nova", "mp3"), RefusedTake.Reason.TOO_SHORT)
        assert "1 refused recording waits for your decision" in text_of(admin_client.get(INDEX))
