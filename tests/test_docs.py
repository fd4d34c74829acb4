"""What the pages for operators name is there: each command, and each environment variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parents[1]
PAGES = ["docs/voices.md", "docs/archive.md"]
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")

pytestmark = pytest.mark.any_database


def text_of_page(page: str) -> str:
    return (ROOT / page).read_text()


def commands_in(page: str) -> dict[str, set[str]]:
    """The options that the page gives to each command."""
    found: dict[str, set[str]] = {}
    for line in text_of_page(page).splitlines():
        for named in re.finditer(r"manage\.py (\w+)([^#|`]*)", line):
            found.setdefault(named[1], set()).update(re.findall(r"--[a-z-]+", named[2]))
    return found


def settings_read() -> set[str]:
    """Every name that the code that reads the environment has in quotes."""
    sources = [*(ROOT / "lifereview" / "env").glob("*.py"), ROOT / "lifereview" / "settings.py"]
    return {name for source in sources for name in re.findall(r'"([A-Z][A-Z0-9_]+)"', source.read_text())}


@pytest.mark.parametrize("page", PAGES)
def test_each_command_and_option_on_the_page_exists(page: str) -> None:
    named = commands_in(page)
    assert len(named) >= 2
    for name, options in named.items():
        assert name in get_commands(), f"{page} names manage.py {name}"
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        assert options <= set(parser._option_string_actions), f"{page}: options of {name}"


@pytest.mark.parametrize("page", PAGES)
def test_each_environment_variable_on_the_page_is_read(page: str) -> None:
    named = set(VARIABLE.findall(text_of_page(page)))
    assert named <= settings_read()


def test_the_page_about_voices_names_variables() -> None:
    assert {"TTS_VOICES", "TTS_FALLBACK", "TTS_MODEL_SHUTDOWN"} <= set(
        VARIABLE.findall(text_of_page(PAGES[0]))
    )
