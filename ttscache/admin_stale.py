"""Removing what nobody asks for: first the list, and then exactly that list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.admin.sites import site
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, Length
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse

from ttscache.accounting.prices import list_price_usd
from ttscache.admin_widgets import price
from ttscache.conf import conf
from ttscache.coordination.hosts import hosts_at_work
from ttscache.maintenance.pruning import MOST_DAYS, Stale, find_stale, hand_over
from ttscache.models import MOST_HASHES, Clip, ContentType, PruneRun

MOST_AT_ONCE = 100_000  # what a form may carry
LISTED = 200
HASH_BYTES = 16


def stale_page(request: HttpRequest) -> HttpResponse:
    """GET: a dry run, which writes nothing. POST: have its list removed, as far as it is stale still."""
    if not request.user.has_perm("ttscache.prune_clip"):
        raise PermissionDenied
    if request.method == "POST":
        return _remove(request)
    days = _days(request.GET.get("days"))
    found = find_stale(days)
    chosen = tuple(each for each in found.content_hashes if len(each) == 2 * HASH_BYTES)[:MOST_AT_ONCE]
    listed = Clip.objects.filter(content_hash__in=chosen[:LISTED]).defer("waveform")
    is_private = Q(content_type=ContentType.ANALYSIS, is_shareable=False) | Q(
        content_type=ContentType.RESPONSE
    )
    shown = list(listed.exclude(is_private).order_by("last_accessed_at"))
    totals = Totals.of(chosen) if len(chosen) < len(found.content_hashes) else Totals.found(found)
    context = site.each_context(request) | {
        "title": "Clips that nobody asks for",
        "days": days,
        "found": found,
        "totals": totals,
        "price": price(totals.usd),
        "shown": shown,
        "not_shown": totals.clips - len(shown),
        "left_over": len(found.content_hashes) - len(chosen),
        "packed": packed(chosen),
        "back": reverse("admin:index"),
    }
    return TemplateResponse(request, "admin/stale.html", context)


def _remove(request: HttpRequest) -> HttpResponse:
    """Have exactly these removed in the background, as far as they are stale still, and no others."""
    days = _days(request.POST.get("days"))
    listed = unpacked(request.POST.get("clips", ""))
    totals = Totals.of(listed)
    stale = Stale(tuple(listed), totals.stored_bytes, totals.usd, kept_back=0)
    run = hand_over(stale, days, asked_by=request.user.get_username())
    said = _handed_over_in_words(totals)
    site.get_model_admin(PruneRun).log_change(request, run, said)
    messages.success(request, f"{said} Whatever somebody asks for in the meantime stays.")
    if not hosts_at_work():
        messages.warning(request, "No background process is up just now. They are removed once one is.")
    if request.user.has_perm("ttscache.view_prunerun"):
        return redirect("admin:ttscache_prunerun_change", run.pk)
    return redirect("admin:index")


def _handed_over_in_words(totals: Totals) -> str:
    """How many clips, in bytes and in money."""
    clips = "1 clip is" if totals.clips == 1 else f"{totals.clips:,} clips are"
    size = filesizeformat(totals.stored_bytes)
    return f"{clips} being removed: {size}, to make again {price(totals.usd)}."


def _days(given: str | None) -> int:
    try:
        days = int(given) if given else conf().stale_days
    except ValueError:
        days = 0
    if not 1 <= days <= MOST_DAYS:
        raise BadRequest("days is a whole number from 1")
    return days


# --- the list, as a form carries it -----------------------------------------------------------------------
def packed(content_hashes: Iterable[str]) -> str:
    """16 bytes a clip, in letters that a form sends as they are: 100,000 clips are 2.1 MB."""
    return base64.urlsafe_b64encode(b"".join(bytes.fromhex(each) for each in content_hashes)).decode()


def unpacked(given: str) -> list[str]:
    try:
        raw = base64.b64decode(given.encode(), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadRequest("the list is damaged") from error
    if len(raw) % HASH_BYTES or len(raw) > MOST_AT_ONCE * HASH_BYTES:
        raise BadRequest("the list is damaged")
    return [raw[start : start + HASH_BYTES].hex() for start in range(0, len(raw), HASH_BYTES)]


# --- what it comes to -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Totals:
    clips: int = 0
    stored_bytes: int = 0
    usd: float = 0.0

    @classmethod
    def found(cls, stale: Stale) -> Totals:
        return cls(len(stale.content_hashes), stale.freed_bytes, stale.remake_cost_usd)

    @classmethod
    def of(cls, content_hashes: Sequence[str]) -> Totals:
        """The bytes at rest of those that have sound, and what these cost to make again."""
        stored_bytes, usd = 0, 0.0
        for start in range(0, len(content_hashes), MOST_HASHES):
            part = Clip.objects.filter(content_hash__in=content_hashes[start : start + MOST_HASHES])
            made = part.filter(kept_at__isnull=False).order_by()
            rows = made.values_list("model").annotate(
                characters=Sum(Length("content_text")),
                size=Sum(Coalesce("stored_size", "audio_file_size", 0)),
            )
            for model, characters, size in rows:
                stored_bytes += size
                usd += list_price_usd(model, characters)
        return cls(len(content_hashes), stored_bytes, usd)
