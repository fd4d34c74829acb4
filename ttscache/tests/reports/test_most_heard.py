"""The report on the most heard reflections."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from harness.report_rows import sound, usual
from ttscache.models import Clip, DailyRequests
from ttscache.renditions.current import request_for
from ttscache.reports import storage
from ttscache.reports.most_heard import MostHeard, most_heard

DAY = timedelta(days=1)


def heard_of(text: str, *plays: int, voice: str = "nova", **fields: Any) -> Clip:
    """Return a shareable reflection with these numbers of plays today, yesterday and so on."""
    request = request_for(text, voice)
    clip = Clip.objects.record(request, "analysis")
    Clip.objects.filter(pk=clip.pk).update(**{"is_shareable": True, **fields})
    for age, number in enumerate(plays):
        DailyRequests.objects.create(
            content_hash=clip.content_hash, day=(timezone.now() - age * DAY).date(), requests=number
        )
    clip.refresh_from_db()
    return clip


def heard_lately(**given: Any) -> MostHeard:
    scope = usual(**given)
    return most_heard(scope, storage.storage(scope).reflections_on_record)


@pytest.mark.django_db
class TestMostHeard:
    def test_both_voices_of_a_reflection_are_one_row(self):
        heard_of("A quiet kind of home.", 3, 2)
        heard_of("A quiet kind of home.", 4, voice="onyx", **sound())
        heard_of("A lot of care.", 8)
        rows = heard_lately().rows
        assert [(row.clip.content_text, row.plays) for row in rows] == [
            ("A quiet kind of home.", 9),
            ("A lot of care.", 8),
        ]
        assert [(each.voice, each.is_made) for each in rows[0].voices] == [("nova", False), ("onyx", True)]

    def test_plays_are_counted_over_the_days_of_the_range(self):
        heard_of("Often, long ago.", 0, 0, 0, 0, 0, 0, 0, 50)
        heard_of("Often, now.", 0, 0, 0, 0, 0, 0, 3)
        assert [row.clip.content_text for row in heard_lately(range="7d").rows] == ["Often, now."]
        assert len(heard_lately(range="30d").rows) == 2

    def test_reflections_made_for_one_person_are_counted_and_never_shown(self):
        heard_of("So your mother's name was Rosa.", 40, is_shareable=False)
        heard_of("Twice only.", 2)
        heard_of("Thank you.", 3)
        found = heard_lately()
        assert ([row.clip.content_text for row in found.rows], found.others) == (["Thank you."], 2)

    def test_hidden_reflections_are_shown_on_request(self):
        heard_of("Hidden.", 3, is_hidden=True)
        assert heard_lately().rows == []
        scope = usual()
        assert len(most_heard(scope, 1, hidden=True).rows) == 1

    def test_money_saved_counts_every_play_after_the_first(self, settings):
        settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}
        heard_of("Ten chars.", 5)
        assert heard_lately().rows[0].saved_usd == pytest.approx(4 * 10 * 30 / 1e6)
