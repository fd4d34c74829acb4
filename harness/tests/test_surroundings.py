"""The suite reads no setting of the developer who runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from harness.surroundings import unset_settings
from lifereview.env.reader import Environment

pytestmark = pytest.mark.any_database


def test_settings_of_the_environment_and_of_an_env_file_are_unset(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("REFLECTION_MODEL=from-the-file\nTTS_MAX_CHARS=12\nPATH=/from/the/file\n")
    environ = {"HELP_LINE_NAME": "from the environment", "TTS_MAX_CHARS": "13", "PATH": "/usr/bin"}

    unset_settings(environ, env_file)

    read = Environment({**{name: value or "" for name, value in dotenv_values(env_file).items()}, **environ})
    assert read.text("HELP_LINE_NAME", "default") == "default"
    assert read.text("REFLECTION_MODEL", "default") == "default"
    assert read.integer("TTS_MAX_CHARS", 7, least=1, most=100) == 7
    assert environ["PATH"] == "/usr/bin"
