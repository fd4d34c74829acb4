"""The report on the queue and on the voice service."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from harness.report_rows import clip_with, usual
from ttscache.conf import conf
from ttscache.models import Alert, Clip, LastProviderOutcome, Pin, Spending, Usage, WarmItem, WarmRun
from ttscache.renditions.current import request_for
from ttscache.reports import background_work
from ttscache.reports.hit_rates import request_figures
from ttscache.reports.report import report
from ttscache.reports.scope import Scope

DAY = timedelta(days=1)


@pytest.mark.django_db
class TestBackgroundWork:
    def test_the_queue_says_what_waits_and_since_when(self):
        run = WarmRun.objects.create(
            scope="life-review, nova", created_at=timezone.now() - timedelta(seconds=40)
        )
        for place, state in enumerate(["queued", "queued", "making", "failed"]):
            WarmItem.objects.create(
                run=run,
                clip=clip_with(f"Text {place}"),
                position=place,
                state=state,
                characters=6,
                finished_at=timezone.now() if state == "failed" else None,
            )
        Usage.objects.create(
            hour=timezone.now(), content_type="question", outcome="generated", latency_bucket=9, requests=1
        )
        queue = background_work.queue(request_figures(usual()))
        assert (queue.waiting, queue.running, queue.failed) == (2, 1, 1)
        assert queue.oldest_seconds == pytest.approx(40, abs=30)
        assert queue.eta_seconds == pytest.approx(2 * 0.75 / conf().warm_concurrency)

    def test_errors_of_the_voice_service_are_counted_by_class(self):
        for outcome, calls in {"ok": 6, "key_refused": 1, "provider_timeout": 2, "broken": 1}.items():
            Spending.objects.create(hour=timezone.now(), outcome=outcome, calls=calls)
        found = background_work.provider(usual())
        assert (found.calls, found.failed, found.error_percent) == (10, 4, 40)
        assert {name: number for name, number in found.classes.items() if number} == {
            "Key refused": 1,
            "Too slow": 2,
            "Other": 1,
        }

    @pytest.mark.parametrize(("chosen", "also"), [("", []), ("ash", ["ash"])], ids=["all", "one of old"])
    def test_every_voice_on_record_can_be_chosen(self, chosen, also):
        Clip.objects.record(request_for("By a program", "alloy"), "narrative")
        cache.clear()
        found = report(Scope.from_query({"voice": chosen}))
        assert found.voices == [*conf().listener_voices, "alloy", *also]

    def test_needs_you_lists_a_refused_key_and_a_missing_published_clip(self):
        clip = clip_with("Not made")
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        LastProviderOutcome.objects.create(outcome="key_refused", at=timezone.now())
        cache.clear()
        said = [need.says for need in report(usual()).action_items]
        assert said == [
            "The voice service refuses our key (OPENAI_API_KEY): nothing new can be made.",
            "1 published clip is not made",
        ]

    def test_needs_you_lists_an_open_alert_once(self):
        now = timezone.now()
        clip = clip_with("Not made")
        Pin.objects.create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
        for kind, says in [("coverage", "0 of 1 are there."), ("hit_rate", "Question: 12% were there.")]:
            Alert.objects.create(kind=kind, says=says, since=now, due_at=now)
        said = {need.says for need in report(usual()).action_items}
        assert said == {"1 published clip is not made", "Question: 12% were there."}

    @pytest.mark.parametrize(
        ("latest", "trouble"),
        [("ok", ""), ("text_refused", ""), ("provider_busy", "Busy"), ("broken", "Other"), (None, "")],
    )
    def test_the_last_call_decides_the_state_of_the_voice_service(self, latest, trouble):
        now = timezone.now()
        before = {"ok": now - 2 * DAY, "key_refused": now - DAY} if latest else {}
        for outcome, at in (before | ({latest: now} if latest else {})).items():
            LastProviderOutcome.objects.create(outcome=outcome, at=at)
        assert background_work.provider(usual()).trouble == trouble

    def test_the_last_success_of_the_voice_service_is_shown_at_any_age(self):
        long_ago = timezone.now() - 40 * DAY
        LastProviderOutcome.objects.create(outcome="ok", at=long_ago)
        assert background_work.provider(usual()).last_ok == long_ago
