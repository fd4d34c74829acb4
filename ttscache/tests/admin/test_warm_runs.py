"""The staff pages of warm runs and their actions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from harness.clips import speech
from harness.staff_pages import clip_of, made, run_of, staff_with, text_of
from ttscache import warming
from ttscache.models import WarmItem, WarmRun
from ttscache.renditions.current import request_for
from ttscache.warming import ClipSpec, remaking

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
RUNS = reverse("admin:ttscache_warmrun_changelist")
WANTED = [ClipSpec(speech(f"This is question {word}."), "question") for word in ("one", "two")]


@pytest.fixture
def run() -> WarmRun:
    return warming.start_run("life-review, nova", WANTED, requested_by="rosa")


def page_of(run: WarmRun, name: str = "change") -> str:
    return reverse(f"admin:ttscache_warmrun_{name}", args=[run.pk])


def offered(client: Client, run: WarmRun) -> list[str]:
    """Return the actions whose buttons are on the page of the run."""
    page = text_of(client.get(page_of(run)))
    actions = ("pause", "resume", "cancel", "try_again")
    return [name for name in actions if f'href="{page_of(run, name)}"' in page]


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def state_of(run: WarmRun) -> str:
    run.refresh_from_db()
    return run.state


class TestRunPages:
    def test_a_run_shows_how_far_it_is_and_what_failed(self, admin_client):
        run = run_of(clip_of("One"), WarmItem.State.FAILED, "The voice service is not available just now.")
        WarmItem.objects.create(run=run, clip=made(clip_of("Two")), position=1, state="done", characters=3)
        assert "1 of 2" in text_of(admin_client.get(RUNS))
        page = text_of(admin_client.get(reverse("admin:ttscache_warmrun_change", args=[run.pk])))
        assert "The voice service is not available just now." in page
        assert "<audio" in page

    def test_the_list_of_runs_takes_the_same_queries_for_many_runs_and_items(
        self, admin_client, django_assert_max_num_queries
    ):
        runs = [run_of(clip_of(f"Text {number}"), "done", run_state="done") for number in range(20)]
        for number in range(20):
            WarmItem.objects.create(
                run=runs[0], clip=clip_of(f"More {number}"), position=number + 1, characters=5
            )
        with django_assert_max_num_queries(12):
            admin_client.get(RUNS)
        with django_assert_max_num_queries(14):
            admin_client.get(reverse("admin:ttscache_warmrun_change", args=[runs[0].pk]))

    def test_a_run_shows_who_requested_it(self, admin_client, run):
        assert "rosa" in text_of(admin_client.get(RUNS))
        assert "rosa" in text_of(admin_client.get(page_of(run)))

    def test_a_run_at_work_tells_its_page_where_to_poll(self, admin_client, run):
        for address in (RUNS, page_of(run)):
            page = text_of(admin_client.get(address))
            assert f'data-run-url="/api/warm-runs/{run.pk}"' in page
            assert 'src="/static/ttscache/runs.js" type="module"' in page
            assert 'aria-live="polite"' in page

    def test_a_run_that_has_ended_is_not_polled(self, admin_client, run):
        warming.cancel(run)
        assert "data-run-url" not in text_of(admin_client.get(RUNS))

    def test_a_run_counts_its_clips_in_words(self, admin_client, run):
        run.items.filter(position=0).update(state="skipped", reason=warming.WAS_THERE)
        warming.cancel(run)
        page = text_of(admin_client.get(page_of(run)))
        for words in ("1 already there, 1 cancelled", warming.WAS_THERE, warming.CANCELLED):
            assert words in page


class TestOfferedActions:
    @pytest.mark.parametrize(
        ("state", "pause", "actions"),
        [
            pytest.param("queued", "", ["pause", "cancel"], id="queued"),
            pytest.param("running", "", ["pause", "cancel"], id="running"),
            pytest.param("paused", "staff", ["resume", "cancel"], id="paused by staff"),
            pytest.param("paused", "budget", ["pause", "resume", "cancel"], id="without money"),
            pytest.param("done", "", [], id="done"),
            pytest.param("cancelled", "", [], id="cancelled"),
        ],
    )
    def test_a_run_offers_only_actions_that_fit_its_state(self, admin_client, run, state, pause, actions):
        WarmRun.objects.update(state=state, paused_because=pause)
        assert offered(admin_client, run) == actions

    def test_a_run_with_failed_clips_offers_another_try(self, admin_client, run):
        run.items.update(state="failed")
        WarmRun.objects.update(state="failed")
        assert offered(admin_client, run) == ["try_again"]

    def test_a_run_offers_no_action_to_staff_who_may_only_look(self, run):
        client = staff_with("view_warmrun")
        assert offered(client, run) == []
        for name in ("pause", "resume", "cancel", "try_again", "make_published"):
            address = (
                page_of(run, name) if name != "make_published" else reverse(f"admin:ttscache_warmrun_{name}")
            )
            assert client.post(address, {"confirmed": "yes"}).status_code == 403
        assert state_of(run) == "queued"


class TestRunActions:
    def do(self, client: Client, run: WarmRun, name: str) -> str:
        return said(client.post(page_of(run, name), {"confirmed": "yes"}, follow=True))

    def test_run_actions_change_nothing_before_confirmation(self, admin_client, run):
        page = text_of(admin_client.get(page_of(run, "cancel")))
        for words in ("2 clips are given up", "finished and kept", "Which clips", "This is question one."):
            assert words in page
        assert state_of(run) == "queued"

    def test_a_run_can_be_paused_and_resumed(self, admin_client, run):
        assert self.do(admin_client, run, "pause") == "Paused."
        assert state_of(run) == "paused"
        assert "2 clips are still to be made" in text_of(admin_client.get(page_of(run, "resume")))
        assert self.do(admin_client, run, "resume") == "Resumed."
        assert state_of(run) == "queued"

    def test_a_run_can_be_cancelled(self, admin_client, run):
        assert self.do(admin_client, run, "cancel") == "Cancelled."
        assert state_of(run) == "cancelled"

    def test_trying_again_says_first_what_it_costs(self, admin_client, run):
        run.items.filter(position=0).update(state="failed")
        WarmRun.objects.update(state="failed")
        assert "1 clip is tried again: 21 characters" in text_of(admin_client.get(page_of(run, "try_again")))
        self.do(admin_client, run, "try_again")
        assert state_of(run) == "queued"
        assert run.items.get(position=0).state == "queued"
        assert LogEntry.objects.get().get_change_message() == (
            "The failed clips are tried again. 1 clip is tried again: 21 characters, about $0.001."
        )

    @pytest.mark.parametrize(("right", "done"), [("make_clip", True), ("change_warmrun", False)])
    def test_retrying_a_run_requires_the_permission_to_make_clips(self, run, right, done):
        run.items.update(state="failed")
        WarmRun.objects.update(state="failed")
        client = staff_with("view_warmrun", right)
        assert offered(client, run) == (["try_again"] if done else [])
        client.post(page_of(run, "try_again"), {"confirmed": "yes"})
        assert (state_of(run) == "queued") is done

    def test_making_clips_again_shows_a_price_although_they_exist(self, admin_client):
        clip = made(clip_of("One"))
        again = remaking.start_remake(
            "again", remaking.plan_remakes([ClipSpec(clip.request, clip.content_type)])
        )
        says = f"1 clip is given up: {len(clip.content_text)} character"
        assert says in text_of(admin_client.get(page_of(again, "cancel")))

    def test_each_run_action_is_logged_with_its_author(self, admin_client, run, admin_user):
        for name in ("pause", "resume", "cancel"):
            self.do(admin_client, run, name)
        notes = LogEntry.objects.filter(object_id=str(run.pk), user=admin_user).order_by("pk")
        assert [note.get_change_message() for note in notes] == [
            "Paused.",
            "Resumed. 2 clips are still to be made: 42 characters, about $0.001.",
            "Cancelled. 2 clips are given up: 42 characters, about $0.001.",
        ]

    def test_a_run_action_that_comes_too_late_changes_nothing_and_says_so(self, admin_client, run):
        WarmRun.objects.update(state="done")
        assert self.do(admin_client, run, "cancel") == "Nothing was changed: the state is now “Done”."
        assert (state_of(run), LogEntry.objects.count()) == ("done", 0)

    def test_run_pages_do_not_show_private_reflections(self, admin_client):
        private = ClipSpec(request_for("So your mother's name was Rosa.", "nova"), "analysis")
        run = warming.start_run("reflections", [private])
        for name in ("change", "cancel"):
            assert "Rosa" not in text_of(admin_client.get(page_of(run, name)))
