"""GET /api/health and GET /readyz."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice")]


def test_health_names_version_and_commit_and_makes_no_query(
    django_assert_num_queries: Any, settings: Any
) -> None:
    settings.COMMIT = "2d70561"
    with django_assert_num_queries(0):
        response = Client().get("/api/health")

    assert response.json() == {
        "status": "healthy",
        "service": "life-review",
        "version": settings.VERSION,
        "commit": settings.COMMIT,
    }


def test_readyz_has_a_line_for_each_part(settings: Any) -> None:
    settings.LOCAL_CONTACT = "The nurse"  # else the narratives, where they are installed, add a warning
    response = Client().get("/readyz")

    lines = response.content.decode().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "database", "local files", "permanent tier", "task cluster", "provider settings",
    ]  # fmt: skip
    assert (response.status_code, "task cluster: NOT READY" in response.content.decode()) == (503, True)
