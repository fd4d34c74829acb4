"""The listener's API: what a request costs."""

from __future__ import annotations

import pytest
from django.test import Client

from harness.statements import recorded_statements
from narratives.models import Journey, Narrative
from ttscache.models import Clip

pytestmark = pytest.mark.django_db


def test_pre_cache_reads_the_texts_of_the_journey_once(heard_journey: Journey) -> None:
    assert Clip.objects.exists()
    with recorded_statements() as statements:
        answer = Client().post("/api/pre-cache-narratives", content_type="application/json")

    assert answer.json()["total_count"] == 3
    table = Narrative._meta.db_table
    assert len([sql for sql in statements if f'FROM "{table}"' in sql]) == 1
