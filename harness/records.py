"""Rows of the speech cache, as tests need them: clips, runs, and what was counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from harness.clips import speech
from ttscache.accounting.ledger import Ledger
from ttscache.conf import conf
from ttscache.models import Clip, ClipDay, ContentType, Usage, WarmItem, WarmRun


def clip_of(text: str, voice: str = "nova", kind: str = ContentType.QUESTION) -> Clip:
    return Clip.objects.record(conf().house_request(text, voice), kind)


def made(clip: Clip) -> Clip:
    clip.kept_at, clip.checksum = timezone.now(), "0123456789abcdef"
    clip.duration_ms, clip.audio_file_size, clip.waveform = 7_400, 61_440, bytes(range(100))
    clip.save()
    return clip


def run_of(clip: Clip, item_state: str, reason: str = "", run_state: str = WarmRun.State.RUNNING) -> WarmRun:
    run = WarmRun.objects.create(scope=f"life-review, {clip.voice}", state=run_state)
    WarmItem.objects.create(run=run, clip=clip, position=0, state=item_state, reason=reason, characters=5)
    return run


def old_clip(text: str, days: int = 100) -> Clip:
    clip = Clip.objects.record(speech(text), "question")
    Clip.objects.filter(pk=clip.pk).update(
        last_accessed_at=timezone.now() - timedelta(days=days),
        kept_at=timezone.now() - timedelta(days=days),
        audio_file_size=1_024,
    )
    return clip


def reflection(text: str = "A quiet kind of home.", plays: int = 5, **fields: Any) -> Clip:
    clip = Clip.objects.record(conf().house_request(text, "nova"), "analysis")
    Clip.objects.filter(pk=clip.pk).update(**{"is_shareable": True, **fields})
    ClipDay.objects.create(content_hash=clip.content_hash, day=timezone.now().date(), requests=plays)
    return clip


def usage(requests: int = 1, outcome: str = "memory", **fields: Any) -> Usage:
    given: dict[str, Any] = {"hour": timezone.now().replace(minute=0, second=0, microsecond=0)}
    given |= {"content_type": "question", "voice": "nova", "latency_bucket": 1, "characters": 100 * requests}
    return Usage.objects.create(**given | {"requests": requests, "outcome": outcome} | fields)


def free_ledger() -> Ledger:
    return Ledger(lambda asked: asked.characters * 30 / 1e6)
