"""Colleagues: made from a name, a mail address and a role; their links; forgotten passwords."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from harness.staff_actions import make_groups

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ADD, LIST = reverse("admin:auth_user_add"), reverse("admin:auth_user_changelist")
ANA = {"name": "Ana Silva", "email": "Ana@Example.org", "role": "Editor"}
PASSWORD = "plums in late summer"


@pytest.fixture(autouse=True)
def _groups(db: None) -> None:
    make_groups()
    cache.clear()


def link_on(page: Any) -> str:
    found = re.search(r'id="password-link" readonly value="http://testserver([^"]+)"', page.content.decode())
    assert found is not None, page.content.decode()
    return found[1]


def choose_password(link: str, password: str = PASSWORD) -> Client:
    client = Client()
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0]
    answer = client.post(address, {"new_password1": password, "new_password2": password}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("admin:index")
    return client


def wait_for_mail() -> Any:
    end = time.monotonic() + 10
    while not mail.outbox and time.monotonic() < end:
        time.sleep(0.02)
    return mail.outbox[-1]


class TestNewColleague:
    def test_an_editor_is_made_from_three_fields_and_signs_in_with_the_link(
        self, admin_client: Client
    ) -> None:
        page = admin_client.post(ADD, ANA)

        client = choose_password(link_on(page))

        ana = User.objects.get(email="ana@example.org")
        assert (ana.username, ana.get_full_name(), ana.is_staff) == ("ana@example.org", "Ana Silva", True)
        assert [group.name for group in ana.groups.all()] == ["Editor"]
        assert not ana.is_superuser
        assert client.get(reverse("admin:narratives_journey_changelist")).status_code == 200
        assert Client().login(username="ana@example.org", password=PASSWORD)
        assert page["Cache-Control"].startswith("no-store")

    def test_a_link_works_once(self, admin_client: Client) -> None:
        link = link_on(admin_client.post(ADD, ANA))
        choose_password(link)
        assert "This link was used" in Client().get(link, follow=True).content.decode()

    def test_the_page_has_few_words_and_no_list_of_rights(self, admin_client: Client) -> None:
        page = admin_client.get(ADD).content.decode()
        assert "user_permissions" not in page
        assert all(role in page for role in ("Editor:", "Publisher:", "Analyst:", "Operator:"))

    def test_a_mail_address_that_is_there_already_is_refused(self, admin_client: Client) -> None:
        admin_client.post(ADD, ANA)
        again = admin_client.post(ADD, {**ANA, "email": "ANA@example.org"})
        assert "on the staff already" in again.content.decode()
        assert User.objects.filter(email__iexact="ana@example.org").count() == 1

    def test_the_link_is_mailed_where_mail_is_set_up(self, admin_client: Client, settings: Any) -> None:
        settings.IS_MAIL_SET_UP = True
        page = admin_client.post(ADD, ANA)
        assert "was mailed to ana@example.org" in page.content.decode()
        assert link_on(page) in mail.outbox[0].body
        assert mail.outbox[0].to == ["ana@example.org"]

    def test_a_mail_server_that_is_away_leaves_the_link_on_the_page(
        self, admin_client: Client, settings: Any
    ) -> None:
        settings.IS_MAIL_SET_UP = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        page = admin_client.post(ADD, ANA)
        assert "Give this link to Ana Silva" in page.content.decode()
        choose_password(link_on(page))


class TestChangedColleague:
    def page_of(self, user: User) -> str:
        return reverse("admin:auth_user_change", args=[user.pk])

    def test_a_role_takes_the_place_of_the_former_one(self, admin_client: Client) -> None:
        admin_client.post(ADD, ANA)
        ana = User.objects.get(email="ana@example.org")
        admin_client.post(self.page_of(ana), {**ANA, "role": "Publisher", "is_active": "on"})
        assert [group.name for group in ana.groups.all()] == ["Publisher"]

    def test_own_rights_stay_where_no_role_is_chosen(self, admin_client: Client) -> None:
        user = User.objects.create(username="rui", first_name="Rui", email="rui@example.org", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_clip"))
        given = {"name": "Rui", "email": "rui@example.org", "role": "", "is_active": "on"}
        answer = admin_client.post(self.page_of(user), given)
        assert answer.status_code == 302
        user.refresh_from_db()
        assert (user.username, user.user_permissions.count(), user.groups.count()) == ("rui", 1, 0)

    def test_an_administrator_sees_each_single_right_on_request(self, admin_client: Client) -> None:
        admin_client.post(ADD, ANA)
        page = self.page_of(User.objects.get(email="ana@example.org"))
        assert "user_permissions" not in admin_client.get(page).content.decode()
        assert "user_permissions" in admin_client.get(f"{page}?rights=all").content.decode()

    def test_somebody_without_all_rights_gives_only_their_own_and_changes_no_administrator(
        self, admin_user: User
    ) -> None:
        giver = User.objects.create(username="giver", is_staff=True)
        rights = ("add_user", "change_user", "view_user", *EDITORS_RIGHTS)
        giver.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client = Client()
        client.force_login(giver)
        assert "Publisher:" not in client.get(ADD).content.decode()
        assert "valid choice" in client.post(ADD, {**ANA, "role": "Publisher"}).content.decode()
        client.post(ADD, ANA)
        assert User.objects.filter(email="ana@example.org").exists()
        answer = client.post(self.page_of(admin_user), {**ANA, "is_active": ""})
        assert answer.status_code == 403
        link = reverse("admin:auth_user_password_link", args=[admin_user.pk])
        assert client.get(link).status_code == 403
        assert "user_permissions" not in client.get(f"{self.page_of(giver)}?rights=all").content.decode()


EDITORS_RIGHTS = [
    "view_clip", "view_revision", "view_publication", "view_offeredreflection",
    *(f"{action}_{model}" for action in ("add", "change", "delete", "view")
      for model in ("journey", "narrative", "pronunciation", "bankreflection")),
]  # fmt: skip


class TestForgottenPassword:
    FORGOTTEN = reverse("admin_password_reset")

    def test_a_link_comes_by_mail_also_before_the_first_password(
        self, admin_client: Client, settings: Any
    ) -> None:
        admin_client.post(ADD, ANA)
        settings.IS_MAIL_SET_UP = True

        answer = Client().post(self.FORGOTTEN, {"email": "ana@example.org"}, follow=True)

        assert "a link is on its way" in answer.content.decode()
        link = re.search(r"http://testserver(\S+)", wait_for_mail().body)
        assert link is not None
        choose_password(link[1])

    def test_an_unknown_address_gets_the_same_answer_and_no_mail(self, settings: Any) -> None:
        settings.IS_MAIL_SET_UP = True
        answer = Client().post(self.FORGOTTEN, {"email": "nobody@example.org"}, follow=True)
        assert "a link is on its way" in answer.content.decode()
        assert not mail.outbox

    def test_a_site_without_mail_names_the_administrator(self) -> None:
        page = Client().get(self.FORGOTTEN).content.decode()
        assert "Ask an administrator" in page
        assert "<form" not in page

    def test_links_are_limited_by_address(self, settings: Any) -> None:
        settings.IS_MAIL_SET_UP = True
        answers = [Client().post(self.FORGOTTEN, {"email": "a@example.org"}) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [302] * 10 + [429]

    def test_the_sign_in_page_leads_there(self) -> None:
        assert self.FORGOTTEN in Client().get(reverse("admin:login")).content.decode()
