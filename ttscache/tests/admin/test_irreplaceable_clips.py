"""Staff pages of clips that cannot be made again, and of the last takes before a model retires."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from harness.clips import speech
from harness.retirement_day import AUTUMN, stand_before_shutdown, stand_on
from harness.staff_pages import INDEX, STALE, YES, clip_of, figure, made, old_clip, staff_with, text_of, usage
from ttscache import hooks
from ttscache.conf import conf
from ttscache.hooks import Hooks
from ttscache.models import Clip, Pin, PruneRun, WarmRun
from ttscache.renditions.current import request_for
from ttscache.warming import ClipSpec

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

CLIPS = reverse("admin:ttscache_clip_changelist")
TAKES = reverse("admin:ttscache_last_takes")


class TwoTexts(Hooks):
    """Hooks of an app with two texts to keep."""

    def texts_to_keep(self) -> Iterable[ClipSpec]:
        return [
            ClipSpec(request_for(text, voice), "question")
            for text in ("Where did it begin?", "Who was there?")
            for voice in conf().listener_voices
        ]


@pytest.fixture(autouse=True)
def _openai(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}
    monkeypatch.setattr(hooks, "_installed", TwoTexts())


@pytest.fixture
def retired(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(0, monkeypatch)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_before_shutdown(60, monkeypatch)


def page_of(clip: Clip, view: str = "change") -> str:
    return reverse(f"admin:ttscache_clip_{view}", args=[clip.pk])


class TestProtectedClips:
    def test_dashboard_and_dry_run_count_irreplaceable_clips_and_list_none_as_stale(
        self, admin_client, retired
    ):
        old_clip("One."), old_clip("Two.")
        usage()
        for page in (text_of(admin_client.get(INDEX)), text_of(admin_client.get(STALE))):
            assert figure(page, "irreplaceable") == "2 clips"
            assert "Cannot be made again:" in page and "2.0\xa0KB." in page
        assert figure(page, "stale") == "0 clips"
        assert "2 more are old but still in use, or cannot be made again, and stay." in page

    def test_dashboard_names_the_last_day_of_clips_whose_model_retires_soon(self, admin_client, soon):
        old_clip("One.")
        assert "Cannot be made again from 6 Jan 2027 on:" in text_of(admin_client.get(STALE))

    def test_dashboard_says_nothing_of_a_model_that_retires_much_later(self, admin_client):
        old_clip("One.")
        page = text_of(admin_client.get(STALE))
        assert "Cannot be made again" not in page
        assert figure(page, "stale") == "1 clip"

    @pytest.mark.parametrize(("days", "heard"), [(60, "last"), (0, "final")])
    def test_the_count_of_irreplaceable_clips_leads_to_exactly_these(
        self, admin_client, monkeypatch, days, heard
    ):
        kept = old_clip("One.")
        Clip.objects.record(speech("Another model.", model="embedded"), "question")
        stand_before_shutdown(days, monkeypatch)
        link = f"{CLIPS}?heard={heard}"
        assert f'href="{link}"' in text_of(admin_client.get(STALE))
        assert list(admin_client.get(link).context["cl"].result_list) == [kept]

    @pytest.mark.parametrize(
        ("days", "says"),
        [
            (61, "Possible</"),
            (60, "Possible until its voice model is switched off on 6 Jan 2027."),
            (0, "Cannot be made again: its voice model has been switched off."),
        ],
    )
    def test_a_clip_s_page_says_whether_it_can_be_made_again(self, admin_client, monkeypatch, days, says):
        clip = old_clip("One.")
        stand_before_shutdown(days, monkeypatch)
        assert says in text_of(admin_client.get(page_of(clip)))

    def test_the_csv_has_the_irreplaceable_clips(self, admin_client, retired):
        old_clip("One.")
        lines = text_of(admin_client.get(reverse("admin:ttscache_dashboard_csv")))
        assert "cannot be made again,now,,clips,1," in lines


class TestDeletingOneClip:
    def test_deleting_one_clip_is_offered_only_for_irreplaceable_clips(self, admin_client, soon):
        kept, other = old_clip("One."), made(clip_of("Two."))
        Clip.objects.filter(pk=other.pk).update(model="embedded")
        assert page_of(kept, "remove_this") in text_of(admin_client.get(page_of(kept)))
        assert page_of(other, "remove_this") not in text_of(admin_client.get(page_of(other)))
        assert admin_client.post(page_of(other, "remove_this"), YES).status_code == 404

    def test_deleting_one_clip_asks_first_and_names_the_texts_that_use_it(self, admin_client, retired):
        clip = old_clip("One.")
        Pin.objects.create(content_hash=clip.content_hash, reason="draft")
        page = text_of(admin_client.get(page_of(clip, "remove_this")))
        assert "It cannot be made again" in page and "It is in use: draft." in page
        assert Clip.objects.get() == clip

    def test_a_confirmed_deletion_removes_this_clip_and_is_logged(self, admin_client, retired):
        clip, other = old_clip("One."), old_clip("Two.")
        assert "Deleted: 1.0\xa0KB." in text_of(
            admin_client.post(page_of(clip, "remove_this"), YES, follow=True)
        )
        assert Clip.objects.get() == other
        assert LogEntry.objects.get().object_id == str(clip.pk)
        assert (PruneRun.objects.get().removed, PruneRun.objects.get().requested_by) == (1, "admin")

    def test_a_clip_that_another_table_needs_stays_and_the_page_says_so(self, admin_client, retired):
        clip = old_clip("One.")
        with connection.cursor() as cursor:
            kind = Clip._meta.pk.db_type(connection)
            cursor.execute(f"CREATE TABLE user_narration (clip {kind} NOT NULL REFERENCES tts_cache (id))")
            cursor.execute("INSERT INTO user_narration SELECT id FROM tts_cache")
        shown = text_of(admin_client.post(page_of(clip, "remove_this"), YES, follow=True))
        assert "Not deleted: " in shown and "forbids it" in shown
        assert Clip.objects.get() == clip and not LogEntry.objects.exists()

    def test_deleting_one_clip_requires_the_permission_to_remove(self, retired):
        clip, staff = old_clip("One."), staff_with("view_clip")
        assert page_of(clip, "remove_this") not in text_of(staff.get(page_of(clip)))
        assert staff.post(page_of(clip, "remove_this"), YES).status_code == 403
        assert Clip.objects.get() == clip

    def test_neither_the_list_nor_djangos_own_page_deletes_an_irreplaceable_clip(self, admin_client, retired):
        clip = old_clip("One.")
        assert admin_client.post(page_of(clip, "delete"), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": str(clip.pk), "post": "yes"}
        admin_client.post(CLIPS, chosen)
        assert Clip.objects.get() == clip


class TestLastTakes:
    def test_last_takes_are_confirmed_with_count_characters_price_and_time(self, admin_client, soon):
        page = text_of(admin_client.get(TAKES))
        assert "4 clips are missing: 66 characters, about $0.002." in page
        assert "This takes about 1 min." in page and "tts-1-hd on 6 Jan 2027" in page
        assert not WarmRun.objects.exists()

    def test_confirmed_last_takes_are_queued_in_their_own_run_and_logged(
        self, admin_client, soon, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            admin_client.post(TAKES, YES)
        run = WarmRun.objects.get()
        assert (run.scope, run.requested_by, run.items.count()) == ("last-takes:tts-1-hd", "admin", 4)
        assert "make_queued_clips" in OrmQ.objects.get().func()
        assert LogEntry.objects.get().get_change_message().startswith("Last takes. 4 clips are being made")

    def test_last_takes_that_now_cost_more_than_shown_need_a_new_confirmation(self, admin_client, soon):
        admin_client.post(TAKES, {**YES, "shown_usd": "0.001"})
        assert not WarmRun.objects.exists()

    def test_last_takes_ask_nothing_when_every_clip_is_there(self, admin_client, soon):
        for spec in TwoTexts().texts_to_keep():
            made(Clip.objects.record(spec.speech, "question"))
        assert "All last takes are ready" in text_of(admin_client.get(TAKES, follow=True))

    def test_there_are_no_last_takes_for_voices_that_do_not_retire_or_have_retired(
        self, admin_client, settings, retired
    ):
        none = "No listener voice is about to be switched off."
        assert none in text_of(admin_client.get(TAKES, follow=True))
        settings.TTSCACHE = {**settings.TTSCACHE, "model": "a-model-without-an-end"}
        assert none in text_of(admin_client.get(TAKES, follow=True))

    def test_last_takes_require_the_permission_to_make_clips(self, soon):
        assert staff_with("view_usage", "view_clip").get(TAKES).status_code == 403

    @pytest.mark.parametrize(("days", "is_said"), [(61, False), (60, True), (1, True), (0, False)])
    def test_needs_you_says_how_many_last_takes_are_missing(
        self, admin_client: Client, monkeypatch: pytest.MonkeyPatch, days: int, is_said: bool
    ) -> None:
        stand_before_shutdown(days, monkeypatch)
        says = "4 last takes are not made: the present voice is switched off on 6 Jan 2027"
        page = text_of(admin_client.get(INDEX))
        assert (f'<a href="{TAKES}">{says}</a>' in page) is is_said

    def test_needs_you_is_silent_once_all_last_takes_are_made(self, admin_client, soon):
        for spec in TwoTexts().texts_to_keep():
            made(Clip.objects.record(spec.speech, "question"))
        assert "last take" not in text_of(admin_client.get(INDEX)).replace("Make last takes", "")

    def test_the_operator_s_own_date_counts_for_another_vendor(self, admin_client, settings, monkeypatch):
        stand_on(AUTUMN, monkeypatch)
        own = {"openai_base_url": "http://vendor.example/v1", "model": "ours"}
        settings.TTSCACHE = {**settings.TTSCACHE, **own, "model_shutdown": {"ours": date(2026, 11, 1)}}
        assert "ours on 1 Nov 2026" in text_of(admin_client.get(TAKES))
