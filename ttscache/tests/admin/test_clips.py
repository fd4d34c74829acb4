from __future__ import annotations

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from harness.staff_pages import clip_of, made, text_of
from ttscache.admin.clips import ClipAdmin
from ttscache.models import (
    Clip,
    ClipFile,
    ContentType,
    DailyRequests,
    Pin,
)
from ttscache.staff.wording import moment

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

CLIPS = reverse("admin:ttscache_clip_changelist")


class TestClips:
    def test_a_clip_with_audio_can_be_played_in_the_list(self, admin_client):
        clip = made(clip_of("What place comes to mind?"))
        page = text_of(admin_client.get(CLIPS))
        assert f'src="/api/audio/{clip.content_hash}.mp3?v=01234567"' in page
        assert "Play in the voice nova, 0:07: What place comes to mind?" in page

    def test_a_clip_without_audio_says_so_and_has_no_play_button(self, admin_client):
        clip_of("What place comes to mind?")
        page = text_of(admin_client.get(CLIPS))
        assert "Not made" in page
        assert "<audio" not in page

    def test_reflections_on_what_somebody_said_are_not_shown(self, admin_client):
        private = clip_of("So your mother's name was Rosa.", kind=ContentType.ANALYSIS)
        assert "Rosa" not in text_of(admin_client.get(CLIPS))
        page = admin_client.get(reverse("admin:ttscache_clip_change", args=[private.pk]), follow=True)
        assert "Rosa" not in text_of(page)

    def test_shareable_reflections_are_shown_in_the_list(self, admin_client):
        shared = clip_of("Those mornings stayed with you.", kind=ContentType.ANALYSIS)
        Clip.objects.filter(pk=shared.pk).update(is_shareable=True)
        assert "Those mornings" in text_of(admin_client.get(CLIPS))

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=childhood", "childhood"),
            ("made=yes", "childhood"),
            ("made=no", "later"),
            ("voice=onyx", "later"),
        ],
    )
    def test_the_list_of_clips_can_be_searched_and_filtered(self, admin_client, query, found):
        made(clip_of("About childhood"))
        clip_of("About later", voice="onyx")
        page = text_of(admin_client.get(f"{CLIPS}?{query}"))
        assert [word for word in ("childhood", "later") if f">About {word}<" in page] == [found]

    def test_clips_made_ahead_that_nobody_heard_can_be_filtered(self, admin_client):
        for text in ("About childhood", "About later"):
            clip = made(clip_of(text))
            Clip.objects.filter(pk=clip.pk).update(made_ahead=True)
        DailyRequests.objects.create(content_hash=clip.content_hash, day=timezone.now().date(), requests=1)
        page = text_of(admin_client.get(f"{CLIPS}?unheard=yes"))
        assert [word for word in ("childhood", "later") if f">About {word}<" in page] == ["childhood"]

    def test_last_asked_for_is_empty_for_a_clip_that_nobody_asked_for(self, admin_client):
        heard, unheard = made(clip_of("About childhood")), made(clip_of("About later"))
        Clip.objects.update(made_ahead=True)
        recorded, requested_earlier = clip_of("About work"), made(clip_of("About love"))
        DailyRequests.objects.create(content_hash=heard.content_hash, day=timezone.now().date(), requests=1)
        rows = admin_client.get(f"{CLIPS}?o=7").context["cl"].result_list
        assert {row.pk: ClipAdmin(Clip, site).last_requested(row) for row in rows} == {
            heard.pk: moment(heard.last_accessed_at),
            unheard.pk: "",
            recorded.pk: "",
            requested_earlier.pk: moment(requested_earlier.last_accessed_at),
        }
        address = reverse("admin:ttscache_clip_change", args=[unheard.pk])
        assert admin_client.get(address).context["original"].last_requested_at is None

    def test_the_list_of_clips_loads_neither_audio_nor_waveforms(self, admin_client):
        clip = made(clip_of("What place comes to mind?"))
        ClipFile.objects.create(cache=clip, file_data=b"sound", file_size=5)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            admin_client.get(CLIPS)
        assert not [query for query in queries if "waveform" in query["sql"] or "file_data" in query["sql"]]

    def test_a_long_list_of_clips_takes_few_queries(self, admin_client, django_assert_max_num_queries):
        for number in range(40):
            clip_of(f"Text {number}")
        with django_assert_max_num_queries(14):
            admin_client.get(CLIPS)

    def test_the_page_of_a_clip_shows_its_waveform_and_technical_details(self, admin_client):
        clip = made(clip_of("What place comes to mind?"))
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        page = text_of(admin_client.get(reverse("admin:ttscache_clip_change", args=[clip.pk])))
        assert "<svg" in page
        assert '<audio controls preload="none"' in page
        assert page.index("Technical") < page.index(clip.content_hash + "</div>")
        assert ">Live<" in page

    @pytest.mark.parametrize("view", ["change", "delete"])
    def test_clip_pages_offer_no_change_and_no_deletion(self, admin_client, view):
        clip = clip_of("What place comes to mind?")
        address = reverse(f"admin:ttscache_clip_{view}", args=[clip.pk])
        assert admin_client.post(address, {"content_text": "Else", "post": "yes"}).status_code == 403
        assert Clip.objects.get().content_text == "What place comes to mind?"

    def test_clip_pages_never_render_a_text_as_markup(self, admin_client):
        clip = made(clip_of("<script>alert(1)</script>"))
        for address in (CLIPS, reverse("admin:ttscache_clip_change", args=[clip.pk])):
            assert "<script>alert" not in text_of(admin_client.get(address))
