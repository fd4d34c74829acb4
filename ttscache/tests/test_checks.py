"""System checks for settings that are valid alone and wrong in combination."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from harness.process import PROJECT
from ttscache.audio import FORMATS
from ttscache.checks import check_conf, require_valid_conf
from ttscache.defaults import AUDIO_FORMATS

pytestmark = pytest.mark.any_database

WRONG = {
    "an OpenAI provider without a key": ("ttscache.E002", {"provider": "openai"}, "OPENAI_API_KEY"),
    "the embedded model at OpenAI": (
        "ttscache.E004",
        {"provider": "openai", "openai_api_key": "test", "model": "embedded"},
        "TTS_MODEL='embedded'",
    ),
    "a voice that the embedded provider lacks": (
        "ttscache.E006",
        {"provider": "embedded", "listener_voices": ("nova", "robot")},
        "TTS_LISTENER_VOICES='nova,robot'",
    ),
    "a listener voice that the fallback cannot play": (
        "ttscache.E010",
        {
            "provider": "openai",
            "openai_api_key": "test",
            "fallback": "embedded",
            "listener_voices": ("nova", "robot"),
        },
        "TTS_FALLBACK='embedded'",
    ),
    "a voice for a role that listeners do not have": (
        "ttscache.E009",
        {"voices_by_role": {"nova": "marin", "lucy": "cedar"}},
        "TTS_VOICES='nova=marin,lucy=cedar' cannot be used: there is no listener voice 'lucy'",
    ),
    "a listener voice that the Realtime model lacks": (
        "ttscache.E006",
        {
            "provider": "openai",
            "openai_api_key": "test",
            "model": "gpt-realtime-2.1-mini",
            "listener_voices": ("nova", "fable"),
        },
        "TTS_LISTENER_VOICES='nova,fable'",
    ),
    "a voice by TTS_VOICES that the Realtime model lacks": (
        "ttscache.E006",
        {
            "provider": "openai",
            "openai_api_key": "test",
            "openai_base_url": "",
            "model": "gpt-realtime-2.1-mini",
            "voices_by_role": {"nova": "robot"},
        },
        "TTS_VOICES='nova=robot'",
    ),
    "a budget for a model without a price": (
        "ttscache.E007",
        {"provider": "openai", "openai_api_key": "test", "model": "new-model", "daily_budget_usd": 2.5},
        "TTS_DAILY_BUDGET_USD='2.5'",
    ),
    "private clips for nginx without a folder": (
        "ttscache.E012",
        {"nginx_private": True},
        "NGINX_PRIVATE_CLIPS='true'",
    ),
    "a folder for nginx that is not there": (
        "ttscache.E013",
        {"nginx_dir": Path("/nowhere/links")},
        "NGINX_CLIPS_DIR='/nowhere/links' cannot be used: no link to a file of",
    ),
}


def test_the_default_settings_pass() -> None:
    assert check_conf() == []
    require_valid_conf()


@pytest.mark.parametrize(("check_id", "given", "named"), WRONG.values(), ids=WRONG)
def test_a_wrong_combination_is_one_error_with_a_hint(
    settings: Any, check_id: str, given: dict[str, Any], named: str
) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, **given}

    (error,) = check_conf()

    assert error.id == check_id
    assert named in error.msg
    assert error.hint


@pytest.mark.parametrize(("check_id", "given", "named"), WRONG.values(), ids=WRONG)
def test_a_wrong_combination_stops_the_web_server_with_one_line(
    settings: Any, check_id: str, given: dict[str, Any], named: str
) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, **given}

    with pytest.raises(ImproperlyConfigured) as stopped:
        require_valid_conf()

    assert named in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_a_custom_provider_may_have_voices_of_its_own(settings: Any) -> None:
    given = {"provider": "openai", "openai_api_key": "test", "listener_voices": ("robot",)}
    settings.TTSCACHE = {**settings.TTSCACHE, **given}

    assert check_conf() == []


@pytest.mark.parametrize(("mode", "is_refused"), [(0o750, False), (0o755, True)])
def test_private_clips_are_linked_only_in_a_folder_that_others_cannot_enter(
    settings: Any, tmp_path: Path, mode: int, is_refused: bool
) -> None:
    links, files = tmp_path / "links", tmp_path / "files"
    for folder in (links, files):
        folder.mkdir()
    links.chmod(mode)
    given = {"nginx_dir": links, "files_dir": files, "nginx_private": True}
    settings.TTSCACHE = {**settings.TTSCACHE, **given}

    assert ["could read private clips" in error.msg for error in check_conf()] == [True] * is_refused
    assert not [*links.iterdir(), *files.iterdir()]


REALTIME = {
    "provider": "openai",
    "openai_api_key": "test",
    "model": "gpt-realtime-2.1-mini",
    "daily_budget_usd": 1.0,
}


@pytest.mark.parametrize(
    "given",
    [
        REALTIME,
        REALTIME | {"listener_voices": ("fable",), "voices_by_role": {"fable": "verse"}},
        REALTIME
        | {"voices_by_role": {"nova": "my-voice"}, "openai_base_url": "https://speech.example.org/v1"},
        {"provider": "embedded", "listener_voices": ("robot",), "voices_by_role": {"robot": "echo"}},
    ],
)
def test_a_listener_voice_with_a_voice_of_the_model_may_be_used(settings: Any, given: dict[str, Any]) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, **given}

    assert check_conf() == []


def test_every_audio_format_can_be_chosen() -> None:
    assert tuple(FORMATS) == AUDIO_FORMATS


WHAT_IS_REGISTERED = """
import django
django.setup()
from django.core.checks.registry import registry
from drf_spectacular.extensions import OpenApiAuthenticationExtension
found = [*registry.get_checks(), *OpenApiAuthenticationExtension._registry]
print(sorted({each.__module__ for each in found if each.__module__.startswith("ttscache")}))
"""


def test_a_process_that_imports_neither_has_the_checks_and_the_api_schema_registered() -> None:
    told = subprocess.run(
        [sys.executable, "-c", WHAT_IS_REGISTERED], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert told.stdout.strip() == "['ttscache.api.schema', 'ttscache.checks']"
