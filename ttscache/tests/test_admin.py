"""Clips, runs, figures and tokens, as staff see them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from harness.staff_pages import clip_of, made, run_of, text_of
from ttscache import admin_widgets
from ttscache.models import (
    ApiToken,
    Clip,
    ClipDay,
    ClipFile,
    ContentType,
    Pin,
    PruneRun,
    Spending,
    Usage,
    WarmItem,
    WarmRun,
)

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

CLIPS = reverse("admin:ttscache_clip_changelist")
PRUNES = reverse("admin:ttscache_prunerun_changelist")


class TestClips:
    def test_what_is_made_can_be_played(self, admin_client):
        clip = made(clip_of("What place comes to mind?"))
        page = text_of(admin_client.get(CLIPS))
        assert f'src="/api/audio/{clip.content_hash}.mp3?v=01234567"' in page
        assert "Play in the voice nova, 0:07: What place comes to mind?" in page

    def test_what_is_not_made_says_so_and_has_nothing_to_press(self, admin_client):
        clip_of("What place comes to mind?")
        page = text_of(admin_client.get(CLIPS))
        assert "Not made" in page
        assert "<audio" not in page

    def test_reflections_on_what_somebody_said_are_not_shown(self, admin_client):
        private = clip_of("So your mother's name was Rosa.", kind=ContentType.ANALYSIS)
        assert "Rosa" not in text_of(admin_client.get(CLIPS))
        page = admin_client.get(reverse("admin:ttscache_clip_change", args=[private.pk]), follow=True)
        assert "Rosa" not in text_of(page)

    def test_reflections_fit_for_others_are(self, admin_client):
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
    def test_searching_and_filtering(self, admin_client, query, found):
        made(clip_of("About childhood"))
        clip_of("About later", voice="onyx")
        page = text_of(admin_client.get(f"{CLIPS}?{query}"))
        assert [word for word in ("childhood", "later") if f">About {word}<" in page] == [found]

    def test_what_was_made_ahead_and_nobody_heard_is_found(self, admin_client):
        for text in ("About childhood", "About later"):
            clip = made(clip_of(text))
            Clip.objects.filter(pk=clip.pk).update(made_ahead=True)
        ClipDay.objects.create(content_hash=clip.content_hash, day=timezone.now().date(), requests=1)
        page = text_of(admin_client.get(f"{CLIPS}?unheard=yes"))
        assert [word for word in ("childhood", "later") if f">About {word}<" in page] == ["childhood"]

    def test_the_list_reads_neither_sound_nor_shape(self, admin_client):
        clip = made(clip_of("What place comes to mind?"))
        ClipFile.objects.create(cache=clip, file_data=b"sound", file_size=5)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            admin_client.get(CLIPS)
        assert not [query for query in queries if "waveform" in query["sql"] or "file_data" in query["sql"]]

    def test_a_long_list_takes_no_more_queries(self, admin_client, django_assert_max_num_queries):
        for number in range(40):
            clip_of(f"Text {number}")
        with django_assert_max_num_queries(14):
            admin_client.get(CLIPS)

    def test_one_clip_shows_its_shape_and_its_technical_side(self, admin_client):
        clip = made(clip_of("What place comes to mind?"))
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        page = text_of(admin_client.get(reverse("admin:ttscache_clip_change", args=[clip.pk])))
        assert "<svg" in page
        assert '<audio controls preload="none"' in page
        assert page.index("Technical") < page.index(clip.content_hash + "</div>")
        assert ">Live<" in page

    @pytest.mark.parametrize("deed", ["change", "delete"])
    def test_nothing_can_be_changed_or_deleted(self, admin_client, deed):
        clip = clip_of("What place comes to mind?")
        address = reverse(f"admin:ttscache_clip_{deed}", args=[clip.pk])
        assert admin_client.post(address, {"content_text": "Else", "post": "yes"}).status_code == 403
        assert Clip.objects.get().content_text == "What place comes to mind?"

    def test_a_text_is_never_markup(self, admin_client):
        clip = made(clip_of("<script>alert(1)</script>"))
        for address in (CLIPS, reverse("admin:ttscache_clip_change", args=[clip.pk])):
            assert "<script>alert" not in text_of(admin_client.get(address))


class TestBadges:
    def badge(self, clip: Clip) -> admin_widgets.Badge:
        return admin_widgets.badges_of([clip])[clip.content_hash]

    def test_made_and_not_made(self):
        assert self.badge(clip_of("One")) == admin_widgets.NOT_MADE
        assert self.badge(made(clip_of("Two"))) == admin_widgets.MADE

    @pytest.mark.parametrize("state", [WarmItem.State.QUEUED, WarmItem.State.MAKING])
    def test_being_made(self, state):
        clip = clip_of("One")
        run_of(clip, state)
        assert self.badge(clip) == admin_widgets.BEING_MADE

    def test_what_a_cancelled_run_left_is_not_being_made(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.QUEUED, run_state=WarmRun.State.CANCELLED)
        assert self.badge(clip) == admin_widgets.NOT_MADE

    def test_a_failure_says_why(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.FAILED, "The voice service is not available just now.")
        badge = self.badge(clip)
        assert (badge.word, badge.note) == ("Failed", "The voice service is not available just now.")

    def test_another_try_after_a_failure_is_being_made(self):
        clip = clip_of("One")
        run_of(clip, WarmItem.State.FAILED, run_state=WarmRun.State.FAILED)
        run_of(clip, WarmItem.State.QUEUED)
        assert self.badge(clip) == admin_widgets.BEING_MADE

    def test_many_clips_take_one_query(self, django_assert_num_queries):
        clips = [clip_of(f"Text {number}") for number in range(20)]
        with django_assert_num_queries(1):
            admin_widgets.badges_of(clips)


class TestFigures:
    def test_usage_is_told_in_plain_words(self, admin_client):
        hour = datetime(2026, 11, 22, 18, tzinfo=UTC)
        Usage.objects.create(
            hour=hour,
            content_type="analysis",
            voice="nova",
            outcome="generated",
            latency_bucket=10,
            requests=3,
            warmed_hits=2,
        )
        page = text_of(admin_client.get(reverse("admin:ttscache_usage_changelist")))
        for words in (
            "Reflection",
            "Of these made ahead",
            ">2<",
            "Made while the listener waited",
            "up to 2 s",
            "22 Nov 2026, 18:00",
        ):
            assert words in page

    def test_spending_is_told_in_dollars(self, admin_client):
        hour = datetime(2026, 11, 22, 18, tzinfo=UTC)
        Spending.objects.create(
            hour=hour,
            content_type="question",
            voice="nova",
            model="tts-1-hd",
            outcome="ok",
            cost_microusd=2_940,
        )
        assert "$0.0029" in text_of(admin_client.get(reverse("admin:ttscache_spending_changelist")))


def test_a_token_can_be_withdrawn_and_nothing_else(admin_client):
    ApiToken.issue("front end")
    token = ApiToken.objects.get()
    changed = admin_client.post(
        reverse("admin:ttscache_apitoken_change", args=[token.pk]), {"is_admin": "on"}
    )
    assert changed.status_code == 403
    admin_client.post(reverse("admin:ttscache_apitoken_delete", args=[token.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "free of charge"), (0.00001, "about $0.001"), (0.0294, "about $0.029"), (12.5, "about $12.50")],
)
def test_prices_in_words(usd, said):
    assert admin_widgets.price(usd) == said


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(None, ""), (7_400, "0:07"), (59_600, "1:00"), (600_000, "10:00")]
)
def test_lengths_as_a_clock_shows_them(milliseconds, said):
    assert admin_widgets.length(milliseconds) == said


class TestPrunes:
    @pytest.fixture
    def run(self):
        return PruneRun.objects.create(
            days=90, listed=1_000, removed=400, freed_bytes=24_000_000, asked_by="schedule", kept_back=12
        )

    def test_a_prune_is_told_in_words(self, admin_client, run):
        page = text_of(admin_client.get(PRUNES))
        for words in ("Under way", "400 of 1000", "22.9\xa0MB", "90 days", "schedule"):
            assert words in page
        assert "hash" not in page[page.index("result_list") :]

    def test_who_may_stops_one_and_it_is_noted(self, admin_client, run):
        told = admin_client.post(PRUNES, {"action": "stop", "_selected_action": run.pk}, follow=True)
        run.refresh_from_db()
        assert "all other clips stay" in text_of(told)
        assert (run.state, LogEntry.objects.get().get_change_message()) == ("stopped", "Stopped.")

    def test_one_that_has_ended_stays_as_it_is(self, admin_client, run):
        PruneRun.objects.update(state="done")
        told = admin_client.post(PRUNES, {"action": "stop", "_selected_action": run.pk}, follow=True)
        run.refresh_from_db()
        assert "ended already" in text_of(told)
        assert (run.state, LogEntry.objects.count()) == ("done", 0)

    def test_who_may_only_look_stops_nothing(self, client, run):
        staff = User.objects.create(username="ana", is_staff=True)
        staff.user_permissions.set(Permission.objects.filter(codename="view_prunerun"))
        client.force_login(staff)
        client.post(PRUNES, {"action": "stop", "_selected_action": run.pk})
        run.refresh_from_db()
        assert run.state == "running"
