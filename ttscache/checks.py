"""System checks: settings that are fine one by one and wrong in combination.

Each value by itself (a number, a choice, a list) is checked where the environment is read: lifereview/env/.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from ttscache.conf import Conf, conf
from ttscache.speech import EMBEDDED_MODEL, OPENAI_VOICES


@checks.register
def check_conf(**_: Any) -> list[checks.CheckMessage]:
    """The settings in force. The message names variable and value, the hint says what is allowed."""
    return list(_problems(conf()))


def require_valid_conf() -> None:
    """Raise ImproperlyConfigured, in one line, where a check fails. For processes that Django does not check
    when they start (the web server), or whose operator reads one line rather than a list (`serve`)."""
    for problem in check_conf():
        raise ImproperlyConfigured(f"{problem.msg} {problem.hint}")


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
    strangers = [voice for voice in given.listener_voices if voice not in OPENAI_VOICES]
    if given.provider == "embedded" and strangers:
        yield checks.Error(
            f"TTS_LISTENER_VOICES={','.join(given.listener_voices)!r} cannot be used: "
            f"the embedded provider has no voice {strangers[0]!r}.",
            hint=f"Set TTS_LISTENER_VOICES to some of: {', '.join(OPENAI_VOICES)}.",
            id="ttscache.E006",
        )
    if given.provider != "embedded" and given.fallback == "embedded" and strangers:
        yield checks.Error(
            f"TTS_FALLBACK={given.fallback!r} cannot be used: "
            f"the embedded voice cannot play the listener voice {strangers[0]!r}.",
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
    if given.daily_budget_usd is not None and given.house_model not in given.prices:
        yield checks.Error(
            f"TTS_DAILY_BUDGET_USD='{given.daily_budget_usd:g}' cannot be used: "
            f"the model {given.house_model!r} has no price to count against it.",
            hint=f"Set TTS_PRICES, e.g. {given.house_model}=30 (US dollars per million characters).",
            id="ttscache.E007",
        )
