"""Rows for tests of the staff pages, and helpers that read a page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.clips import speech
from ttscache.models import (
    Clip,
    ContentType,
    DailyRequests,
    Lease,
    Pin,
    RefusedTake,
    Usage,
    WarmItem,
    WarmRun,
)
from ttscache.renditions.current import request_for

INDEX = reverse("admin:index")
STALE = reverse("admin:ttscache_clip_stale")
YES = {"confirmed": "yes"}
DAY = timedelta(days=1)


# --- rows -------------------------------------------------------------------------------------------------
def clip_of(text: str, voice: str = "nova", kind: str = ContentType.QUESTION) -> Clip:
    """Record a clip of the rendition of the settings, without audio."""
    return Clip.objects.record(request_for(text, voice), kind)


def made(clip: Clip) -> Clip:
    clip.stored_at, clip.checksum = timezone.now(), "0123456789abcdef"
    clip.duration_ms, clip.audio_file_size, clip.waveform = 7_400, 61_440, bytes(range(100))
    clip.save()
    return clip


def run_of(clip: Clip, item_state: str, reason: str = "", run_state: str = WarmRun.State.RUNNING) -> WarmRun:
    run = WarmRun.objects.create(scope=f"life-review, {clip.voice}", state=run_state)
    WarmItem.objects.create(run=run, clip=clip, position=0, state=item_state, reason=reason, characters=5)
    return run


def refused_take(clip: Clip, audio: bytes, reason: str = RefusedTake.Reason.SILENT) -> RefusedTake:
    """Pin the clip's text as a published one, and keep this take of it as refused twice."""
    Pin.objects.get_or_create(content_hash=clip.content_hash, reason=Pin.Reason.LIVE)
    fault = {"silent": "silence", "broken": "wholeness"}.get(reason, "pace")
    remembered = "reworded" if reason == RefusedTake.Reason.REWORDED else f"broken_audio_again:{fault}"
    until = timezone.now() + timedelta(days=9_999)
    Lease.objects.create(name=clip.content_hash, owner="", until=until, error=remembered)
    return RefusedTake.objects.create(
        clip=clip,
        reason=reason,
        audio=audio,
        size=len(audio),
        duration_ms=4_200,
        is_usable=reason != RefusedTake.Reason.REWORDED,
        paid_microusd=2_000,
    )


def usage(requests: int = 1, outcome: str = "memory", **fields: Any) -> Usage:
    """Create a row of usage, by default in the present hour."""
    given: dict[str, Any] = {"hour": timezone.now().replace(minute=0, second=0, microsecond=0)}
    given |= {"content_type": "question", "voice": "nova", "latency_bucket": 1, "characters": 100 * requests}
    return Usage.objects.create(**given | {"requests": requests, "outcome": outcome} | fields)


def reflection(text: str = "A quiet kind of home.", plays: int = 5, **fields: Any) -> Clip:
    """Create a shareable reflection that was played today."""
    clip = Clip.objects.record(request_for(text, "nova"), "analysis")
    Clip.objects.filter(pk=clip.pk).update(**{"is_shareable": True, **fields})
    DailyRequests.objects.create(content_hash=clip.content_hash, day=timezone.now().date(), requests=plays)
    return clip


def old_clip(text: str, days: int = 100) -> Clip:
    """Create a clip that was made and last requested `days` ago."""
    clip = Clip.objects.record(speech(text), "question")
    Clip.objects.filter(pk=clip.pk).update(
        last_accessed_at=timezone.now() - days * DAY,
        stored_at=timezone.now() - days * DAY,
        audio_file_size=1_024,
    )
    return clip


def staff_with(*rights: str) -> Client:
    """A client signed in as a member of staff with only these permissions."""
    user = User.objects.create(username="ana", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


# --- what a page says -------------------------------------------------------------------------------------
def text_of(response: Any) -> str:
    """The body. Line breaks and indents of a page become single spaces, as a browser shows them."""
    assert response.status_code == 200
    body = str(response.content.decode())
    is_page = response["Content-Type"].startswith("text/html")
    return re.sub(r"[ \t\r\n]+", " ", body) if is_page else body  # `\s` would match &nbsp; too


def figure(page: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">([^<]*)<', page)
    assert found is not None, name
    return found[1]


def link_in(page: str, pattern: str) -> str:
    """The first group of the pattern, unescaped as an address."""
    found = re.search(pattern, page)
    assert found is not None, pattern
    return found[1].replace("&amp;", "&")
