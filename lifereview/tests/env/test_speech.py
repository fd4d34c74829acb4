"""The TTS_… variables become the TTSCACHE setting."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lifereview.env.reader import Environment
from lifereview.env.speech import ttscache_settings
from ttscache.conf import Conf
from ttscache.defaults import HIT_RATE_TARGETS
from ttscache.price_list import LIST_PRICES, Price

pytestmark = pytest.mark.any_database


@pytest.fixture
def settings_of(tmp_path: Path) -> Any:
    def read(**variables: str) -> dict[str, Any]:
        return ttscache_settings(Environment(variables), tmp_path, web_threads=64)

    return read


def test_an_empty_environment_gives_the_defaults_of_conf(settings_of: Any, tmp_path: Path) -> None:
    assert Conf(**settings_of()) == Conf(files_dir=tmp_path / "tts_cache")


def test_a_key_makes_openai_the_provider(settings_of: Any) -> None:
    assert settings_of(OPENAI_API_KEY="test")["provider"] == "openai"
    assert settings_of(OPENAI_API_KEY="test", TTS_PROVIDER="embedded")["provider"] == "embedded"


def test_each_listener_voice_may_be_played_by_a_voice_of_another_name(settings_of: Any) -> None:
    read = settings_of(TTS_VOICES="nova=en-GB-Ada, onyx=de/karl#2")["voices_by_role"]

    assert read == {"nova": "en-GB-Ada", "onyx": "de/karl#2"}


def test_a_price_is_by_the_million_characters_or_by_the_second(settings_of: Any) -> None:
    prices = settings_of(TTS_PRICES="tts-1=12.5,mine=0.0003/s")["prices"]

    assert prices["tts-1"] == Price(per_million_characters=12.5)
    assert prices["mine"] == Price(per_second=0.0003)
    assert prices["tts-1-hd"] == LIST_PRICES["tts-1-hd"]


def test_a_hit_rate_target_is_given_in_percent(settings_of: Any) -> None:
    targets = settings_of(TTS_HIT_RATE_TARGETS="question=97.5")["hit_rate_targets"]

    assert targets == HIT_RATE_TARGETS | {"question": 0.975}


def test_a_quarter_of_the_threads_never_waits_for_a_generation(settings_of: Any) -> None:
    assert settings_of()["waiting_threads"] == 48


def test_the_folder_of_local_clips_is_made(settings_of: Any, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "clips"

    assert settings_of(TTS_FILES_DIR=str(folder))["files_dir"] == folder
    assert folder.is_dir()


def test_a_folder_that_cannot_be_made_is_refused_by_name(settings_of: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SystemExit, match="TTS_FILES_DIR="):
        settings_of(TTS_FILES_DIR=str(tmp_path / "file" / "below"))


def test_a_path_of_nginx_begins_at_the_root(settings_of: Any) -> None:
    assert settings_of()["nginx_log"] is None
    assert settings_of(NGINX_CLIPS_LOG="/var/log/clips.log")["nginx_log"] == Path("/var/log/clips.log")
    with pytest.raises(SystemExit, match="NGINX_CLIPS_DIR="):
        settings_of(NGINX_CLIPS_DIR="clips")


class TestModels:
    def test_the_shutdown_date_of_each_model_is_read(self, settings_of: Any) -> None:
        given = settings_of(TTS_MODEL_SHUTDOWN="my-model=2027-01-06, another=2028-02-29")["model_shutdown"]
        assert given == {"my-model": date(2027, 1, 6), "another": date(2028, 2, 29)}

    @pytest.mark.parametrize("value", ["my-model", "my-model=soon", "my-model=2027-02-30", "=2027-01-06"])
    def test_a_wrong_shutdown_date_is_refused_in_one_line(self, settings_of: Any, value: str) -> None:
        with pytest.raises(SystemExit) as refused:
            settings_of(TTS_MODEL_SHUTDOWN=value)
        assert str(refused.value) == (
            f"TTS_MODEL_SHUTDOWN={value!r} cannot be used: allowed is a list such as my-model=2027-01-06 "
            "(model = the day it is switched off)."
        )

    def test_the_reflection_model_is_read(self, settings_of: Any) -> None:
        assert settings_of()["reflection_model"] == "gpt-6-luna"
        assert settings_of(REFLECTION_MODEL="gpt-4o-mini")["reflection_model"] == "gpt-4o-mini"

    def test_two_reflection_models_are_refused_in_one_line(self, settings_of: Any) -> None:
        with pytest.raises(SystemExit, match=r"^REFLECTION_MODEL='a, b' cannot be used: .* gpt-6-luna\.$"):
            settings_of(REFLECTION_MODEL="a, b")
