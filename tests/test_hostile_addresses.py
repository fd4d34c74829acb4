"""Values that nobody sends by accident get a clear refusal or an ordinary page, never a server error."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from harness.hostile_addresses import API, MANY_WORDS, hostile_queries, staff_lists

pytestmark = pytest.mark.django_db(transaction=True)

MOST_SECONDS = 10.0


@pytest.fixture
def staff(admin_client: Client) -> Client:
    admin_client.raise_request_exception = False
    return admin_client


@pytest.mark.timeout(600)
def test_no_staff_list_answers_a_hostile_address_with_a_server_error(staff: Client) -> None:
    broken = []
    for address, page in staff_lists().items():
        addresses = [f"{address}?{query}" for query in hostile_queries(page)]
        addresses += [f"{address}{key}/change/" for key in ("%00", "9" * 23, "x_00")]
        for one in addresses:
            begin = time.monotonic()
            status = staff.get(one).status_code
            if status >= 500 or time.monotonic() - begin > MOST_SECONDS:
                broken.append((one[:80], status))
    assert broken == []


@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "delete"])
def test_no_page_answers_a_hostile_address_with_a_server_error(staff: Client, method: str) -> None:
    statuses = {address: getattr(staff, method)(address).status_code for address in API}

    assert {address: status for address, status in statuses.items() if status >= 500} == {}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("hour__year=99999999999999", "year"),
        ("hour__year=-1", "year"),
        (f"q={MANY_WORDS}", "40 words"),
        ("voice=%00", "NUL"),
        (f"id={'9' * 23}", "number"),
    ],
)
def test_a_refused_address_of_a_staff_list_says_why(staff: Client, query: str, says: str) -> None:
    response = staff.get(f"/admin/ttscache/usage/?{query}")

    assert response.status_code == 400
    assert says in response.content.decode()


def test_an_ordinary_search_and_year_of_a_staff_list_are_answered(staff: Client) -> None:
    assert staff.get("/admin/narratives/narrative/?q=the+first+house").status_code == 200
    assert staff.get("/admin/ttscache/usage/?hour__year=2026").status_code == 200


def test_the_api_refuses_a_nul_in_its_own_shape(client: Client) -> None:
    response = client.get("/api/narratives?journey=%00")

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_a_session_cookie_with_a_nul_is_refused(client: Client) -> None:
    client.cookies["sessionid"] = "abcdefgh\0ijkl"

    assert client.get("/admin/").status_code == 400


def test_an_action_on_a_key_with_a_nul_is_refused(staff: Client) -> None:
    form: dict[str, Any] = {"action": "delete_selected", "_selected_action": "a\0b"}

    assert staff.post("/admin/django_q/success/", form).status_code == 400


def test_options_of_the_api_documentation_is_refused(client: Client) -> None:
    assert client.options("/api/docs").status_code == 405
