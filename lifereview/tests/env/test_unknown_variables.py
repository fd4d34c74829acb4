"""A variable that looks like ours and is unknown is named, with the nearest known one."""

from __future__ import annotations

import pytest

from lifereview.env.unknown_variables import unknown_variables, warning_about
from lifereview.env.variables import all_variables

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TTS_MODLE", "TTS_MODEL"),
        ("TTS_MEMORY_BYTE", "TTS_MEMORY_BYTES"),
        ("tts_model", "TTS_MODEL"),
        ("TTS_XQZKWJ", ""),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("AWS_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"),
        ("WEB_THREAD", "WEB_THREADS"),
        ("HELPLINE_NUMBER", "HELP_LINE_NUMBER"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("SECRETKEY", "SECRET_KEY"),
        ("DJANGO_SUPERUSER_NAME", "DJANGO_SUPERUSER_USERNAME"),
    ],
)
def test_an_unknown_variable_is_found_with_the_nearest_known_one(name: str, nearest: str) -> None:
    assert unknown_variables([name, "TTS_MODEL", "HOME"]) == {name: nearest}


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE", "AWS_REGION", "OPENAI_ORG_ID", "DJANGO_SETTINGS_MODULE", "HOSTNAME", "EMAIL", "PORTS",
        "REDIS_SERVICE_HOST", "DATABASE_PORT", "POSTGRES_PASSWORD", "LOCALE", "TERM", "VARDIR",
        "SSL_CERT_FILE", "PYTHONUNBUFFERED", "WEB_CONCURRENCY", "http_proxy", "LOG_LEVEL", "HOSTS",
    ],
)  # fmt: skip
def test_a_variable_of_another_program_is_not_mistaken_for_ours(name: str) -> None:
    assert unknown_variables([name]) == {}


def test_no_known_variable_is_unknown() -> None:
    assert unknown_variables(variable.name for variable in all_variables()) == {}


def test_the_warning_is_one_line_and_there_is_none_without_an_unknown_variable() -> None:
    assert warning_about(unknown_variables(["TTS_MODLE", "TTS_XQZKWJ"])) == (
        "These variables are unknown and change nothing: TTS_MODLE (did you mean TTS_MODEL?), TTS_XQZKWJ."
    )
    assert warning_about({}) == ""
