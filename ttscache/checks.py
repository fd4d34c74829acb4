"""System checks: settings that are valid one by one but wrong in combination.

lifereview/env/ checks each value alone (a number, a choice, a list) when it reads the environment.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from ttscache.conf import Conf, conf
from ttscache.providers.environment import unusable_variable
from ttscache.providers.models_list import is_openai
from ttscache.speech import EMBEDDED_MODEL, OPENAI_VOICES, REALTIME_VOICES, is_realtime


@checks.register
def check_conf(**_: Any) -> list[checks.CheckMessage]:
    """Check the settings in force. A message names the variable and its value, the hint what is allowed."""
    return list(_problems(conf()))


def require_valid_conf() -> None:
    """Raise ImproperlyConfigured, in one line, for the first check that fails.

    The web server needs it, because Django runs no checks when it starts, and `serve`, whose operator should
    read one line instead of a list.
    """
    if problem := conf_problem():
        raise ImproperlyConfigured(problem)


def conf_problem() -> str:
    """The first problem of the settings in force, in one line; empty without one."""
    return next((f"{problem.msg} {problem.hint}" for problem in _problems(conf())), "")


def _problems(given: Conf) -> Iterable[checks.CheckMessage]:
    if given.provider == "openai" and not given.openai_api_key:
        yield checks.Error(
            "TTS_PROVIDER='openai' cannot be used without an OPENAI_API_KEY.",
            hint="Set OPENAI_API_KEY, or TTS_PROVIDER=embedded to work offline.",
            id="ttscache.E002",
        )
    if given.provider == "openai" and given.model == EMBEDDED_MODEL:
        yield checks.Error(
            f"TTS_MODEL={given.model!r} cannot be used: it belongs to the embedded provider.",
            hint="Set TTS_MODEL to a model of the provider, or TTS_PROVIDER=embedded.",
            id="ttscache.E004",
        )
    yield from _links_for_nginx(given)
    yield from _surroundings_of_the_provider(given)
    yield from _roles_without_a_voice(given)
    unplayed = [role for role in given.listener_voices if role not in OPENAI_VOICES]
    if given.provider != "embedded" and given.fallback == "embedded" and unplayed:
        yield checks.Error(
            f"TTS_FALLBACK={given.fallback!r} cannot be used: "
            f"the embedded voice cannot play the listener voice {unplayed[0]!r}.",
            hint=f"Set TTS_LISTENER_VOICES to some of {', '.join(OPENAI_VOICES)}, "
            "and TTS_VOICES to who plays them at your provider.",
            id="ttscache.E010",
        )
    unknown_roles = [role for role in given.voices_by_role if role not in given.listener_voices]
    if unknown_roles:
        pairs = ",".join(f"{role}={voice}" for role, voice in given.voices_by_role.items())
        yield checks.Error(
            f"TTS_VOICES={pairs!r} cannot be used: there is no listener voice {unknown_roles[0]!r}.",
            hint=f"Name only voices of TTS_LISTENER_VOICES: {', '.join(given.listener_voices)}.",
            id="ttscache.E009",
        )
    if given.daily_budget_usd is not None and not given.is_priced(given.model_by_settings):
        yield checks.Error(
            f"TTS_DAILY_BUDGET_USD='{given.daily_budget_usd:g}' cannot be used: "
            f"the model {given.model_by_settings!r} has no price to count against it.",
            hint=f"Set TTS_PRICES, e.g. {given.model_by_settings}=30 (US dollars per million characters).",
            id="ttscache.E007",
        )


def _links_for_nginx(given: Conf) -> Iterable[checks.CheckMessage]:
    if given.nginx_private and given.nginx_dir is None:
        yield checks.Error(
            "NGINX_PRIVATE_CLIPS='true' cannot be used without a folder for nginx.",
            hint="Set NGINX_CLIPS_DIR, or leave NGINX_PRIVATE_CLIPS out.",
            id="ttscache.E012",
        )
    if given.nginx_dir is not None and (problem := _problem_of_links(given.nginx_dir, given)):
        yield checks.Error(
            f"NGINX_CLIPS_DIR='{given.nginx_dir}' cannot be used: {problem}.",
            hint="Make it on the disk of TTS_FILES_DIR, for this site's user and nginx's group: "
            "install -d -o lifereview -g www-data -m 750 FOLDER.",
            id="ttscache.E013",
        )


def _problem_of_links(folder: Path, given: Conf) -> str:
    """Make a link there as a trial: also two folders of one disk may be mounted so that none can be made."""
    name = f".probe-{os.getpid()}"
    probe, link = given.files_dir / name, folder / name
    try:
        probe.touch()
        try:
            os.link(probe, link)
        finally:
            probe.unlink(missing_ok=True)
        link.unlink(missing_ok=True)
    except OSError as error:
        return f"no link to a file of {given.files_dir} can be made there ({error.strerror})"
    if given.nginx_private and stat.S_IMODE(folder.stat().st_mode) & stat.S_IRWXO:
        return "every user of this machine could read private clips there"
    return ""


def _surroundings_of_the_provider(given: Conf) -> Iterable[checks.CheckMessage]:
    """Variables of the libraries that reach the provider, tried as those libraries use them."""
    if given.openai_api_key and (problem := unusable_variable()):
        yield checks.Error(
            f"{problem.variable} cannot be used: {problem.reason}.", hint=problem.hint, id="ttscache.E011"
        )


def _roles_without_a_voice(given: Conf) -> Iterable[checks.CheckMessage]:
    """The first listener voice that no provider voice plays.

    The voices of other services are unknown here, so an operator's mapping to them is accepted unchecked.
    """
    voices: tuple[str, ...]
    if given.provider == "embedded":
        voices, whose = OPENAI_VOICES, "the embedded provider"
    elif is_realtime(given.model_by_settings):
        voices, whose = REALTIME_VOICES, f"the model {given.model_by_settings!r}"
    else:
        return
    for role in given.listener_voices:
        played_by = given.rendition(role).voice
        is_elsewhere = given.provider == "openai" and not is_openai(given.openai_base_url)
        if played_by not in voices and not (is_elsewhere and role in given.voices_by_role):
            is_mapped = role in given.voices_by_role
            setting = "TTS_VOICES" if is_mapped else "TTS_LISTENER_VOICES"
            value = f"{role}={played_by}" if is_mapped else ",".join(given.listener_voices)
            yield checks.Error(
                f"{setting}={value!r} cannot be used: {whose} has no voice {played_by!r}.",
                hint=f"Set TTS_VOICES, e.g. {role}={voices[-1]}. Its voices: {', '.join(voices)}.",
                id="ttscache.E006",
            )
            return
