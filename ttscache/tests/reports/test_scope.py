"""A page's parameters choose a range of whole hours or days."""

from __future__ import annotations

import pytest

from harness.report_rows import BEGINS, NOW
from ttscache.reports.scope import RANGES, Scope


@pytest.mark.any_database
@pytest.mark.parametrize("name", BEGINS)
def test_ranges_begin_with_a_whole_hour_or_day(name):
    scope = Scope.from_query({"range": name}, NOW)
    assert (scope.since, scope.steps[0]) == (BEGINS[name], BEGINS[name])
    assert scope.steps[-1] <= NOW


@pytest.mark.any_database
def test_an_unknown_scope_falls_back_to_the_default():
    scope = Scope.from_query({"range": "1; DROP", "view": "<script>", "voice": "no\0va"}, NOW)
    assert (scope.range, scope.view, scope.voice) == (RANGES[1], "requests", "")
