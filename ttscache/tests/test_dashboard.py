"""The dashboard's page, its CSV, and the deeds that start from it."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ

from harness.staff_pages import (
    INDEX,
    STALE,
    YES,
    figure,
    link_in,
    old_clip,
    reflection,
    staff_with,
    text_of,
    usage,
)
from ttscache import tasks
from ttscache.admin_stale import packed, unpacked
from ttscache.figures import needs
from ttscache.figures.demo import VOICES
from ttscache.figures.scope import RANGES
from ttscache.models import Clip, LastCall, PruneRun, Spending, WarmItem, WarmRun

pytestmark = pytest.mark.django_db

CSV = reverse("admin:ttscache_dashboard_csv")
DAY = timedelta(days=1)


class TestPage:
    def test_the_first_day_says_what_will_be_here(self, admin_client):
        page = text_of(admin_client.get(INDEX))
        assert "Nobody has listened yet" in page
        assert (figure(page, "hit-rate"), figure(page, "coverage")) == ("-", "0 / 0")

    def test_the_second_day_shows_figures(self, admin_client):
        usage(98)
        usage(2, "generated", latency_bucket=10)
        page = text_of(admin_client.get(INDEX))
        assert "Nobody has listened yet" not in page
        assert (figure(page, "hit-rate"), figure(page, "requests")) == ("98%", "100")
        assert figure(page, "rate-question") == "98%"

    def test_by_money_long_texts_weigh_more(self, admin_client):
        usage(1, characters=900)
        usage(1, "generated", characters=100)
        assert figure(text_of(admin_client.get(f"{INDEX}?view=requests")), "hit-rate") == "50%"
        assert figure(text_of(admin_client.get(f"{INDEX}?view=money")), "hit-rate") == "90%"

    def test_a_loss_is_shown_as_one(self, admin_client):
        usage(1, worth_microusd=3_000_000)
        Spending.objects.create(hour=timezone.now(), outcome="ok", calls=2, cost_microusd=5_000_000)
        assert figure(text_of(admin_client.get(INDEX)), "saved") == "-$2.00"

    @pytest.mark.parametrize("name", [each.name for each in RANGES])
    def test_each_range_has_a_step_for_each_of_its_rows(self, admin_client, name):
        usage(30)
        page = text_of(admin_client.get(f"{INDEX}?range={name}"))
        chosen = next(each for each in RANGES if each.name == name)
        table = page[page.index('aria-label="Spent and saved, in numbers"') :].partition("</table>")[0]
        assert table.count('<th scope="row">') == chosen.length / chosen.step

    def test_every_number_says_how_it_is_counted(self, admin_client):
        usage(30)
        page = text_of(admin_client.get(INDEX))
        headings = page.count('<section class="dash-card')
        assert page.count("How is this counted?") >= headings

    def test_every_link_of_the_page_leads_somewhere(self, admin_client):
        usage(30)
        reflection()
        run = WarmRun.objects.create(scope="life-review, nova", state="failed")
        now = timezone.now()
        WarmItem.objects.create(
            run=run, clip=old_clip("One"), position=0, characters=3, state="failed", finished_at=now
        )
        page = text_of(admin_client.get(INDEX))
        page = page[page.index('<main class="dash">') : page.index("</main>")]
        links = {each.replace("&amp;", "&") for each in re.findall(r'href="([^"]+)"', page)}
        assert len(links) > 30
        for link in links:
            address = link if link.startswith("/") else f"{INDEX}{link}"
            assert admin_client.get(address).status_code == 200, address
            assert "e=1" not in address

    def test_it_takes_no_more_queries_however_much_there_is(self, admin_client):
        def queries() -> int:
            cache.clear()
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(f"{INDEX}?range=30d")
            return len(captured)

        usage(30)
        reflection()
        WarmRun.objects.create(scope="the first")
        few = queries()
        for number in range(20):
            reflection(f"Reflection {number}.")
            usage(3, hour=timezone.now() - number * DAY)
            WarmRun.objects.create(scope=f"run {number}", state="done")
        assert queries() <= few

    def test_who_may_not_see_figures_has_the_plain_list(self):
        usage(30)
        page = text_of(staff_with("view_clip").get(INDEX))
        assert 'class="dash"' not in page
        assert "Clips" in page

    def test_an_analyst_sees_figures_and_no_deeds(self):
        usage(30)
        reflection()
        page = text_of(staff_with("view_usage").get(INDEX))
        assert figure(page, "hit-rate") == "100%"
        for deed in ("Hide", "Make in", "dry run)", "A quiet kind of home."):
            assert deed not in page

    def test_a_text_is_never_markup(self, admin_client):
        usage(30)
        reflection("<script>alert(1)</script>")
        assert "<script>alert" not in text_of(admin_client.get(INDEX))

    def test_the_service_says_how_it_is(self, admin_client):
        assert "Voice service: not asked yet" in text_of(admin_client.get(INDEX))
        LastCall.objects.create(outcome="ok", at=timezone.now() - DAY)
        assert "Voice service: OK" in text_of(admin_client.get(INDEX))
        LastCall.objects.create(outcome="provider_timeout", at=timezone.now())
        assert "Voice service: too slow" in text_of(admin_client.get(INDEX))

    def test_failed_calls_lead_to_exactly_these(self, admin_client):
        outcomes = ("ok", "provider_busy", "provider_unavailable", "provider_timeout")
        for outcome in outcomes:
            Spending.objects.create(hour=timezone.now(), outcome=outcome, calls=1)
        page = text_of(admin_client.get(INDEX))
        for name, failed in {"Failed": outcomes[1:], "Busy": outcomes[1:3]}.items():
            link = link_in(page, rf'href="([^"]+)">{name}</a>')
            rows = admin_client.get(link).context["cl"].result_list
            assert sorted(row.outcome for row in rows) == sorted(failed)

    def test_calls_lead_to_those_of_the_last_day_in_the_voice_that_is_looked_at(self, admin_client):
        for voice, hours in {"nova": 0, "onyx": 0, VOICES[0]: 0, "alloy": 50}.items():
            hour = timezone.now() - timedelta(hours=hours)
            Spending.objects.create(hour=hour, voice=voice, outcome="ok", calls=1)
        for query, calls in {"": 3, "?voice=nova": 1}.items():
            page = text_of(admin_client.get(f"{INDEX}{query}"))
            found = re.search(r'href="([^"]+)">Calls</a></dt><dd>(\d+)', page)
            assert found is not None
            listed = admin_client.get(found[1].replace("&amp;", "&")).context["cl"].result_count
            assert (int(found[2]), listed) == (calls, calls)

    def test_tasks_that_failed_lead_to_those_of_the_last_day(self, admin_client):
        for name, days in {"lately": 0.5, "before": 2}.items():
            at = timezone.now() - days * DAY
            Failure.objects.create(id=name, name=name, func="f", started=at, stopped=at, success=False)
        page = text_of(admin_client.get(INDEX))
        for words in ("1 background task failed in 24 hours", "Background tasks failed in 24 hours"):
            link = link_in(page, rf'href="([^"]+)">{words}</a>')
            assert [task.name for task in admin_client.get(link).context["cl"].result_list] == ["lately"]

    def test_a_row_of_a_table_leads_to_the_figures_of_its_step(self, admin_client):
        usage(30)
        usage(30, hour=timezone.now() - DAY)
        page = text_of(admin_client.get(INDEX))
        table = page[page.index('aria-label="Hit rate by kind of text, in numbers"') :]
        link = link_in(table, r'<th scope="row"><a href="([^"]+)"')
        assert admin_client.get(link).context["cl"].result_count == 1

    @pytest.mark.parametrize(
        ("hits", "misses", "words"),
        [(19, 0, []), (94, 6, ["Below target"]), (80, 20, ["Far below target"]), (10, 9, [])],
        ids=["few", "below", "far", "few and bad"],
    )
    def test_what_is_below_its_target_has_a_word_once_there_is_traffic(
        self, admin_client, hits, misses, words
    ):
        usage(hits)
        if misses:
            usage(misses, "generated")
        tile = text_of(admin_client.get(INDEX)).partition('id="tile-rate"')[2].partition("</section>")[0]
        assert re.findall(r"</span>([\w ]+ target): Question", tile) == words

    def test_others_may_add_needs_and_links(self, admin_client, monkeypatch):
        monkeypatch.setattr(needs, "_needs", [])
        monkeypatch.setattr(needs, "_further", [])
        usage(30)
        reflection()
        needs.add_needs(lambda: [needs.Need("2 drafts wait", "admin:narratives_narrative_changelist")])
        needs.add_reflection_link(needs.Further("Add to bank…", lambda clip: f"/bank/{clip.pk}"))
        page = text_of(admin_client.get(INDEX))
        assert f'href="{reverse("admin:narratives_narrative_changelist")}">2 drafts wait' in page
        assert "Add to bank…" in page


class TestCsv:
    def lines(self, client: Client, query: str = "") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(text_of(client.get(f"{CSV}?{query}")))))

    def test_it_has_the_figures_of_the_page(self, admin_client):
        usage(98)
        usage(2, "generated")
        lines = {(each["section"], each["what"], each["figure"]): each for each in self.lines(admin_client)}
        assert lines["asked", "all", "hit rate"]["value"] == "98.0"
        assert lines["source", "generated", "requests"]["value"] == "2"

    def test_a_line_for_each_number_of_the_tiles_and_cards(self, admin_client):
        usage(8, worth_microusd=4_000_000)
        for outcome, cost in {"ok": 1_000_000, "provider_busy": 0}.items():
            Spending.objects.create(hour=timezone.now(), outcome=outcome, calls=1, cost_microusd=cost)
        lines = {(each["section"], each["figure"], each["unit"]): each for each in self.lines(admin_client)}
        assert lines["money", "saved", "percent"]["value"] == "75.0"
        assert lines["voice service", "error rate", "percent"]["value"] == "50.0"
        assert lines["storage", "limit", "bytes"]["value"] == ""

    def test_a_text_is_no_formula(self, admin_client):
        reflection("=HYPERLINK(1)")
        assert [each["what"] for each in self.lines(admin_client) if each["figure"] == "plays"] == [
            "'=HYPERLINK(1)"
        ]

    def test_it_takes_the_right_to_see_figures(self):
        assert staff_with("view_clip").get(CSV).status_code == 403


class TestMaking:
    @pytest.fixture(autouse=True)
    def _paid(self, settings: Any) -> None:
        settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}

    def address(self, clip: Clip, voice: str = "onyx") -> str:
        return reverse("admin:ttscache_clip_speak", args=[clip.pk, voice])

    def test_it_says_the_price_first_and_makes_nothing(self, admin_client):
        page = text_of(admin_client.get(self.address(reflection())))
        assert "1 clip is missing: 21 characters, about $0.001." in page
        assert not WarmRun.objects.exists()

    def test_then_it_is_made_fit_for_others_and_noted_with_its_price(self, admin_client):
        admin_client.post(self.address(reflection()), YES)
        item = WarmItem.objects.select_related("clip", "run").get()
        assert (item.clip.voice, item.clip.is_shareable, item.run.asked_by) == ("onyx", True, "admin")
        assert "21 characters, about $0.001" in LogEntry.objects.get().change_message

    @pytest.mark.parametrize(
        "fields", [{"is_shareable": False}, {"voice": VOICES[0]}], ids=["private", "demo"]
    )
    def test_what_is_private_or_made_up_is_not_made(self, admin_client, fields):
        clip = reflection(**{"is_shareable": False} | fields)
        assert admin_client.post(self.address(clip), YES).status_code == 404
        assert not WarmRun.objects.exists()

    def test_it_takes_the_right_to_make(self):
        assert staff_with("view_usage", "view_clip").post(self.address(reflection()), YES).status_code == 403


class TestHiding:
    def test_a_hidden_reflection_is_gone_until_it_is_shown_again(self, admin_client):
        usage(30)
        clip = reflection()
        address = reverse("admin:ttscache_clip_hide", args=[clip.pk])
        admin_client.post(address)
        assert clip.content_text not in text_of(admin_client.get(INDEX)).partition("dash-heard")[2]
        assert clip.content_text in text_of(admin_client.get(f"{INDEX}?hidden=yes"))
        admin_client.post(address, {"show": "yes"})
        assert clip.content_text in text_of(admin_client.get(INDEX))
        assert LogEntry.objects.count() == 2

    def test_it_takes_the_right_to_change_clips(self):
        address = reverse("admin:ttscache_clip_hide", args=[reflection().pk])
        assert staff_with("view_clip").post(address).status_code == 403


class TestRemoving:
    def carried(self, page: str) -> str:
        found = re.search(r'name="clips" value="([^"]*)"', page)
        assert found is not None
        return found[1]

    def test_a_dry_run_lists_and_writes_nothing(self, admin_client):
        old_clip("Nobody asks for this.")
        page = text_of(admin_client.get(STALE))
        assert figure(page, "stale") == "1 clip"
        assert "1.0\xa0KB, about $0.001 to make again" in page
        assert "Nobody asks for this." in page
        assert (Clip.objects.count(), LogEntry.objects.count()) == (1, 0)

    def confirmed(self, client: Client, page: str) -> PruneRun:
        answer = client.post(STALE, {"days": "90", "clips": self.carried(page)})
        run = PruneRun.objects.get()
        assert answer["Location"] == reverse("admin:ttscache_prunerun_change", args=[run.pk])
        return run

    def test_the_cluster_is_asked_to_remove_them_and_the_request_removes_none(
        self, admin_client, django_capture_on_commit_callbacks
    ):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        with django_capture_on_commit_callbacks(execute=True):
            run = self.confirmed(admin_client, page)
        assert (run.state, run.asked_by, run.listed, Clip.objects.count()) == ("running", "admin", 1, 1)
        assert [(each.func(), each.task["args"]) for each in OrmQ.objects.all()] == [
            ("ttscache.tasks.prune", (str(run.pk),))
        ]

    def test_it_is_noted_with_count_size_and_price(self, admin_client):
        old_clip("Listed.")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        entry = LogEntry.objects.get()
        says = "1 clip is being removed: 1.0\xa0KB, to make again about $0.001."
        assert (entry.get_change_message(), entry.object_id) == (says, str(run.pk))

    def test_exactly_what_was_listed_is_removed(self, admin_client):
        old_clip("Listed.")
        page = text_of(admin_client.get(STALE))
        later = old_clip("As old, and not on the list.")
        tasks.prune(str(self.confirmed(admin_client, page).pk))
        assert list(Clip.objects.all()) == [later]
        run = PruneRun.objects.get()
        assert (run.listed, run.removed, run.state) == (1, 1, "done")

    def test_what_was_asked_for_meanwhile_stays(self, admin_client):
        clip = old_clip("Listed.")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        Clip.objects.update(last_accessed_at=timezone.now())
        tasks.prune(str(run.pk))
        assert list(Clip.objects.all()) == [clip]

    def test_its_page_shows_how_far_it_is_and_stops_it(self, admin_client):
        old_clip("Listed.")
        run = self.confirmed(admin_client, text_of(admin_client.get(STALE)))
        page = text_of(admin_client.get(reverse("admin:ttscache_prunerun_change", args=[run.pk])))
        stop = reverse("admin:ttscache_prunerun_stop_this", args=[run.pk])
        assert "0 of 1" in page and "No background process is up" in page and stop in page
        assert "all other clips stay" in text_of(admin_client.get(stop))
        admin_client.post(stop, YES)
        tasks.prune(str(run.pk))
        assert (PruneRun.objects.get().state, Clip.objects.count()) == ("stopped", 1)

    def test_what_is_private_is_counted_and_not_listed(self, admin_client):
        clip = old_clip("So your mother's name was Rosa.")
        Clip.objects.filter(pk=clip.pk).update(content_type="analysis")
        page = text_of(admin_client.get(STALE))
        assert figure(page, "stale") == "1 clip"
        assert "Rosa" not in page
        assert "And 1 more" in page

    def test_it_takes_the_right_to_remove(self):
        assert staff_with("view_usage", "view_clip").get(STALE).status_code == 403

    @pytest.mark.parametrize("given", [{"days": "0"}, {"days": "x"}, {"days": "90", "clips": "!"}])
    def test_what_is_no_list_or_no_number_is_refused(self, admin_client, given):
        assert admin_client.post(STALE, given).status_code == 400

    def test_a_list_of_100_000_clips_fits_into_a_form(self, settings):
        hashes = [f"{number:032x}" for number in range(100_000)]
        carried = packed(hashes)
        assert len(carried) < settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        assert unpacked(carried) == hashes
