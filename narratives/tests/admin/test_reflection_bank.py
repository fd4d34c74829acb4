from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from harness.admin_pages import YES, said
from narratives import publishing
from narratives.models import BankReflection
from ttscache.models import WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ADD_REFLECTION = reverse("admin:narratives_bankreflection_add")
BANK = reverse("admin:narratives_bankreflection_changelist")
GOOD = "It sounds as though that was a good day. Thank you for sharing it."


@pytest.fixture
def bank_writer() -> Client:
    """A client signed in as staff who may write reflections and may not publish."""
    user = User.objects.create(username="editor", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__endswith="_bankreflection"))
    client = Client()
    client.force_login(user)
    return client


class TestReflectionBank:
    form: dict[str, Any] = {"text": GOOD, "theme": "general", "occasion": "any", "after_heavy": "never"}  # noqa: RUF012

    def test_a_bank_reflection_is_checked_against_the_rules_when_saved(self, admin_client):
        page = admin_client.post(ADD_REFLECTION, self.form | {"text": "Was it good? I understand."})
        assert "A reflection has no question mark." in page.content.decode()
        assert "does not say “I understand”" in page.content.decode()
        assert not BankReflection.objects.exists()

    def test_a_bank_reflection_put_in_use_is_made_ahead(self, admin_client, admin_user):
        page = admin_client.post(ADD_REFLECTION, self.form | {"is_active": "on"}, follow=True)
        assert "2 clips are being made" in said(page)
        assert admin_user.logentry_set.filter(change_message__contains="2 clips").exists()

    def test_a_bank_reflection_at_a_cost_is_saved_then_confirmed(self, admin_client, paid_voice):
        page = admin_client.post(ADD_REFLECTION, self.form | {"is_active": "on"})
        assert "2 clips are missing" in page.content.decode()
        assert (BankReflection.objects.count(), WarmRun.objects.count()) == (1, 0)
        admin_client.post(page.context["action"], dict(page.context["hidden"]) | YES)
        assert WarmItem.objects.count() == 2

    def test_a_bank_reflection_out_of_use_is_not_made(self, admin_client):
        admin_client.post(ADD_REFLECTION, self.form)
        assert (BankReflection.objects.count(), WarmRun.objects.count()) == (1, 0)

    def test_staff_who_may_not_publish_write_bank_reflections_out_of_use(self, bank_writer):
        bank_writer.post(ADD_REFLECTION, self.form | {"is_active": "on"})
        reflection = BankReflection.objects.get()
        address = reverse("admin:narratives_bankreflection_change", args=[reflection.pk])
        other = GOOD.replace("good", "long")
        bank_writer.post(address, self.form | {"text": other, "is_active": "on"})
        reflection.refresh_from_db()
        assert (reflection.text, reflection.is_active) == (other, False)

    def test_staff_who_may_not_publish_cannot_change_or_delete_reflections_in_use(self, bank_writer):
        reflection = BankReflection.objects.create(text=GOOD)
        page = reverse("admin:narratives_bankreflection_change", args=[reflection.pk])
        bank_writer.post(page, self.form | {"text": GOOD.replace("good", "long")})
        gone = bank_writer.post(reverse("admin:narratives_bankreflection_delete", args=[reflection.pk]), YES)
        reflection.refresh_from_db()
        assert (reflection.text, gone.status_code) == (GOOD, 403)
        assert "delete_selected" not in bank_writer.get(BANK).content.decode()

    def test_the_bank_list_shows_badges_in_few_queries(self, admin_client, django_assert_max_num_queries):
        texts = [GOOD.replace("good", word) for word in ("calm", "warm", "full", "long", "slow")]
        BankReflection.objects.bulk_create(BankReflection(text=text) for text in texts)
        publishing.sync_pins()
        with django_assert_max_num_queries(16):
            page = admin_client.get(BANK).content.decode()
        assert page.count('class="clip-status"') == 10
