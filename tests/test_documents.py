"""README, CONTRIBUTING, CHANGELOG and docs/ name only things that exist. The examples of docs/api.md run in
test_api_examples.py, and docs/configuration.md is compared in lifereview/tests/env/test_variables.py."""

from __future__ import annotations

import importlib.util
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import URLPattern, get_resolver, resolve
from rest_framework.exceptions import MethodNotAllowed

from harness.process import PROJECT
from lifereview.env.throttles import RATES
from lifereview.env.variables import all_variables
from lifereview.server.server_errors import ANSWERS
from ttscache.api.base import NotFoundView
from ttscache.api.gateway.base import UnknownGatewayView
from ttscache.errors import SpeechError

pytestmark = pytest.mark.any_database

README, CONTRIBUTING = PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"
API = PROJECT / "docs" / "api.md"
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), PROJECT / "bench" / "README.md"])
ROOMS = ("lifereview", "narratives", "ttscache", "tests", "harness", "bench", "deploy", "docs", "templates")
TOP_FOLDERS = ("lifereview", "templates", "tests", "harness", "bench")
PARTS_WITHOUT_A_ROW = {"tests", "migrations", "templates", "templatetags", "static", "__pycache__"}
NOWHERE = (NotFoundView, UnknownGatewayView)
NO_EXAMPLE_NEEDED = {""}  # the listeners' page
# No request can cause these: the site chooses format and speed itself, and the tiers are behind the cache.
WITHIN_THE_SITE = {"speech_error", "unknown_format", "speed_out_of_range", "tier_error"}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMENT = re.compile(r"\s# .*$", re.MULTILINE)
ADDRESS = re.compile(r"(?:^|[\s`])(/(?:api|v1|admin|readyz|metrics)[^\s`?]*)")
OF_THE_ENVIRONMENT = re.compile(
    r"\b(?:TTS|AWS|OPENAI|REFLECTION|WEB|DATABASE|REDIS|CSRF|SECRET|EMAIL|ALERT|DJANGO_SUPERUSER)"
    r"_[A-Z0-9_]*[A-Z0-9]\b"
)

DEFINITION = {  # by the ending of the file
    ".py": r"^\s*(?:async )?(?:def|class) NAME\b|^NAME(?:: [^=\n]+)? = ",
    ".js": r"^(?:export )?(?:async )?(?:function|const|class) NAME\b",
}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


def fenced(page: Path, *languages: str) -> list[str]:
    """Return the code blocks in these languages (default: all) without comments."""
    blocks = FENCE.findall(page.read_text())
    return [COMMENT.sub("", code) for language, code in blocks if not languages or language in languages]


def inline(page: Path) -> list[str]:
    return [" ".join(code.split()) for code in INLINE.findall(FENCE.sub("", page.read_text()))]


def code(page: Path) -> list[str]:
    """Return every inline piece of code and every line of a code block."""
    return [*inline(page), *(line for block in fenced(page) for line in block.splitlines())]


def headings(page: Path) -> set[str]:
    """Return the headings as GitHub writes them in addresses."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def rows_of(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the tables under this heading, without the first two lines of each."""
    section = page.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n?)+", section, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()[2:]]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def addresses(page: Path) -> Iterator[str]:
    """Return the addresses of this site that a page names, with an example for each <placeholder>."""
    for piece in code(page):
        for address in ADDRESS.findall(f" {piece}"):
            if "…" in address:
                continue
            with_hash = address.replace("<content_hash>.<format>", f"{'0' * 32}.mp3")
            yield re.sub(r"<\w+>", str(uuid.UUID(int=0)), with_hash).rstrip(".,)")


def subclasses_of(error: type[SpeechError]) -> Iterator[type[SpeechError]]:
    """Return the errors of the product below this one, without those that tests define."""
    for each in error.__subclasses__():
        if ".tests." not in each.__module__ and each.__module__.startswith(("ttscache.", "narratives.")):
            yield each
            yield from subclasses_of(each)


def test_the_readme_is_at_most_150_lines() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_the_readme_leads_to_every_page() -> None:
    linked = {(README.parent / target.split("#")[0]).resolve() for target in LINK.findall(README.read_text())}

    assert not {page for page in PAGES if page != README} - linked


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        (README, "The first ten settings"),
        (README, "Where to read on"),
        (CONTRIBUTING, "The rooms"),
        (CONTRIBUTING, "The vocabulary"),
        (CONTRIBUTING, "Where to find"),
        (API, "Errors"),
    ],
)
def test_no_table_of_a_document_has_two_rows_for_the_same_thing(page: Path, heading: str) -> None:
    rows = rows_of(page, heading)
    first_cells = [cells[0] for cells in rows]

    assert len(rows) > 5
    assert sorted(first_cells) == sorted(set(first_cells))


@every_page
def test_links_of_a_document_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


@every_page
def test_commands_named_in_a_document_exist_and_have_the_named_options(page: Path) -> None:
    for piece in code(page):
        for name, rest in re.findall(r"manage\.py ([a-z]\w*)([^|>&]*)", piece):
            assert name in get_commands(), name
            app = get_commands()[name]
            command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
            taken = command.create_parser("manage.py", name)._option_string_actions
            for option in re.findall(r"--[a-z][a-z-]*", rest):
                assert option in taken, f"{name} {option}"


@every_page
def test_make_targets_and_modules_named_in_a_document_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    for piece in code(page):
        for target in re.findall(r"^make ([a-z-]+)", piece):
            assert target in targets, target
        for module in re.findall(r"python -m ((?:harness|bench)[\w.]*)", piece):
            assert importlib.util.find_spec(module), module


@every_page
def test_pages_that_call_python_say_which_one(page: Path) -> None:
    calls_python = any(re.match(r"python (?:-m|manage\.py) ", piece.lstrip()) for piece in code(page))

    assert not calls_python or ".venv/bin/python" in page.read_text()


@every_page
def test_files_and_folders_named_in_a_document_exist(page: Path) -> None:
    for piece in code(page):
        for path in re.findall(rf"(?<![\w/.-])(?:{'|'.join(ROOMS)})/[\w./-]*", piece):
            assert (PROJECT / path.rstrip(".")).exists(), path
        for path, test in re.findall(r"([\w/]+\.py)::(\w+)", piece):
            assert f"def {test}(" in (PROJECT / path).read_text(), test


@every_page
def test_variables_named_in_a_document_are_read_by_the_code(page: Path) -> None:
    known = {variable.name for variable in all_variables()}
    set_in_blocks = {line.split("=")[0] for block in fenced(page, "ini") for line in block.splitlines()}
    set_inline = {name for piece in inline(page) for name in re.findall(r"^([A-Z][A-Z0-9_]+)=", piece)}
    named = {name for piece in code(page) for name in OF_THE_ENVIRONMENT.findall(piece)}

    assert not (set_in_blocks | set_inline | named) - known


@every_page
def test_addresses_named_in_a_document_are_answered(page: Path) -> None:
    for address in addresses(page):
        view = resolve(address).func
        assert getattr(view, "view_class", None) not in NOWHERE, address


def test_the_api_page_has_every_address_of_the_site() -> None:
    named = {resolve(address).route for address in addresses(API)}
    routes = {
        str(each.pattern)
        for part in get_resolver().url_patterns
        for each in (part.url_patterns if not isinstance(part, URLPattern) else [part])
        if getattr(part, "namespace", None) != "admin"
        and getattr(getattr(each, "callback", None), "view_class", None) not in NOWHERE
    }

    ours = {route for route in routes if not route.startswith("admin")}  # people follow the links there
    assert not ours - named - NO_EXAMPLE_NEEDED


def test_the_api_page_has_exactly_the_error_codes_of_the_code_with_their_status() -> None:
    """Compares the page with the error classes and with every `error_response(404, "not_found", ...)`."""
    sources = "".join(path.read_text() for path in (PROJECT / "ttscache" / "api").glob("*.py"))
    answered = {(status, code) for status, code in re.findall(r'error_response\((\d+), "(\w+)"', sources)}
    speech_errors: set[type[SpeechError]] = {SpeechError, *subclasses_of(SpeechError)}
    answered |= {(str(each.status), each.code) for each in speech_errors if each.code not in WITHIN_THE_SITE}
    answered |= {(str(status), code) for status, (code, _) in ANSWERS.items()} | {("411", "length_required")}
    answered |= {("401", "not_authenticated"), ("405", str(MethodNotAllowed.default_code))}
    named = {
        (status, code)
        for status, codes in rows_of(API, "Errors")
        for code in re.findall(r"`([a-z_]+)`", f"`{codes}`")  # `rows_of` strips the outer marks
    }

    assert named == answered


def test_the_rates_of_the_reflections_page_are_the_defaults_of_the_code() -> None:
    rows = rows_of(PROJECT / "docs" / "reflections.md", "Throttles")

    assert {name: rate for name, rate, _ in rows} == RATES


def test_the_rates_of_the_api_page_and_of_the_table_of_variables_are_the_defaults_of_the_code() -> None:
    text = " ".join(API.read_text().split())
    tokens, strangers = (RATES[name].removesuffix("/min") for name in ("generation", "anonymous_generation"))
    row = next(each for each in all_variables() if each.name == "THROTTLE_RATES")
    examples = re.findall(r"(\w+)=(\d+/\w+)", row.default)

    assert f"{tokens} a minute for a token, {strangers} for a stranger." in text
    assert examples
    assert dict(examples).items() <= RATES.items()


def test_each_row_of_where_to_find_names_a_file_that_contains_its_name() -> None:
    rows = rows_of(CONTRIBUTING, "Where to find")

    assert len(rows) >= 20
    for question, path, name in rows:
        if name:
            definition = DEFINITION[Path(path).suffix].replace("NAME", name)
            assert re.search(definition, (PROJECT / path).read_text(), re.MULTILINE), question
        else:
            assert (PROJECT / path).is_dir(), question


def test_every_room_has_a_row_in_contributing() -> None:
    listed = [path for path, _ in rows_of(CONTRIBUTING, "The rooms")]
    rooms = {
        f"{folder.relative_to(PROJECT)}/"
        for part in ("ttscache", "narratives")
        for folder in (PROJECT / part).iterdir()
        if folder.is_dir() and folder.name not in PARTS_WITHOUT_A_ROW
    }

    rooms |= {f"{folder}/" for folder in TOP_FOLDERS}

    assert not rooms - set(listed)
    assert not [path for path in listed if not (PROJECT / path).is_dir()]
