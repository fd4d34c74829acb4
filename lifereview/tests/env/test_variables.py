"""The table of environment variables, the code that reads them and docs/configuration.md agree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifereview import settings
from lifereview.env.reader import Environment, VariableRule
from lifereview.env.variables import all_variables, configuration_page

pytestmark = pytest.mark.any_database

SETTINGS_CODE = [settings.BASE_DIR / "lifereview" / "settings.py"]
ENV_CODE = sorted((settings.BASE_DIR / "lifereview" / "env").glob("*.py"))
READERS = {
    "text", "flag", "integer", "number", "optional_number", "byte_count", "choice", "matching", "words",
    "writable_folder", "url", "sendable",
}  # fmt: skip


def names_read_in(path: Path) -> Iterator[str]:
    """Return the first argument of every `env.integer("NAME", ...)`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        name = node.args[0]
        is_reading = node.func.attr in READERS and ast.unparse(node.func.value) == "env"
        if is_reading and isinstance(name, ast.Constant):
            yield str(name.value)


def test_every_variable_that_the_settings_read_has_a_row_and_every_row_is_read() -> None:
    rows = [variable.name for variable in all_variables()]

    assert len(rows) == len(set(rows))
    assert set(rows) == set(settings.env.rules)


def test_a_variable_that_is_read_only_sometimes_has_a_row_too() -> None:
    named = {name for path in (*SETTINGS_CODE, *ENV_CODE) for name in names_read_in(path)}

    assert len(named) > 30
    assert not named - {variable.name for variable in all_variables()}


def test_the_configuration_page_is_what_the_command_prints() -> None:
    page = (settings.BASE_DIR / "docs" / "configuration.md").read_text()

    assert page == configuration_page(settings.env.rules), (
        "Run: python manage.py configuration > docs/configuration.md"
    )


def test_every_row_says_what_is_allowed_and_names_no_folder_of_this_machine() -> None:
    page = configuration_page(settings.env.rules)

    assert not [row for row in page.splitlines() if "|  |" in row]
    assert str(settings.BASE_DIR) not in page


def test_the_reader_notes_the_default_and_what_is_allowed() -> None:
    env = Environment({"SIZE": "5M", "RATE": "2"})
    env.integer("COUNT", 5, least=1, most=9)
    env.byte_count("SIZE", 64 * 1024**2)
    env.optional_number("RATE", least=0, most=10)
    env.url("ADDRESS", schemes=["http", "https"])

    assert env.rules == {
        "COUNT": VariableRule("5", "a whole number from 1 to 9"),
        "SIZE": VariableRule("64MiB", "a number of bytes, such as 67108864 or 64MiB"),
        "RATE": VariableRule("", "a number from 0 to 10"),
        "ADDRESS": VariableRule("", "begins with http:// or https://"),
    }


def test_of_two_readings_of_a_variable_the_stricter_one_is_noted() -> None:
    env = Environment({})
    env.text("BUCKET")
    env.matching("BUCKET", r"\w+", "the name of a bucket")
    env.text("BUCKET")

    assert env.rules["BUCKET"].allowed == "the name of a bucket"
