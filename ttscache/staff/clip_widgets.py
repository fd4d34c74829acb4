"""Widgets for clips on any staff page: player, waveform, progress bar."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ttscache.delivery.clip_urls import audio_path
from ttscache.models import Clip


def length(milliseconds: int | None) -> str:
    """Minutes and seconds as a clock shows them, such as 0:07; empty if the length is unknown."""
    seconds = round((milliseconds or 0) / 1000)
    return f"{seconds // 60}:{seconds % 60:02}" if milliseconds else ""


def player(clip: Clip | None, *, voice: str, says: str, template: str = "player") -> SafeString:
    """A play button, or only the voice's name if the clip has no audio."""
    context: dict[str, Any] = {"voice": voice, "says": says}
    if clip is not None and clip.is_ready:
        context["url"] = audio_path(clip.content_hash, clip.audio_format, clip.checksum)
        context["length"] = length(clip.duration_ms)
    return render_to_string(f"ttscache/staff/{template}.html", context)


def waveform(clip: Clip) -> SafeString:
    """The clip's loudness over time, drawn as one SVG path. A peak of 255 is full scale."""
    peaks = bytes(clip.waveform or b"")
    heights = ((x, max(peak / 255 * 30, 0.5)) for x, peak in enumerate(peaks))
    path = " ".join(f"M{x + 0.5:g} {32 - height:.1f}V{32 + height:.1f}" for x, height in heights)
    return render_to_string("ttscache/staff/waveform.html", {"path": path, "width": len(peaks)})


def progress_bar(ready: int, total: int, label: str = "Clips ready") -> SafeString:
    context = {"ready": ready, "total": total, "label": label}
    return render_to_string("ttscache/staff/progress.html", context)


def fresh(name: str, content: str) -> SafeString:
    """Wrap a part of the page that staff.js refreshes while something on the page is under way."""
    return format_html('<span id="{}" data-fresh>{}</span>', name, content)
