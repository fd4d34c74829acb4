"""Adoption of conflicting rows and of tables with an unexpected shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import transaction

from harness.earlier_databases import BARE, ON_SUPABASE, Found, add_clip, add_file
from ttscache.adoption import plan
from ttscache.adoption.plan_types import AdoptionPlan, CannotAdopt

pytestmark = pytest.mark.any_database

CLIP = Found("Tell me.", "nova", "narrative")
WORDS: dict[str, object] = {"content_hash": CLIP.content_hash, "content_text": CLIP.text, "voice": CLIP.voice}
OTHER = Found("Tell me more.", "nova", "narrative").sound
HALF = CLIP.sound[: len(CLIP.sound) // 2 + 7]
Sql = psycopg.Connection


@pytest.fixture
def found(url: str) -> Iterator[Sql]:
    """The adopted tables without constraints. Rows are inserted here by SQL, not through Django."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BARE.replace("varchar(20) NOT NULL", "varchar(20)"))
        yield connection


@pytest.fixture
def adopt(connection: Any) -> Callable[[], AdoptionPlan]:
    """Adopt the tables, and check that the executed statements are the planned ones."""

    def run() -> AdoptionPlan:
        written: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
            if sql.lstrip().split()[0] in ("ALTER", "CREATE", "DELETE", "INSERT", "UPDATE", "REVOKE"):
                written.append((sql, values))
            return execute(sql, values, many, context)

        planned = plan.preview(connection)
        with connection.execute_wrapper(note), transaction.atomic(using="adopted"):
            done = plan.adopt_tables(connection)
        assert done == planned
        expected = [(each.sql, each.parameters or None) for each in planned.statements]
        assert written == [each for each in expected if not each[0].startswith("SET ")]
        assert plan.preview(connection).statements == [], "there is nothing left to do"
        return done

    return run


def ask(found: Sql, sql: str) -> list[tuple[Any, ...]]:
    return found.execute(sql).fetchall()


def test_adoption_keeps_the_newest_whole_file_of_several(
    found: Sql, adopt: Callable[[], AdoptionPlan]
) -> None:
    found.execute("ALTER TABLE tts_cache_files ADD created_at timestamptz")
    clip = add_clip(found, **WORDS)
    add_file(found, clip, OTHER, created_at="2024-01-01")
    newest_whole = add_file(found, clip, CLIP.sound, created_at="2024-01-02")
    broken = add_file(found, clip, HALF, created_at="2024-01-03")
    done = adopt()

    assert ask(found, "SELECT id::text, file_data FROM tts_cache_files") == [(newest_whole, CLIP.sound)]
    aside = ask(
        found, "SELECT file_data, clip_that_stays::text FROM tts_cache_files_set_aside ORDER BY created_at"
    )
    assert aside == [(OTHER, clip), (HALF, clip)]
    told = "\n".join(done.lines())
    assert f"{CLIP.content_hash}: {clip} stays with file {newest_whole} (whole), not file {broken}" in told
    assert CLIP.text not in told


def test_a_flawed_file_that_decodes_counts_as_whole(found: Sql, adopt: Callable[[], AdoptionPlan]) -> None:
    found.execute("ALTER TABLE tts_cache_files ADD created_at timestamptz")
    clip = add_clip(found, **WORDS)
    tagged = add_file(found, clip, CLIP.sound + bytes(512), created_at="2024-01-01")
    add_file(found, clip, b"<html>", created_at="2024-01-02")
    done = adopt()

    assert ask(found, "SELECT id::text FROM tts_cache_files") == [(tagged,)]
    assert f"{clip} stays with file {tagged} (whole)" in "\n".join(done.lines())


def test_rows_with_one_hash_are_merged_with_the_age_of_the_oldest(
    found: Sql, adopt: Callable[[], AdoptionPlan]
) -> None:
    found.execute("ALTER TABLE tts_cache ADD last_accessed_at timestamp")
    old = add_clip(found, **WORDS, created_at="2023-01-01", last_accessed_at="2025-05-05")
    add_file(found, old, OTHER)
    new = add_clip(found, **WORDS | {"content_hash": CLIP.content_hash.upper()}, created_at="2024-01-01")
    add_file(found, new, CLIP.sound)
    add_clip(found, **WORDS, created_at="2025-01-01")
    adopt()

    assert ask(found, "SELECT id::text, content_hash FROM tts_cache") == [(new, CLIP.content_hash)]
    dates = ask(found, "SELECT created_at::date::text, last_accessed_at::date::text FROM tts_cache")
    assert dates == [("2023-01-01", "2025-05-05")]
    assert ask(found, "SELECT file_data FROM tts_cache_files") == [(CLIP.sound,)]
    assert ask(found, "SELECT count(*) FROM tts_cache_set_aside") == [(2,)]
    assert ask(found, "SELECT file_data FROM tts_cache_files_set_aside") == [(OTHER,)]


def test_without_a_whole_file_adoption_keeps_the_newest_bytes_and_sets_the_others_aside(
    found: Sql, adopt: Callable[[], AdoptionPlan]
) -> None:
    kept = add_clip(found, **WORDS, created_at="2024-01-01")
    add_file(found, kept, HALF)
    add_file(found, add_clip(found, **WORDS, created_at="2023-01-01"), b"noise")
    add_file(found, add_clip(found, **WORDS, created_at="2025-01-01"), b"")
    adopt()

    assert ask(found, "SELECT cache_id::text, file_data FROM tts_cache_files") == [(kept, HALF)]
    aside = ask(found, "SELECT file_data FROM tts_cache_files_set_aside ORDER BY 1")
    assert aside == [(b"",), (b"noise",)]


def test_a_row_with_other_words_under_the_same_hash_never_wins(
    found: Sql, adopt: Callable[[], AdoptionPlan]
) -> None:
    right = add_clip(found, **WORDS, created_at="2023-01-01")
    add_file(found, right, CLIP.sound)
    wrong = add_clip(found, **WORDS | {"voice": "onyx"}, created_at="2024-01-01")
    add_file(found, wrong, OTHER)
    adopt()

    assert ask(found, "SELECT voice, file_data FROM tts_cache c JOIN tts_cache_files ON cache_id = c.id") == [
        ("nova", CLIP.sound)
    ]


def test_files_without_a_clip_are_set_aside_whole(found: Sql, adopt: Callable[[], AdoptionPlan]) -> None:
    adrift = add_file(found, "00000000-0000-0000-0000-000000000001", CLIP.sound)
    homeless = add_file(found, None, OTHER)
    wordless = add_file(found, add_clip(found, content_hash="x", voice="nova"), b"whose?")
    done = adopt()

    assert ask(found, "SELECT count(*) FROM tts_cache_files") == [(0,)]
    aside = ask(found, "SELECT id::text, file_data, file_size FROM tts_cache_files_set_aside")
    assert sorted(aside) == sorted(
        [(adrift, CLIP.sound, len(CLIP.sound)), (homeless, OTHER, len(OTHER)), (wordless, b"whose?", 6)]
    )
    assert ask(found, "SELECT content_hash FROM tts_cache_set_aside") == [("x",)]
    assert "3 rows move to tts_cache_files_set_aside: without a clip" in "\n".join(done.lines())


def test_adoption_leaves_a_hash_of_another_kind_as_it_is(
    found: Sql, adopt: Callable[[], AdoptionPlan]
) -> None:
    add_file(found, add_clip(found, **WORDS | {"content_hash": "e" * 64}), CLIP.sound)
    done = adopt()

    assert ask(found, "SELECT content_hash FROM tts_cache") == [("e" * 64,)]
    assert "1 rows have a hash that does not match text and voice" in "\n".join(done.lines())


def test_adoption_fills_gaps_and_corrects_wrong_sizes(found: Sql, adopt: Callable[[], AdoptionPlan]) -> None:
    clip = add_clip(found, **WORDS | {"content_hash": None})
    add_file(found, clip, CLIP.sound, file_size=1)
    add_file(found, add_clip(found, content_hash="0", content_text="Hm", voice="a" * 90), None)
    done = adopt()

    rows = ask(found, "SELECT content_type, is_active, created_at IS NULL FROM tts_cache")
    assert rows == [("narrative", True, False)] * 2
    assert ask(found, "SELECT content_hash FROM tts_cache WHERE voice = 'nova'") == [(CLIP.content_hash,)]
    sizes = ask(found, "SELECT file_data, file_size FROM tts_cache_files ORDER BY 2")
    assert sizes == [(b"", 0), (CLIP.sound, len(CLIP.sound))]
    assert "found with 2 rows: 2 clips, 1 with bytes" in "\n".join(done.lines())


def test_a_foreign_column_with_one_of_our_names_is_kept_under_another(
    found: Sql, adopt: Callable[[], AdoptionPlan]
) -> None:
    add_clip(found, **WORDS, model="tts-1")
    adopt()

    assert ask(found, "SELECT model_found, row_number FROM tts_cache") == [("tts-1", 1)]


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("CREATE VIEW clips AS SELECT created_at FROM tts_cache", "the view clips uses it"),
        ("ALTER TABLE tts_cache_files ALTER file_data TYPE text", "file_data is text instead of bytea"),
        ("ALTER TABLE tts_cache_files DROP file_data", "no column file_data"),
    ],
)
def test_adoption_says_what_it_cannot_adopt(trouble: str, says: str, found: Sql, connection: Any) -> None:
    found.execute(trouble)
    with pytest.raises(CannotAdopt, match=says):
        plan.preview(connection)


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("ALTER TABLE tts_cache OWNER TO postgres", "tts_cache belongs to the role postgres"),
        ("ALTER TABLE tts_cache FORCE ROW LEVEL SECURITY", "hides its rows from its owner as well"),
    ],
)
def test_adoption_changes_nothing_without_rights_on_a_table(
    trouble: str, says: str, url: str, connection: Any
) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = 'product'").fetchone():
            admin.execute("CREATE ROLE product LOGIN")
        admin.execute("GRANT ALL ON SCHEMA public TO product")
        admin.execute("SET ROLE product")
        admin.execute(ON_SUPABASE)
        admin.execute("RESET ROLE")
        admin.execute(trouble)
    connection.settings_dict["USER"] = "product"
    with pytest.raises(CannotAdopt, match=says):
        plan.preview(connection)
