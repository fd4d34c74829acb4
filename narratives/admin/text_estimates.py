"""The line beneath a text while somebody writes it: length, price and advice."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from narratives.models import Pronunciation
from narratives.staff.text_estimates import estimate, paces
from narratives.text.tidying import tidied
from ttscache.conf import conf


def estimate_view(request: HttpRequest) -> HttpResponse:
    """Return the line for the posted text, which is not stored."""
    if not request.user.has_perm("narratives.view_narrative"):
        raise PermissionDenied
    # The cut bounds the work that one keystroke causes.
    text = tidied(request.POST.get("text", ""))[: conf().max_chars]
    told = estimate(text, Pronunciation.objects.lexicon(), paces())
    return render(request, "admin/narratives/estimate.html", {"estimate": told})
