from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure

from harness.staff_pages import DAY, INDEX, figure, link_in, old_clip, reflection, staff_with, text_of, usage
from ttscache import hooks
from ttscache.hooks import ActionItem, Hooks, ReflectionLink
from ttscache.models import LastProviderOutcome, Spending, WarmItem, WarmRun
from ttscache.reports.scope import RANGES

pytestmark = pytest.mark.django_db


class TestPage:
    def test_dashboard_of_the_first_day_says_what_it_will_show(self, admin_client):
        page = text_of(admin_client.get(INDEX))
        assert "Nobody has listened yet" in page
        assert (figure(page, "hit-rate"), figure(page, "coverage")) == ("-", "0 / 0")

    def test_dashboard_of_the_second_day_shows_figures(self, admin_client):
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

    def test_dashboard_shows_a_loss_as_a_loss(self, admin_client):
        usage(1, list_price_microusd=3_000_000)
        Spending.objects.create(hour=timezone.now(), outcome="ok", calls=2, cost_microusd=5_000_000)
        assert figure(text_of(admin_client.get(INDEX)), "saved") == "-$2.00"

    @pytest.mark.parametrize("name", [each.name for each in RANGES])
    def test_charts_have_one_step_for_each_row_of_their_range(self, admin_client, name):
        usage(30)
        page = text_of(admin_client.get(f"{INDEX}?range={name}"))
        chosen = next(each for each in RANGES if each.name == name)
        table = page[page.index('aria-label="Spent and saved, in numbers"') :].partition("</table>")[0]
        assert table.count('<th scope="row">') == chosen.length / chosen.step

    def test_every_number_of_the_dashboard_says_how_it_is_counted(self, admin_client):
        usage(30)
        page = text_of(admin_client.get(INDEX))
        headings = page.count('<section class="dash-card')
        assert page.count("How is this counted?") >= headings

    def test_every_link_of_the_dashboard_leads_somewhere(self, admin_client):
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

    def test_dashboard_takes_the_same_number_of_queries_for_any_amount_of_data(self, admin_client):
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

    def test_staff_without_the_permission_for_figures_see_the_plain_list(self):
        usage(30)
        page = text_of(staff_with("view_clip").get(INDEX))
        assert 'class="dash"' not in page
        assert "Clips" in page

    def test_an_analyst_sees_figures_and_no_buttons(self):
        usage(30)
        reflection()
        page = text_of(staff_with("view_usage").get(INDEX))
        assert figure(page, "hit-rate") == "100%"
        for wording in ("Hide", "Make in", "dry run)", "A quiet kind of home."):
            assert wording not in page

    def test_dashboard_never_renders_a_text_as_markup(self, admin_client):
        usage(30)
        reflection("<script>alert(1)</script>")
        assert "<script>alert" not in text_of(admin_client.get(INDEX))

    def test_dashboard_says_how_the_voice_service_is(self, admin_client):
        assert "Voice service: not used yet" in text_of(admin_client.get(INDEX))
        LastProviderOutcome.objects.create(outcome="ok", at=timezone.now() - DAY)
        assert "Voice service: OK" in text_of(admin_client.get(INDEX))
        LastProviderOutcome.objects.create(outcome="provider_timeout", at=timezone.now())
        assert "Voice service: too slow" in text_of(admin_client.get(INDEX))

    def test_the_count_of_failed_calls_leads_to_exactly_these(self, admin_client):
        outcomes = ("ok", "provider_busy", "provider_unavailable", "provider_timeout")
        for outcome in outcomes:
            Spending.objects.create(hour=timezone.now(), outcome=outcome, calls=1)
        page = text_of(admin_client.get(INDEX))
        for name, failed in {"Failed": outcomes[1:], "Busy": outcomes[1:3]}.items():
            link = link_in(page, rf'href="([^"]+)">{name}</a>')
            rows = admin_client.get(link).context["cl"].result_list
            assert sorted(row.outcome for row in rows) == sorted(failed)

    def test_the_count_of_calls_leads_to_those_of_the_last_day_in_the_chosen_voice(self, admin_client):
        for voice, hours in {"nova": 0, "onyx": 0, "echo": 0, "alloy": 50}.items():
            hour = timezone.now() - timedelta(hours=hours)
            Spending.objects.create(hour=hour, voice=voice, outcome="ok", calls=1)
        for query, calls in {"": 3, "?voice=nova": 1}.items():
            page = text_of(admin_client.get(f"{INDEX}{query}"))
            found = re.search(r'href="([^"]+)">Calls</a></dt>\s*<dd>(\d+)', page)
            assert found is not None
            listed = admin_client.get(found[1].replace("&amp;", "&")).context["cl"].result_count
            assert (int(found[2]), listed) == (calls, calls)

    def test_the_count_of_failed_tasks_leads_to_those_of_the_last_day(self, admin_client):
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
    def test_a_hit_rate_below_its_target_has_a_word_once_there_is_traffic(
        self, admin_client, hits, misses, words
    ):
        usage(hits)
        if misses:
            usage(misses, "generated")
        tile = text_of(admin_client.get(INDEX)).partition('id="tile-rate"')[2].partition("</section>")[0]
        assert re.findall(r"</span>([\w ]+ target): Question", tile) == words

    def test_an_app_above_may_add_action_items_and_links(self, admin_client, monkeypatch):
        class AppAbove(Hooks):
            def action_items(self):
                return [ActionItem("2 drafts wait", "admin:narratives_narrative_changelist")]

            def reflection_links(self):
                return [ReflectionLink("Add to bank…", lambda clip: f"/bank/{clip.pk}")]

        monkeypatch.setattr(hooks, "_installed", AppAbove())
        usage(30)
        reflection()
        page = text_of(admin_client.get(INDEX))
        assert f'href="{reverse("admin:narratives_narrative_changelist")}">2 drafts wait' in page
        assert "Add to bank…" in page
