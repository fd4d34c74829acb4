"""The staff pages that export and import a journey."""

# ruff: noqa: RUF001 - typographic marks are what is tested

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from harness.admin_pages import admin_address, said
from harness.journey_files import A_ROW, a_file, rows_of
from harness.staff_pages import staff_with
from narratives.models import Journey

pytestmark = pytest.mark.django_db


class TestImportAndExportPages:
    def send(self, client: Client, journey: Journey, content: bytes) -> Any:
        upload = SimpleUploadedFile("journey.json", content)
        return client.post(admin_address(journey, "import_file"), {"file": upload})

    def test_an_import_preview_shows_the_words_and_writes_nothing(self, admin_client, heard_journey):
        rows = rows_of(heard_journey)
        rows[1]["text"] = "Where did it all begin?"
        page = self.send(admin_client, heard_journey, a_file(rows)).content.decode()
        assert "all </ins>" in page
        assert "1 text will change" in page
        assert heard_journey.narratives.get(slug="question").text == "Where did it begin?"

    def test_confirming_an_import_writes_the_drafts(self, admin_client, admin_user, heard_journey):
        rows = rows_of(heard_journey)
        rows[1]["text"] = "Where did it all begin?"
        seen = self.send(admin_client, heard_journey, a_file(rows))
        answer = dict(seen.context["hidden"]) | {"confirmed": "yes"}
        page = admin_client.post(admin_address(heard_journey, "import_file"), answer, follow=True)
        assert "Imported: 1 text changed" in said(page)
        assert heard_journey.narratives.get(slug="question").text == "Where did it all begin?"
        assert admin_user.logentry_set.filter(change_message__startswith="Imported").exists()

    def test_an_import_is_shown_again_when_texts_changed_since(self, admin_client, heard_journey):
        rows = rows_of(heard_journey)
        rows[1]["text"] = "Where did it all begin?"
        seen = self.send(admin_client, heard_journey, a_file(rows))
        heard_journey.narratives.filter(slug="question").update(text="Somebody was quicker?")
        answer = dict(seen.context["hidden"]) | {"confirmed": "yes"}
        page = admin_client.post(admin_address(heard_journey, "import_file"), answer).content.decode()
        assert "changed while you were looking" in page
        assert heard_journey.narratives.get(slug="question").text == "Somebody was quicker?"

    def test_an_import_of_lexicon_entries_shows_changed_clips_and_price(
        self, admin_client, heard_journey, paid_voice
    ):
        content = a_file(rows_of(heard_journey), lexicon=[{"word": "begin", "say_as": "beginn"}])
        page = self.send(admin_client, heard_journey, content).content.decode()
        assert (
            "This changes 2 clips in 1 text. 2 new clips have to be made: 40 characters, about $0.001."
            in page
        )

    def test_an_import_with_problems_lists_them_and_cannot_be_confirmed(self, admin_client, heard_journey):
        page = self.send(admin_client, heard_journey, a_file([A_ROW | {"text": ""}])).content.decode()
        assert "Row 1" in page
        assert "confirmed" not in page

    def test_a_refused_file_lists_its_problems_and_no_text_as_missing(self, admin_client, heard_journey):
        cut = b"slug,kind,position,title,text\na,question,1,A,First think of home, then tell me.\n"
        page = self.send(admin_client, heard_journey, cut).content.decode()
        assert "Nothing was imported, and nothing has changed." in page
        assert "a comma inside a text has cut it" in page
        assert "Not in the file" not in page
        assert 'name="content"' not in page

    def test_a_refused_file_that_is_confirmed_by_hand_changes_nothing(self, admin_client, heard_journey):
        before = rows_of(heard_journey)
        content = base64.b64encode(b"slug,kind,position,title,text\n").decode()
        answer = {"confirmed": "yes", "content": content, "seen": ""}
        page = admin_client.post(admin_address(heard_journey, "import_file"), answer).content.decode()
        assert "no texts below them" in page
        assert rows_of(heard_journey) == before

    def test_an_import_preview_says_which_encoding_was_guessed(self, admin_client, heard_journey):
        content = "slug;kind;position;title;text\na;question;1;A;Renée’s café?\n".encode("cp1252")
        page = self.send(admin_client, heard_journey, content).content.decode()
        assert "It was read in the older Windows encoding" in page
        assert "Renée’s café?" in page

    def test_an_import_preview_shows_a_new_kind_stage_and_theme(self, admin_client, heard_journey):
        draft = {"slug": "new", "kind": "question", "title": "New", "text": "And then?"}
        heard_journey.narratives.create(**draft, position=3, theme="Home")
        rows = rows_of(heard_journey)
        rows[3] |= {"kind": "system", "stage": "Childhood", "theme": ""}
        page = self.send(admin_client, heard_journey, a_file(rows)).content.decode()
        assert "Kind: question → system" in page
        assert "Stage: none → Childhood" in page
        assert "Theme: Home → none" in page

    def test_a_long_list_of_problems_is_shortened(self, admin_client, heard_journey):
        content = a_file([A_ROW | {"slug": f"n{number}", "kind": "answer"} for number in range(130)])
        page = self.send(admin_client, heard_journey, content).content.decode()
        assert "And 30 more." in page
        assert "Row 101" not in page

    def test_a_downloaded_csv_tells_excel_that_it_is_utf_8(self, admin_client, heard_journey):
        heard_journey.narratives.filter(slug="question").update(text="Café?")
        content = admin_client.get(admin_address(heard_journey, "export_csv")).content
        assert content.startswith(b"\xef\xbb\xbfslug,")
        assert (
            "There is nothing to import" in self.send(admin_client, heard_journey, content).content.decode()
        )

    @pytest.mark.parametrize("name", ["export_json", "export_csv"])
    def test_an_export_is_downloaded_under_the_name_of_its_journey(self, admin_client, heard_journey, name):
        answer = admin_client.get(admin_address(heard_journey, name))
        assert f'filename="ours.{name[-4:].lstrip("_")}"' in answer["Content-Disposition"]
        assert "Where did it begin?" in answer.content.decode()

    def test_staff_who_may_only_look_can_export_and_not_import(self, heard_journey):
        client = staff_with("view_journey", "view_narrative")
        page = client.get(admin_address(heard_journey, "import_file")).content.decode()
        assert "Export as CSV" in page
        assert 'type="file"' not in page
        upload = {"file": SimpleUploadedFile("journey.json", b"[]")}
        assert client.post(admin_address(heard_journey, "import_file"), upload).status_code == 403
