"""Signing in to the staff pages is limited by name and by address, and leaves a trace."""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.hashers import (
    PBKDF2PasswordHasher,
    check_password,
    identify_hasher,
    make_password,
)
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from lifereview.accounts import password_hashing

pytestmark = pytest.mark.django_db(transaction=True)

RIGHT, WRONG = "a-good-password", "canary-guess"
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def _ana() -> None:
    User.objects.create_superuser("ana", password=RIGHT)
    caches["default"].clear()


def sign_in(name: str, password: str, address: str = HOME, client: Client | None = None) -> Any:
    form = {"username": name, "password": password}
    return (client or Client()).post(reverse("admin:login"), form, REMOTE_ADDR=address)


def passwords_looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each password that is hashed will be added."""
    seen: list[str] = []

    def noted(_hasher: object, password: str, salt: str) -> str:
        seen.append(password)
        return f"md5${salt}$no"

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", noted)
    return seen


def test_a_right_password_signs_in_and_is_no_failure() -> None:
    for _ in range(8):
        assert sign_in("ana", RIGHT).status_code == 302

    assert not AccessAttempt.objects.exists()


def test_a_name_is_refused_after_ten_tries_from_any_addresses_before_a_password_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(10):
        assert sign_in("ana", WRONG, f"203.0.113.{number}").status_code == 200
    looked_at = passwords_looked_at(monkeypatch)
    refused = sign_in("ana", RIGHT, ELSEWHERE)

    assert refused.status_code == 429
    assert refused["Retry-After"] == "60"
    assert "You can try again in 1 minute." in refused.content.decode()
    assert looked_at == []
    assert sign_in("ben", WRONG, ELSEWHERE).status_code == 200


def test_an_address_is_refused_after_twenty_tries_with_any_names() -> None:
    assert [sign_in(f"name-{number}", WRONG).status_code for number in range(21)] == [200] * 19 + [429] * 2
    assert sign_in("ana", RIGHT, ELSEWHERE).status_code == 302


def test_an_ipv6_home_is_one_address() -> None:
    codes = [sign_in(f"name-{n}", WRONG, f"2001:db8:1:2::{n:x}").status_code for n in range(1, 22)]

    assert codes[-1] == 429


def fails_long_ago(count: int, ago: timedelta, name: str = "ana", address: str = ELSEWHERE) -> None:
    AccessAttempt.objects.create(
        username=name,
        ip_address=address,
        user_agent="",
        failures_since_start=count,
        path_info="",
    )
    AccessAttempt.objects.update(attempt_time=timezone.now() - ago)


def test_after_twenty_failures_a_name_waits_a_quarter_of_an_hour_and_no_longer() -> None:
    fails_long_ago(20, timedelta(minutes=10))
    refused = sign_in("ana", RIGHT)

    assert refused.status_code == 429
    assert 290 <= int(refused["Retry-After"]) <= 300
    assert "You can try again in 5 minutes." in refused.content.decode()
    assert AccessAttempt.objects.get().failures_since_start == 20  # a refused try does not prolong it
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert sign_in("ana", RIGHT).status_code == 302


@pytest.mark.parametrize(
    "command", [("axes_reset",), ("axes_reset_username", "ana"), ("axes_reset_ip", ELSEWHERE)]
)
def test_a_command_lets_a_name_sign_in_at_once(command: tuple[str, ...]) -> None:
    fails_long_ago(20, timedelta(minutes=1))
    assert sign_in("ana", RIGHT).status_code == 429
    call_command(*command)

    assert sign_in("ana", RIGHT).status_code == 302


def test_a_browser_that_has_signed_in_before_is_not_locked_out_by_guesses_of_others() -> None:
    known = Client()
    assert sign_in("ana", RIGHT, client=known).status_code == 302
    known.post(reverse("admin:logout"))
    fails_long_ago(20, timedelta(minutes=1))
    for number in range(12):
        sign_in("ana", WRONG, f"192.0.2.{number}")

    assert sign_in("ana", RIGHT, client=Client()).status_code == 429
    assert sign_in("ana", RIGHT, client=known).status_code == 302


def test_the_mark_of_a_known_browser_is_good_for_its_own_name_and_cannot_be_forged() -> None:
    User.objects.create_superuser("ben", password=RIGHT)
    known = Client()
    sign_in("ben", RIGHT, client=known)
    fails_long_ago(20, timedelta(minutes=1))
    assert sign_in("ana", RIGHT, client=known).status_code == 429
    forged = Client()
    forged.cookies["known_browser"] = known.cookies["known_browser"].value[:-1] + "x"
    fails_long_ago(20, timedelta(minutes=1), name="ben")

    assert sign_in("ben", RIGHT, client=forged).status_code == 429


def test_each_try_is_in_the_log_without_password_and_without_names_that_nobody_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        sign_in("ana", RIGHT)
        sign_in("ana", WRONG)
        sign_in(WRONG, WRONG)  # a password typed into the wrong field
        fails_long_ago(20, timedelta(minutes=1))
        sign_in("ana", WRONG, ELSEWHERE)
    lines = [record.getMessage() for record in caplog.records if record.name == "lifereview.accounts.sign_in"]

    assert lines == [
        f"ana signed in from {HOME}.",
        f"A sign-in as ana from {HOME} failed.",
        f"A sign-in as an unknown name from {HOME} failed.",
        f"A sign-in as ana from {ELSEWHERE} was refused: too many tries.",
    ]
    assert WRONG not in caplog.text


def test_the_failures_that_are_kept_hold_no_password() -> None:
    sign_in("ana", WRONG)
    kept = AccessAttempt.objects.values().get()

    assert (kept["username"], kept["ip_address"]) == ("ana", HOME)
    assert WRONG not in str(kept)


def test_failed_sign_ins_are_no_page_of_the_staff_pages() -> None:
    assert not [model for model in admin.site._registry if model._meta.app_label == "axes"]


def test_passwords_are_hashed_one_after_the_other_in_a_thread_that_steps_back(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["lifereview.accounts.password_hashing.PBKDF2InTurn"]
    monkeypatch.setattr(password_hashing.PBKDF2InTurn, "iterations", 1_000)
    seen: set[tuple[str, int]] = set()
    hashed = PBKDF2PasswordHasher.encode

    def noted(*arguments: Any) -> str:
        thread = threading.current_thread()
        seen.add((thread.name, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
        return hashed(*arguments)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", noted)
    encoded = make_password(RIGHT)

    assert identify_hasher(encoded).algorithm == "pbkdf2_sha256"
    assert check_password(RIGHT, encoded)
    assert not check_password(WRONG, encoded)
    ((name, niceness),) = seen
    assert name.startswith("hashing")
    assert niceness >= password_hashing.NICENESS


def test_a_try_is_refused_while_many_passwords_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hashing._queue, "waiting", password_hashing.MOST_WAITING)
    refused = sign_in("ana", RIGHT)

    assert (refused.status_code, refused["Retry-After"]) == (429, "10")
