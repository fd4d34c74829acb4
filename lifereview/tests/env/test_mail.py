"""EMAIL_URL becomes Django's mail settings."""

from __future__ import annotations

from typing import Any

import pytest

from lifereview.env import mail
from lifereview.env.reader import Environment

pytestmark = pytest.mark.any_database


def settings_of(**variables: str) -> dict[str, Any]:
    return mail.mail_settings(Environment(variables))


@pytest.mark.parametrize(
    ("url", "port", "starttls", "tls"),
    [
        ("smtp://mail.example.org", 25, False, False),
        ("smtp+starttls://mail.example.org", 587, True, False),
        ("smtps://mail.example.org", 465, False, True),
        ("smtps://mail.example.org:2465", 2465, False, True),
    ],
    ids=["plain", "starttls", "tls", "port"],
)
def test_the_scheme_of_the_mail_url_chooses_tls(url: str, port: int, starttls: bool, tls: bool) -> None:
    found = settings_of(EMAIL_URL=url)

    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.org", port)
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (starttls, tls)


def test_mail_user_and_password_may_hold_any_character() -> None:
    found = settings_of(EMAIL_URL="smtps://ana%40example.org:p%2Fss%3Aw@mail.example.org")

    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("ana@example.org", "p/ss:w")


def test_without_a_mail_url_mail_goes_to_localhost_and_no_alert_is_sent() -> None:
    assert (settings_of()["EMAIL_HOST"], settings_of()["EMAIL_PORT"]) == ("localhost", 25)
    assert mail.alert_emails(Environment({})) == []


def test_a_wrong_mail_url_is_refused_without_its_password() -> None:
    with pytest.raises(SystemExit) as refusal:
        settings_of(EMAIL_URL="imap://ana:secret@mail.example.org")

    assert "smtps://" in str(refusal.value)
    assert "secret" not in str(refusal.value)
