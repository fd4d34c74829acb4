"""Times on the staff pages, in the zone that a person has chosen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ttscache.models import ApiToken

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PAGE = "/admin/my-settings"


@pytest.fixture
def token_page() -> str:
    ApiToken.issue("front end", last_used_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    return reverse("admin:ttscache_apitoken_changelist")


def test_times_are_utc_until_somebody_chooses(admin_client: Client, token_page: str) -> None:
    assert "1 Jul 2026, 22:30" in admin_client.get(token_page).content.decode()


def test_a_person_reads_times_in_their_zone_also_after_the_next_sign_in(
    admin_client: Client, admin_user: User, token_page: str
) -> None:
    before = admin_client.get(token_page).content.decode()
    answer = admin_client.post(PAGE, {"time_zone": "Asia/Kolkata"}, follow=True)
    assert "Times are shown in Asia/Kolkata." in answer.content.decode()
    later = Client()
    later.force_login(admin_user)
    for client in (admin_client, later):
        page = client.get(token_page).content.decode()
        assert "2 Jul 2026, 04:00" in page
        assert "2 Jul 2026" not in before


def test_a_zone_that_does_not_exist_is_refused(admin_client: Client) -> None:
    assert "valid choice" in admin_client.post(PAGE, {"time_zone": "Mars/Base"}).content.decode()


def test_the_dashboard_names_the_zone_of_its_times(admin_client: Client) -> None:
    assert " UTC" in admin_client.get(reverse("admin:index")).content.decode()
    admin_client.post(PAGE, {"time_zone": "Asia/Kolkata"})
    assert " IST" in admin_client.get(reverse("admin:index")).content.decode()


def test_strangers_have_no_settings() -> None:
    assert Client().get(PAGE).status_code == 302
