"""Staff duplicate a text or a journey on its page."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from harness.admin_pages import YES, admin_address
from harness.staff_pages import staff_with
from narratives.models import Journey, Narrative

pytestmark = pytest.mark.django_db


class TestDuplicating:
    @pytest.mark.parametrize("model", [Journey, Narrative])
    def test_duplicating_asks_first_and_leads_to_the_copy(self, admin_client, heard_journey, model):
        thing = model.objects.first()
        page = admin_address(thing, "duplicate")
        assert "draft" in admin_client.get(page).content.decode()
        assert not model.objects.filter(title__endswith="(copy)").exists()
        answer = admin_client.post(page, YES)
        assert answer.url == admin_address(model.objects.get(title=f"{thing.title} (copy)"), "change")

    def test_duplicating_is_logged_with_its_author(self, admin_client, heard_question):
        admin_client.post(admin_address(heard_question, "duplicate"), YES)
        assert "Copied from “Question”." in [str(entry.change_message) for entry in LogEntry.objects.all()]

    @pytest.mark.parametrize("model", [Journey, Narrative])
    def test_duplicating_requires_the_permission_to_add(self, heard_journey, model):
        client = staff_with("view_journey", "view_narrative", "change_narrative")
        assert client.post(admin_address(model.objects.first(), "duplicate"), YES).status_code == 403
        assert not model.objects.filter(title__endswith="(copy)").exists()
