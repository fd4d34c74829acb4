"""API tokens on the staff pages and at the command line."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from harness.staff_pages import staff_with
from ttscache.models import ApiToken

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST, ADD = reverse("admin:ttscache_apitoken_changelist"), reverse("admin:ttscache_apitoken_add")


def shown_token(page: Any) -> str:
    found = re.search(r'id="new-token" readonly value="([^"]+)"', page.content.decode())
    assert found is not None
    return found[1]


def test_a_new_token_is_shown_once_and_works(admin_client: Client) -> None:
    page = admin_client.post(ADD, {"name": "front end", "may_speak": "on", "daily_budget_usd": "2.5"})

    token = ApiToken.verified(shown_token(page))

    assert token is not None
    assert (token.name, token.scopes, token.daily_budget_usd) == ("front end", ["speech"], 2.5)
    assert page["Cache-Control"].startswith("no-store")
    for address in (LIST, reverse("admin:ttscache_apitoken_change", args=[token.pk])):
        assert token.digest not in (again := admin_client.get(address).content.decode())
        assert shown_token(page) not in again


def test_nobody_gives_a_token_a_right_that_they_do_not_have(db: None) -> None:
    client = staff_with("add_apitoken", "view_apitoken", "view_usage")
    client.post(ADD, {"name": "mine", "may_speak": "on", "may_read_figures": "on", "is_admin": "on"})
    assert ApiToken.objects.get().scopes == ["stats"]


def test_a_token_is_withdrawn_and_cannot_be_changed_afterwards(admin_client: Client) -> None:
    secret = ApiToken.issue("front end")
    token = ApiToken.objects.get()

    admin_client.post(LIST, {"action": "withdraw", "_selected_action": token.pk}, follow=True)

    assert ApiToken.verified(secret) is None
    changed = admin_client.post(reverse("admin:ttscache_apitoken_change", args=[token.pk]), {"name": "back"})
    assert changed.status_code == 403


def test_a_deleted_token_is_refused(admin_client: Client) -> None:
    secret = ApiToken.issue("front end")
    assert ApiToken.verified(secret) is not None
    admin_client.post(
        reverse("admin:ttscache_apitoken_delete", args=[ApiToken.objects.get().pk]), {"post": "yes"}
    )
    assert ApiToken.verified(secret) is None


def test_the_command_sets_scopes_and_limits(db: None) -> None:
    out = StringIO()
    call_command(
        "api_token", "agent", "--scope", "speech", "--expires-days", "30", "--daily-budget", "1.5",
        "--rate", "10", stdout=out,
    )  # fmt: skip
    token = ApiToken.verified(out.getvalue().split()[-1])
    assert token is not None
    assert (token.scopes, token.daily_budget_usd, token.rate_a_minute) == (["speech"], 1.5, 10)
    assert token.expires_at is not None


def test_the_command_without_options_gives_speech_and_figures_and_with_admin_all(db: None) -> None:
    for name, options, scopes in (
        ("a", [], ["speech", "stats"]),
        ("b", ["--admin"], ["speech", "stats", "admin"]),
    ):
        call_command("api_token", name, *options, stdout=StringIO())
        assert ApiToken.objects.get(name=name).scopes == scopes


@pytest.mark.parametrize("options", [["--rate", "0"], ["--expires-days", "x"], ["--daily-budget", "-1"]])
def test_the_command_refuses_impossible_limits(db: None, options: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("api_token", "agent", *options, stdout=StringIO())
    assert not ApiToken.objects.exists()
