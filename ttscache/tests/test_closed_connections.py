"""A database connection closed by the server (InterfaceError, not DatabaseError) counts as an outage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, connection
from django.test import Client

from harness.clips import TEXT, entry
from ttscache.accounting.budget import Budget
from ttscache.delivery.playback import load_for_playback
from ttscache.errors import StoreUnavailable, TierError
from ttscache.models import ApiToken
from ttscache.monitoring.health import parts
from ttscache.tiers.database import DatabaseTier

pytestmark = pytest.mark.django_db

RUN = "5f0c2ad6-3c44-4c9c-9d9c-6f1f0d3f4a77"


@pytest.fixture
def caller() -> Client:
    return Client(
        headers={"Authorization": f"Bearer {ApiToken.issue('tests')}"}, raise_request_exception=False
    )


@pytest.fixture
def closed_connection(caller: Client) -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise InterfaceError("the connection is closed")

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.usefixtures("closed_connection")
class TestClosedConnection:
    @pytest.mark.parametrize(
        "path", ["/api/narratives", "/api/cache-stats", f"/api/audio/{'0' * 32}.mp3", f"/api/warm-runs/{RUN}"]
    )
    def test_the_api_answers_that_the_store_is_away(self, caller: Client, path: str) -> None:
        response = caller.get(path)
        assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")

    def test_a_text_is_not_spoken_that_could_not_be_kept(self, caller: Client) -> None:
        response = caller.post("/api/text-to-speech", {"text": TEXT}, content_type="application/json")
        assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")

    def test_a_page_over_a_closed_connection_asks_to_wait(self, caller: Client) -> None:
        response = caller.get("/")
        assert (response.status_code, response["Retry-After"]) == (503, "5")

    def test_readyz_reports_a_closed_connection(self) -> None:
        assert [part.detail for part in parts() if part.name == "database"] == [
            "the database does not answer"
        ]

    def test_access_is_refused_over_a_closed_connection(self) -> None:
        with pytest.raises(StoreUnavailable):
            load_for_playback("0" * 32, hidden_too=True)

    def test_a_closed_connection_is_a_tier_error(self) -> None:
        with pytest.raises(TierError):
            DatabaseTier().get("0" * 32)
        with pytest.raises(TierError):
            DatabaseTier().put(entry())

    def test_no_money_is_reserved_over_a_closed_connection(self) -> None:
        with pytest.raises(StoreUnavailable):
            Budget(1.0).reserve(0.01)

    def test_the_prune_command_reports_a_closed_connection_in_one_line(self) -> None:
        with pytest.raises(CommandError):
            call_command("prune", "--dry-run")
