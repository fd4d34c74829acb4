"""The page on which a journey is downloaded, and uploaded again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from harness.admin_pages import admin_address, said
from harness.journey_files import A_ROW, a_file, rows_of
from narratives.models import Journey

pytestmark = pytest.mark.django_db


class TestThePages:
    def send(self, client: Client, journey: Journey, content: bytes) -> Any:
        upload = SimpleUploadedFile("journey.json", content)
        return client.post(admin_address(journey, "import_file"), {"file": upload})

    def test_a_dry_run_shows_the_words_and_writes_nothing(self, admin_client, heard_journey):
        rows = rows_of(heard_journey)
        rows[1]["text"] = "Where did it all begin?"
        page = self.send(admin_client, heard_journey, a_file(rows)).content.decode()
        assert "all </ins>" in page
        assert "1 text will change" in page
        assert heard_journey.narratives.get(slug="question").text == "Where did it begin?"

    def test_a_yes_to_what_was_seen_writes_the_drafts(self, admin_client, admin_user, heard_journey):
        rows = rows_of(heard_journey)
        rows[1]["text"] = "Where did it all begin?"
        seen = self.send(admin_client, heard_journey, a_file(rows))
        answer = dict(seen.context["hidden"]) | {"confirmed": "yes"}
        page = admin_client.post(admin_address(heard_journey, "import_file"), answer, follow=True)
        assert "Imported: 1 text changed" in said(page)
        assert heard_journey.narratives.get(slug="question").text == "Where did it all begin?"
        assert admin_user.logentry_set.filter(change_message__startswith="Imported").exists()

    def test_what_has_changed_since_is_shown_again(self, admin_client, heard_journey):
        rows = rows_of(heard_journey)
        rows[1]["text"] = "Where did it all begin?"
        seen = self.send(admin_client, heard_journey, a_file(rows))
        heard_journey.narratives.filter(slug="question").update(text="Somebody was quicker?")
        answer = dict(seen.context["hidden"]) | {"confirmed": "yes"}
        page = admin_client.post(admin_address(heard_journey, "import_file"), answer).content.decode()
        assert "changed while you were looking" in page
        assert heard_journey.narratives.get(slug="question").text == "Somebody was quicker?"

    def test_words_said_otherwise_come_with_the_clips_they_change_and_the_price(
        self, admin_client, heard_journey, paid_voice
    ):
        content = a_file(rows_of(heard_journey), lexicon=[{"word": "begin", "say_as": "beginn"}])
        page = self.send(admin_client, heard_journey, content).content.decode()
        assert (
            "This changes 2 clips in 1 text. 2 new clips have to be made: 40 characters, about $0.001."
            in page
        )

    def test_problems_are_listed_and_nothing_can_be_imported(self, admin_client, heard_journey):
        page = self.send(admin_client, heard_journey, a_file([A_ROW | {"text": ""}])).content.decode()
        assert "Row 1" in page
        assert "confirmed" not in page

    @pytest.mark.parametrize("name", ["export_json", "export_csv"])
    def test_it_is_downloaded_under_its_name(self, admin_client, heard_journey, name):
        answer = admin_client.get(admin_address(heard_journey, name))
        assert f'filename="ours.{name[-4:].lstrip("_")}"' in answer["Content-Disposition"]
        assert "Where did it begin?" in answer.content.decode()

    def test_who_may_only_look_exports_and_does_not_import(self, client, heard_journey):
        analyst = User.objects.create_user("ana", is_staff=True)
        wanted = Permission.objects.filter(codename__in=["view_journey", "view_narrative"])
        analyst.user_permissions.set(wanted)
        client.force_login(analyst)
        page = client.get(admin_address(heard_journey, "import_file")).content.decode()
        assert "Export as CSV" in page
        assert 'type="file"' not in page
        upload = {"file": SimpleUploadedFile("journey.json", b"[]")}
        assert client.post(admin_address(heard_journey, "import_file"), upload).status_code == 403
