"""The second factor of staff."""

from __future__ import annotations

import re
import time
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

FORM, HOME = "/admin/second-factor", "/admin/"


@pytest.fixture(autouse=True)
def _is_asked_for(settings: Any) -> None:
    settings.STAFF_TWO_FACTOR = True


def code_of(user: User, steps: int = 0) -> str:
    """The code that the person's app shows now, or so many steps later."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = time.time() + steps * device.step
    return f"{totp.token():06d}"


def set_up(client: Client, user: User) -> list[str]:
    """Set up the app, and return the spare codes."""
    client.get(FORM)
    page = client.post(FORM, {"code": code_of(user)}).content.decode()
    codes = re.findall(r"<li>([0-9a-f]{8})</li>", page)
    assert len(codes) == 8
    return codes


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_staff_without_an_app_set_one_up_before_any_staff_page(
    admin_client: Client, admin_user: User
) -> None:
    assert admin_client.get(HOME).url == f"{FORM}?next={HOME}"  # type: ignore[attr-defined]
    assert "data:image/svg" in admin_client.get(FORM).content.decode()

    set_up(admin_client, admin_user)

    assert admin_client.get(HOME).status_code == 200


def test_a_wrong_code_confirms_nothing(admin_client: Client, admin_user: User) -> None:
    admin_client.get(FORM)
    assert "This code is wrong" in admin_client.post(FORM, {"code": "000000"}).content.decode()
    assert not TOTPDevice.objects.get(user=admin_user).confirmed
    assert admin_client.get(HOME).status_code == 302


def test_a_later_session_asks_for_a_code_and_takes_none_twice(admin_client: Client, admin_user: User) -> None:
    set_up(admin_client, admin_user)
    used = code_of(admin_user)
    later = signed_in(admin_user)
    assert "data:image/svg" not in later.get(FORM).content.decode()
    assert "wrong or was used" in later.post(FORM, {"code": used}).content.decode()
    TOTPDevice.objects.update(throttling_failure_count=0)
    assert later.post(f"{FORM}?next={HOME}", {"code": code_of(admin_user, steps=1)}).status_code == 302
    assert later.get(HOME).status_code == 200


def test_a_spare_code_lets_in_once(admin_client: Client, admin_user: User) -> None:
    (code, *_) = set_up(admin_client, admin_user)
    first, second = signed_in(admin_user), signed_in(admin_user)
    assert first.post(FORM, {"code": code}).status_code == 302
    assert second.post(FORM, {"code": code}).status_code == 200
    assert second.get(HOME).status_code == 302


def test_a_session_without_its_code_is_a_strangers_at_the_api(admin_client: Client, admin_user: User) -> None:
    assert admin_client.get("/api/cache-stats").status_code in (401, 403)
    set_up(admin_client, admin_user)
    assert admin_client.get("/api/cache-stats").status_code == 200


def test_the_way_on_never_leads_to_another_host(admin_client: Client, admin_user: User) -> None:
    set_up(admin_client, admin_user)
    spare = StaticDevice.objects.get().token_set.all()[0].token
    answer = signed_in(admin_user).post(f"{FORM}?next=https://evil.example/", {"code": spare})
    assert answer.headers["Location"] == HOME


def test_lost_devices_are_forgotten_by_command(admin_client: Client, admin_user: User) -> None:
    set_up(admin_client, admin_user)
    call_command("forget_second_factor", admin_user.username, stdout=StringIO())
    assert admin_client.get(HOME).status_code == 302
    assert "data:image/svg" in signed_in(admin_user).get(FORM).content.decode()


def test_the_published_page_of_listeners_reads_no_session(settings: Any, db: None) -> None:
    assert "Cookie" not in Client().get(reverse("listener")).get("Vary", "")


def test_without_the_setting_nobody_is_asked(admin_client: Client, settings: Any) -> None:
    settings.STAFF_TWO_FACTOR = False
    assert admin_client.get(HOME).status_code == 200
