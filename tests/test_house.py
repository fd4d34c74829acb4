"""The layout and the vocabulary of the project, as rules that a change can break."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("lifereview", "narratives", "ttscache")
SHARED_BY_DJANGO = {"Command", "Migration"}  # Django finds these classes by their name
ENTRY_POINTS = {"main", "measure"}  # each file in bench/rows/ has a `measure`
LINES_OF_A_COPY = 3  # a helper of tests that is shorter may stand in two modules
NO_DOMAIN = {
    "accounts",
    "admin",
    "staff",
    "templatetags",
    "management",
    "migrations",
    "tests",
}  # folders of an app
MOST_CHARACTERS_OF_A_LINE = 160  # in a template

pytestmark = pytest.mark.any_database


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts


class Outline(NamedTuple):
    """The parts of a module that these rules are about. The whole tree would take much memory."""

    imported: list[str]
    top_level: list[str]  # classes and functions
    functions: list[str]  # at every depth
    docstrings: list[str]
    helpers: list[tuple[str, int]]  # functions that are no tests: their names, and hashes of what they do


@cache
def outline(path: Path) -> Outline:
    tree = ast.parse(path.read_text())
    found = Outline([], [], [], [], [])
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        # Expressions hold none of these statements, and are most of a tree.
        nodes += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        if isinstance(node, ast.Import):
            found.imported.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.imported.append(node.module)
            found.imported.extend(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.docstrings.append(ast.get_docstring(node) or "")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.functions.append(node.name)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("test_"):
            body = node.body[ast.get_docstring(node) is not None :]
            if body and (body[-1].end_lineno or 0) - body[0].lineno + 1 >= LINES_OF_A_COPY:
                found.helpers.append((node.name, hash("".join(map(ast.dump, body)))))
    found.top_level.extend(
        node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    )
    return found


def test_classes_and_public_functions_have_unique_names() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in python_files(*PRODUCT, "harness", "bench"):
        if is_test(path) or "migrations" in path.parts:
            continue
        for name in outline(path).top_level:
            if not name.startswith("_"):
                places[name].append(str(path.relative_to(ROOT)))
    shared = {name: found for name, found in places.items() if len(found) > 1}
    assert not {name: shared[name] for name in shared.keys() - SHARED_BY_DJANGO - ENTRY_POINTS}


def test_helpers_are_imported_from_the_harness_and_never_from_a_test_module_or_a_conftest() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "conftest.py", *python_files(*PRODUCT, "harness", "bench", "tests"))
        for module in outline(path).imported
        if module.split(".")[0] in (*PRODUCT, "harness", "bench", "tests", "conftest")
        and any(part.startswith("test_") or part == "conftest" for part in module.split("."))
    ]
    assert not found


def test_tests_of_an_app_stand_in_folders_that_mirror_its_packages() -> None:
    of_no_package = [
        path.relative_to(ROOT)
        for app in PRODUCT
        for path in sorted((ROOT / app / "tests").rglob("test_*.py"))
        if not (ROOT / app / path.relative_to(ROOT / app / "tests").parent / "__init__.py").exists()
    ]
    at_the_top_and_of_a_package = [
        f"{path.relative_to(ROOT)}: {module.relative_to(ROOT)}"
        for app in PRODUCT
        for path in sorted((ROOT / app / "tests").glob("test_*.py"))
        for module in python_files(app)
        if module.name == path.name.removeprefix("test_") and module.parent != ROOT / app
        if not is_test(module) and not (ROOT / app / module.name).exists()
    ]
    assert {path.parent for path in of_no_package} == {Path("narratives/tests/listener/page")}  # HTML and JS
    assert not at_the_top_and_of_a_package


def test_no_helper_of_tests_stands_in_two_modules() -> None:
    places: defaultdict[int, list[str]] = defaultdict(list)
    for path in python_files(*PRODUCT, "harness", "tests"):
        if is_test(path) or path.is_relative_to(ROOT / "harness"):
            for name, body in outline(path).helpers:
                places[body].append(f"{path.relative_to(ROOT)}: {name}")
    assert not [found for found in places.values() if len(found) > 1]


def test_migrations_import_no_code_that_changes_with_the_product() -> None:
    allowed = ("ttscache.adoption",)  # written for these migrations and used nowhere else
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files(*PRODUCT)
        if path.parent.name == "migrations"
        for module in outline(path).imported
        if module.split(".")[0] in PRODUCT and not module.startswith(allowed)
    ]
    assert not found


def test_the_adoption_of_earlier_tables_imports_no_models() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files("ttscache/adoption")
        for module in outline(path).imported
        if module.startswith(("ttscache.models", "narratives"))
    ]
    assert not found


@pytest.mark.parametrize(
    "folder",
    [
        f"{app}/{folder.name}"
        for app in PRODUCT
        for folder in sorted((ROOT / app).iterdir())
        if (folder / "__init__.py").exists() and folder.name not in NO_DOMAIN
    ],
)
def test_domain_modules_make_no_html(folder: str) -> None:
    makers = ("django.utils.html", "django.utils.safestring", "django.template")
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files(folder)
        for module in outline(path).imported
        if module.startswith(makers)
    ]
    assert not found


def test_no_line_of_a_template_is_longer_than_160_characters() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)} characters"
        for path in sorted(ROOT.glob("**/templates/**/*.html"))
        if ".venv" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > MOST_CHARACTERS_OF_A_LINE
    ]
    assert not found


# --- words: one meaning each, the field's own -------------------------------------------------------------
# Names that had a plainer or a more usual one; CONTRIBUTING.md has the vocabulary. Words that are also good
# for something else, such as `heard` or `lines`, are not among them.
RETIRED_NAMES = """
    AllTime AskedQuestion Book Claim Claims ClipDay Counting Deeds FREQUENT Further Held Holding Keeper
    LastCall Leftover LocalCopies LookOnly MeanwhileForm NotAskedFor Otherwise Press REMOVALS_KEPT Removal
    SoundStart Speaker Spoken Wanted
    _await _call_for_hands _fix _found_here_only _give_up _unclaimed
    add_bank_sounds all_is_spoken analytics answering books break_off by_itself care_by_rules care_needed
    claim_of_this_process claimant find_for_all forget_removed give_back has_agreed has_moved has_said_yes
    hasten hold_clips holdings hurry is_again is_asked_for_now is_claimant_dead is_now_kept kept_at kept_in
    local_copies not_asked_for one_at_a_time pronouncing pullers pulling switch_what_is_ready tidy_daily
    tried_out were_asked_for worth worth_microusd
"""
RETIRED_MODULES_OF_TTSCACHE = {"cleanup", "examining", "figures", "marker", "tidying"}


def identifiers(path: Path) -> Iterator[str]:
    """The names that a module defines, uses or imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case ast.alias():
                yield from (*node.name.split("."), node.asname or "")


def test_retired_words_do_not_come_back_as_names() -> None:
    retired = RETIRED_NAMES.split()
    any_of_them = re.compile(rf"\b(?:{'|'.join(retired)})\b")
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in python_files(*PRODUCT, "harness", "bench")
        if "migrations" not in path.parts and any_of_them.search(path.read_text())
        for name in sorted(set(retired).intersection(identifiers(path)))
    ]
    assert not found


def test_retired_words_do_not_come_back_as_modules_of_the_speech_cache() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in python_files("ttscache")
        if path.parent.name != "templatetags"  # Django loads those by their name
        and RETIRED_MODULES_OF_TTSCACHE.intersection((path.stem, path.parent.name))
    ]
    assert not found


# --- plain English ----------------------------------------------------------------------------------------
CODE = (*PRODUCT, "harness", "bench", "tests")
OPENINGS = re.compile(
    r"(?:The same|Whoever|Whose|Who|What|Of|Those|For what|In wh(?:at|ich)|One that|It|They"
    r"|As (?:it|they|the))\b"
)
SUBJECTLESS_NAME = re.compile(r"test_(?:it|its|they|their|one|what|who|whoever|those)_")


def test_no_docstring_opens_with_words_that_hide_its_subject() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path in (ROOT / "conftest.py", *python_files(*CODE))
        for text in outline(path).docstrings
        if OPENINGS.match(text)
    ]
    assert not found


def test_the_name_of_a_test_says_what_it_is_about() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in python_files(*CODE)
        for name in outline(path).functions
        if SUBJECTLESS_NAME.match(name)
    ]
    assert not found
