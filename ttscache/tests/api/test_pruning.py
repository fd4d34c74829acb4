"""POST /api/admin/clear-old-cache in the test process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from harness.clips import entry, speech
from harness.retirement_day import stand_before_shutdown
from harness.staff_pages import staff_with
from ttscache.models import ApiToken, Clip, Lease, Pin, PruneRun
from ttscache.wiring import speech_cache

pytestmark = pytest.mark.django_db

ADDRESS = "/api/admin/clear-old-cache"


@pytest.fixture
def operator() -> Client:
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue('night watch', is_admin=True)}"})


def clear(client: Client, **fields: object) -> Any:
    return client.post(ADDRESS, fields, content_type="application/json")


def keep(words: str, days: int) -> str:
    """Store a clip last requested this many days ago, and return its hash."""
    content_hash = Clip.objects.record(speech(words), "question").content_hash
    speech_cache().tiers.permanent.put(entry(content_hash))
    last_requested_at = timezone.now() - timedelta(days=days)
    Clip.objects.filter(content_hash=content_hash).update(last_accessed_at=last_requested_at)
    return content_hash


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ('{"days": 1, "dryRun": true}', ""),
        ('{"days": 1, "dry-run": true}', ""),
        ('{"days": 400, "days": 1}', ""),
        ('{"days": 1, "dry_run": true, "dry_run": false}', ""),
        ('{"days": 1}', "?dry_run=true"),
    ],
)
def test_a_prune_whose_meaning_is_uncertain_deletes_nothing(operator: Client, body: str, query: str) -> None:
    keep("Nobody asks for this.", 91)
    response = operator.post(ADDRESS + query, body, content_type="application/json")

    assert response.status_code == 400
    assert Clip.objects.count() == 1


def test_a_prune_in_another_charset_is_read_as_what_it_is(operator: Client) -> None:
    body = '{"days": 1, "läßt": true}'.encode("latin-1")
    response = operator.generic("POST", ADDRESS, body, content_type="application/json; charset=latin-1")

    assert response.status_code == 400
    assert "läßt" in response.json()["error"]


def test_a_dry_run_over_http_reports_what_the_real_prune_removes(operator: Client) -> None:
    keep("Nobody asks for this.", 91)
    Pin.objects.create(content_hash=keep("Held.", 91), reason="draft")
    keep("New.", 89)
    figures = {
        "success": True,
        "deleted_entries": 1,
        "freed_bytes": 5,
        "protected_entries": 1,
        "remake_cost_usd": 0.00063,
    }

    assert clear(operator, days=90, dry_run=True).json() == {**figures, "dry_run": True}
    assert Clip.objects.count() == 3
    assert clear(operator, days=90).json() == {**figures, "dry_run": False}
    assert Clip.objects.count() == 2
    assert clear(operator, days=90).json()["deleted_entries"] == 0


@pytest.mark.parametrize(("days_before", "deleted"), [(61, 2), (60, 0), (0, 0)])
def test_a_prune_over_http_protects_and_counts_irreplaceable_clips(
    operator: Client, monkeypatch: pytest.MonkeyPatch, days_before: int, deleted: int
) -> None:
    keep("Nobody asks for this.", 91)
    keep("Nor for this.", 91)
    stand_before_shutdown(days_before, monkeypatch)
    for dry_run in (True, False):
        answer = clear(operator, days=90, dry_run=dry_run).json()
        assert (answer["deleted_entries"], answer["protected_entries"]) == (deleted, 2 - deleted)
    assert Clip.objects.count() == 2 - deleted


def test_a_prune_over_http_uses_the_days_it_is_given(operator: Client) -> None:
    keep("Nobody asks for this.", 3)
    assert clear(operator, days=4).json()["deleted_entries"] == 0
    assert clear(operator, days=2).json()["deleted_entries"] == 1


def test_a_prune_run_names_its_requester(operator: Client) -> None:
    clear(operator, days=90)
    clear(staff_with("prune_clip"), days=7)
    assert list(PruneRun.objects.values_list("requested_by", "days").order_by("started_at")) == [
        ("night watch", 90),
        ("ana", 7),
    ]


def test_a_prune_by_staff_is_in_the_admin_log_with_count_and_price() -> None:
    keep("Nobody asks for this.", 91)
    client = staff_with("prune_clip")
    clear(client, days=90, dry_run=True)
    clear(client, days=90)
    noted = LogEntry.objects.get()
    assert (noted.user.username, noted.object_id) == ("ana", str(PruneRun.objects.get().pk))
    assert noted.get_change_message() == "1 clip is removed: 5\xa0bytes, about $0.001 to make again."


def test_a_prune_by_token_leaves_no_admin_log_entry(operator: Client) -> None:
    clear(operator, days=90)
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "days"),
        ({"dry_run": False}, "days"),
        ({"days": 0}, "days"),
        ({"days": -1}, "days"),
        ({"days": 36_501}, "days"),
        ({"days": 1.5}, "days"),
        ({"days": "90"}, "days"),
        ({"days": True}, "days"),
        ({"days": None}, "days"),
        ({"days": 90, "dry_run": "false"}, "dry_run"),
        ({"days": 90, "dry_run": 1}, "dry_run"),
        ({"days": 90, "dry_run": None}, "dry_run"),
    ],
    ids=str,
)
def test_a_prune_with_a_wrong_value_is_refused_and_removes_nothing(
    operator: Client, fields: Any, word: str
) -> None:
    keep("Nobody asks for this.", 91)
    response = clear(operator, **fields)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response.json()["error"].startswith(f"{word}: ")
    assert Clip.objects.count() == 1


@pytest.mark.parametrize("body", ["", "[]", "1", '"days"', "{", '{"days": 1e400}'])
def test_a_prune_body_that_is_no_object_is_refused(operator: Client, body: str) -> None:
    response = operator.post(ADDRESS, body, content_type="application/json")
    assert (response.status_code, set(response.json())) == (400, {"error", "code"})
    assert not PruneRun.objects.exists()


def test_prune_answers_401_to_strangers_and_wrong_tokens() -> None:
    stranger, liar = Client(), Client(headers={"Authorization": "Bearer wrong"})
    for response in (clear(stranger), clear(liar)):
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
        assert response["WWW-Authenticate"] == "Bearer"


def test_prune_answers_403_to_plain_tokens_and_staff_without_permission() -> None:
    plain = Client(headers={"Authorization": f"Bearer {ApiToken.issue('front end')}"})
    for client in (plain, staff_with("view_clip")):
        response = clear(client)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")


def test_a_prune_by_session_requires_a_csrf_token() -> None:
    signed_in = staff_with("prune_clip")
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = signed_in.cookies
    assert clear(careful).status_code == 403
    assert not PruneRun.objects.exists()


def test_a_second_prune_is_told_to_wait_for_the_first(operator: Client, monkeypatch) -> None:
    monkeypatch.setattr("ttscache.maintenance.pruning.alone.__wrapped__.__defaults__", (0.0,))
    Lease.objects.create(name="prune", owner="another", until=timezone.now() + timedelta(minutes=1))
    response = clear(operator, days=90)
    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert int(response["Retry-After"]) > 0


def test_the_prune_address_accepts_only_post(operator: Client) -> None:
    assert operator.get(ADDRESS).status_code == 405


def test_the_prune_call_is_in_the_api_schema(client: Client) -> None:
    assert ADDRESS in client.get("/api/schema", headers={"Accept": "application/json"}).content.decode()
