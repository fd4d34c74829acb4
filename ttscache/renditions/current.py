"""The rendition that plays a listener voice now.

One query reads the renditions of all voices. A process remembers the answer for REMEMBERED_SECONDS, and
housekeeping refreshes it every other second in a web process, so that a request for free text needs no query
for it. Code that lists texts with their clips reads the renditions anew, once, with `fixed_renditions`.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.db import Error

from ttscache.conf import Conf, conf
from ttscache.models import Rendition
from ttscache.speech import REALTIME_NAMESAKES, REALTIME_VOICES, SpeechRequest, VoiceRendition, is_realtime

REMEMBERED_SECONDS = 4.0  # twice the interval of housekeeping, so that one late round costs no query

Renditions = Mapping[str, VoiceRendition]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The answer of one query, under the settings of that moment. Voices without a row are left out."""

    settings: Conf
    renditions: Renditions
    read_at: float

    @property
    def is_fresh(self) -> bool:
        return self.settings is conf() and time.monotonic() - self.read_at < REMEMBERED_SECONDS


_remembered: _Reading | None = None
_reading = threading.Lock()
_fixed: ContextVar[Renditions | None] = ContextVar("fixed_renditions", default=None)


def live_rendition(listener_voice: str) -> VoiceRendition:
    """The rendition that listeners hear for this voice.

    A listener voice without a row is played as the settings say. Any other name is taken for a voice of the
    provider that plays the default voice.
    """
    renditions = live_renditions()
    found = renditions.get(listener_voice)
    if found is not None:
        return found
    given = conf()
    if listener_voice in given.listener_voices or given.default_voice not in renditions:
        return given.rendition(listener_voice)
    return _named(listener_voice, renditions[given.default_voice])


def _named(voice: str, like: VoiceRendition) -> VoiceRendition:
    """The provider's voice of this name, or its namesake: Realtime models lack some well-known voices."""
    name = conf().voices_by_role.get(voice, voice)
    if is_realtime(like.model) and name not in REALTIME_VOICES:
        name = REALTIME_NAMESAKES.get(name, name)
    return replace(like, voice=name)


def live_renditions() -> Renditions:
    """The live rendition of each voice that has one, at most REMEMBERED_SECONDS old.

    While the database is down, this returns what was known last, or nothing.
    """
    fixed = _fixed.get()
    if fixed is not None:
        return fixed
    known = _remembered
    if known is not None and known.is_fresh:
        return known.renditions
    # One thread reads; the other threads use the last answer meanwhile, unless there is none yet.
    if _reading.acquire(blocking=known is None):
        try:
            return refresh_renditions()
        except Error:
            return _remember(known.renditions if known is not None else {})
        finally:
            _reading.release()
    return known.renditions if known is not None else {}


def refresh_renditions() -> Renditions:
    """Read the live renditions anew for this process. Raises Error."""
    return _remember(_read())


def forget_renditions() -> None:
    """Read them anew at their next use. Call it once a switch is committed."""
    global _remembered  # noqa: PLW0603 - one per process
    _remembered = None


def _remember(found: Renditions) -> Renditions:
    global _remembered  # noqa: PLW0603
    _remembered = _Reading(conf(), found, time.monotonic())
    return found


@contextmanager
def fixed_renditions(renditions: Renditions | None = None) -> Iterator[Renditions]:
    """Fix the renditions within the block: the given ones, or those that one query finds now.

    A switch by another process then cannot mix two renditions in one answer. Raises Error.
    """
    found = _read() if renditions is None else renditions
    token = _fixed.set(found)
    try:
        yield found
    finally:
        _fixed.reset(token)


def request_for(text: str, listener_voice: str) -> SpeechRequest:
    """The request that plays this text in this listener voice. Raises EmptyText or BadText."""
    return live_rendition(listener_voice).request(text)


def names_of_voices() -> dict[str, str]:
    """Staff's names of the provider's voices that play, will play or have played a listener voice.

    The name is the listener voice, followed by the provider's in brackets if they differ. One query. Raises
    Error.
    """
    roles: defaultdict[str, list[str]] = defaultdict(list)
    rows = Rendition.objects.order_by("listener_voice").values_list("voice", "listener_voice").distinct()
    for voice, listener_voice in rows:
        roles[voice].append(listener_voice)
    return {
        voice: voice if names == [voice] else f"{', '.join(names)} ({voice})"
        for voice, names in roles.items()
    }


def _read() -> Renditions:
    return {row.listener_voice: row.spec for row in Rendition.objects.live().order_by()}
