"""Percentiles from counts by latency bucket."""

from __future__ import annotations

import pytest

from ttscache.reports.percentiles import Latency, percentile


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("counts", "share", "found"),
    [
        ({}, 0.5, None),
        ({0: 10}, 0.5, Latency(0.5)),
        ({2: 10, 3: 10}, 0.5, Latency(5.0)),
        ({2: 10, 3: 10}, 0.75, Latency(7.5)),
        ({2: 1, 9: 99}, 0.95, Latency(500 + 500 * 94 / 99)),
        ({14: 3}, 0.5, Latency(30_000, is_at_least=True)),
    ],
    ids=["none", "first", "edge", "within", "mixed", "open"],
)
def test_percentiles_are_read_from_buckets(counts, share, found):
    ends = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
    assert percentile(counts, share, ends) == found
