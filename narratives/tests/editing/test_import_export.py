from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from harness.admin_pages import heard
from harness.journey_files import A_ROW, a_file, rows_of
from narratives import publishing
from narratives.editing import import_export
from narratives.models import Journey, Narrative, Pronunciation
from ttscache.models import Clip, WarmRun

pytestmark = pytest.mark.django_db


def problems(content: bytes) -> list[tuple[int, str]]:
    return [(problem.row, problem.field) for problem in import_export.parse_file(content).problems]


@pytest.mark.parametrize("write", [import_export.as_json, import_export.as_csv], ids=["JSON", "CSV"])
def test_an_export_is_imported_without_a_difference(heard_journey: Journey, write: Any) -> None:
    Narrative.objects.filter(kind="question").update(text='=Where, "there"?\n\nIt began, so.')
    Pronunciation.objects.create(word="Siobhan", say_as="Shivawn")
    difference = import_export.compare(heard_journey, import_export.parse_file(write(heard_journey).encode()))
    assert (difference.is_empty, difference.problems) == (True, ())
    assert len(difference.unchanged) == 3


@pytest.mark.parametrize("text", ["'=Where?", "''=Where?", "'-so", "'Tis so."])
def test_an_apostrophe_at_the_start_of_a_text_survives_a_csv_round_trip(
    heard_journey: Journey, text: str
) -> None:
    Narrative.objects.filter(kind="question").update(text=text, title=text)
    sheet = import_export.as_csv(heard_journey).encode()
    difference = import_export.compare(heard_journey, import_export.parse_file(sheet))
    assert (difference.is_empty, difference.problems) == (True, ())


@pytest.mark.parametrize(
    "write",
    [
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace("'", "\u2019").replace("-", "\u2011").replace(" ", "\u00a0"),
        lambda text: "\u200b".join(text) + "\ufeff",
    ],
    ids=["decomposed", "typographic", "invisible"],
)
def test_a_text_in_another_form_is_no_difference_at_import(
    heard_journey: Journey, write: Callable[[str], str]
) -> None:
    text = "José's Café-Bar was there."
    Narrative.objects.filter(kind="question").update(text=text, title=text)
    Pronunciation.objects.create(word="José", say_as="Ho-zay")
    rows = rows_of(heard_journey)
    for row in rows:
        row |= {name: write(row[name]) for name in ("title", "text")}
    content = a_file(rows, lexicon=[{"word": write("josé"), "say_as": write("Ho-zay")}])
    difference = import_export.compare(heard_journey, import_export.parse_file(content))
    assert (difference.is_empty, difference.problems) == (True, ())


def test_a_decomposed_text_that_was_stored_earlier_is_no_difference_either(heard_journey: Journey) -> None:
    Narrative.objects.filter(kind="question").update(text="Jose\u0301", title="Jose\u0301")
    rows = [row | {"text": row["text"].replace("e\u0301", "é")} for row in rows_of(heard_journey)]
    assert import_export.compare(heard_journey, import_export.parse_file(a_file(rows))).is_empty


def test_an_imported_text_is_kept_composed_and_has_the_clip_of_the_composed_text(
    heard_journey: Journey,
) -> None:
    files = ("Jose\u0301 at the Cafe\u0301.", "José at the Café.")
    hashes = set()
    for text in files:
        rows = rows_of(heard_journey)
        rows[1]["text"] = text
        import_export.import_into_drafts(heard_journey, import_export.parse_file(a_file(rows)))
        question = heard_journey.narratives.get(slug="question")
        assert question.text == files[1]
        hashes.add(question.draft_speech("nova").content_hash)
    assert len(hashes) == 1


def test_an_export_has_no_cell_that_is_a_formula(heard_journey: Journey) -> None:
    Narrative.objects.filter(kind="question").update(text="=HYPERLINK(1)")
    cells = [row["text"] for row in csv.DictReader(io.StringIO(import_export.as_csv(heard_journey)))]
    assert "'=HYPERLINK(1)" in cells


def test_an_import_tells_added_changed_missing_and_unchanged_texts_apart(heard_journey: Journey) -> None:
    rows = rows_of(heard_journey)
    rows[1]["text"] = "Where did it all begin?"
    rows[2] = {"slug": "new", "kind": "question", "title": "New", "text": "And then?"}
    told = import_export.compare(heard_journey, import_export.parse_file(a_file(rows)))
    assert [each.slug for each in told.added] == ["new"]
    assert [each.narrative.slug for each in told.changed] == ["question"]
    assert [each.slug for each in told.not_in_file] == ["outro"]
    assert [each.slug for each in told.unchanged] == ["intro"]


def test_an_import_writes_drafts_and_changes_nothing_for_listeners(heard_journey: Journey) -> None:
    before, clips = heard(Client()), Clip.objects.count()
    rows = list(reversed(rows_of(heard_journey)))
    rows[1]["text"] = "Where did it all begin?"
    rows.insert(1, {"slug": "new", "kind": "question", "title": "New", "text": "And then?"})
    import_export.import_into_drafts(heard_journey, import_export.parse_file(a_file(rows)))
    assert heard(Client()) == before
    assert (Clip.objects.count(), WarmRun.objects.count()) == (clips, 0)
    assert heard_journey.narratives.get(slug="question").text == "Where did it all begin?"
    assert [each.slug for each in heard_journey.narratives.all()] == ["outro", "new", "question", "intro"]


def test_an_import_gives_the_draft_the_order_of_the_file(heard_journey: Journey) -> None:
    import_export.import_into_drafts(
        heard_journey, import_export.parse_file(a_file(list(reversed(rows_of(heard_journey)))))
    )
    assert [each.slug for each in heard_journey.narratives.all()] == ["outro", "question", "intro"]


def test_an_export_includes_the_lexicon(heard_journey: Journey) -> None:
    Pronunciation.objects.create(word="siobhan", say_as="Shivvy")
    lexicon = [{"word": "Siobhan", "say_as": "Shivawn"}, {"word": "Niamh", "say_as": "Neev", "voice": "onyx"}]
    told = import_export.import_into_drafts(
        heard_journey, import_export.parse_file(a_file(rows_of(heard_journey), lexicon=lexicon))
    )
    assert len(told.words_said_otherwise) == 2
    assert sorted(Pronunciation.objects.values_list("say_as", flat=True)) == ["Neev", "Shivawn"]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ([A_ROW | {"text": " "}], [(1, "text")]),
        ([A_ROW, A_ROW | {"slug": "b", "kind": "answer"}], [(2, "kind")]),
        ([A_ROW | {"text": "\u200b"}], [(1, "text")]),
        ([A_ROW | {"title": "x" * 201}], [(1, "title")]),
        ([A_ROW | {"slug": "no slug"}], [(1, "slug")]),
        ([A_ROW, A_ROW], [(2, "slug")]),
        ([A_ROW | {"position": "first"}], [(1, "position")]),
        ([A_ROW | {"position": "²"}], [(1, "position")]),
        ([A_ROW | {"title": "\x00"}], [(1, "title")]),
        ([A_ROW | {"text": "\ud800"}], [(1, "text")]),
        ([A_ROW | {"title": "", "kind": ""}], [(1, "kind"), (1, "title")]),
    ],
    ids=[
        "no words",
        "nothing to say",
        "kind",
        "long title",
        "slug",
        "twice",
        "position",
        "exponent",
        "nul",
        "half",
        "two fields",
    ],
)
def test_import_errors_name_row_and_field(wrong: list[dict[str, Any]], where: Any) -> None:
    assert problems(a_file(wrong)) == where


@pytest.mark.any_database
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[" + b"9" * 5_000,
        b"[]",
        b"{",
        b'{"format": "other"}',
        b"slug,title\na,A\n",
        b"",
        a_file([1]),  # type: ignore[list-item]
    ],
    ids=[
        "bytes",
        "without end",
        "a long number",
        "a list",
        "cut off",
        "another format",
        "columns",
        "nothing",
        "no objects",
    ],
)
def test_an_import_of_another_file_type_is_refused_in_a_sentence(content: bytes) -> None:
    assert problems(content) == [(0, "file")]


def test_an_import_with_a_wrong_position_is_refused() -> None:
    sheet = "slug,kind,position,title,text\na,question,²,A,Why?\n"
    assert problems(sheet.encode()) == [(1, "position")]


def test_an_imported_kind_reaches_listeners_when_it_is_published(heard_journey: Journey) -> None:
    def kinds() -> list[str]:
        return [each["kind"] for each in Client().get("/api/narratives").json()["narratives"]]

    rows = rows_of(heard_journey)
    rows[1]["kind"] = "outro"
    import_export.import_into_drafts(heard_journey, import_export.parse_file(a_file(rows)))
    assert kinds() == ["intro", "question", "outro"]
    publishing.publish_journey(heard_journey)
    assert kinds() == ["intro", "outro", "outro"]


def test_texts_that_an_import_leaves_out_keep_their_places(heard_journey: Journey) -> None:
    rows = rows_of(heard_journey)[1:2]
    import_export.import_into_drafts(heard_journey, import_export.parse_file(a_file(rows)))
    assert [each.slug for each in heard_journey.narratives.all()] == ["intro", "question", "outro"]
