"""Rows for the tests of staff pages, and what these tests read off a page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.clips import speech
from ttscache.models import Clip, ContentType, DailyRequests, Usage, WarmItem, WarmRun
from ttscache.renditions.current import request_for

INDEX = reverse("admin:index")
STALE = reverse("admin:ttscache_clip_stale")
YES = {"confirmed": "yes"}
DAY = timedelta(days=1)


# --- rows -------------------------------------------------------------------------------------------------
def clip_of(text: str, voice: str = "nova", kind: str = ContentType.QUESTION) -> Clip:
    """On record as listeners would request it, without sound."""
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


def usage(requests: int = 1, outcome: str = "memory", **fields: Any) -> Usage:
    """In the present hour, unless `fields` say otherwise."""
    given: dict[str, Any] = {"hour": timezone.now().replace(minute=0, second=0, microsecond=0)}
    given |= {"content_type": "question", "voice": "nova", "latency_bucket": 1, "characters": 100 * requests}
    return Usage.objects.create(**given | {"requests": requests, "outcome": outcome} | fields)


def reflection(text: str = "A quiet kind of home.", plays: int = 5, **fields: Any) -> Clip:
    """Fit for others, and played today."""
    clip = Clip.objects.record(request_for(text, "nova"), "analysis")
    Clip.objects.filter(pk=clip.pk).update(**{"is_shareable": True, **fields})
    DailyRequests.objects.create(content_hash=clip.content_hash, day=timezone.now().date(), requests=plays)
    return clip


def old_clip(text: str, days: int = 100) -> Clip:
    """Made and last requested so many days ago."""
    clip = Clip.objects.record(speech(text), "question")
    Clip.objects.filter(pk=clip.pk).update(
        last_accessed_at=timezone.now() - days * DAY,
        stored_at=timezone.now() - days * DAY,
        audio_file_size=1_024,
    )
    return clip


def staff_with(*rights: str) -> Client:
    """The browser of a member of staff who has these permissions and no others."""
    user = User.objects.create(username="ana", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


# --- what a page says -------------------------------------------------------------------------------------
def text_of(response: Any) -> str:
    """A page as a browser reads it: where a template breaks its lines makes no difference."""
    assert response.status_code == 200
    said = str(response.content.decode())
    return re.sub(r"[ \n]+", " ", said) if response["Content-Type"].startswith("text/html") else said


def figure(page: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">([^<]*)<', page)
    assert found is not None, name
    return found[1]


def link_in(page: str, pattern: str) -> str:
    """The first group of the pattern, as an address."""
    found = re.search(pattern, page)
    assert found is not None, pattern
    return found[1].replace("&amp;", "&")
