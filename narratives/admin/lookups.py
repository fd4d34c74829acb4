"""What a page is about, and where it is."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse

from narratives.models import Journey, Narrative, share_lexicon
from ttscache.staff.pages import StaffAdmin


def get_or_404(pages: StaffAdmin, request: HttpRequest, object_id: int | str) -> Any:
    """The row of an address."""
    found = pages.get_object(request, str(object_id))
    if found is None:
        raise Http404
    return found


def narratives_of(thing: Journey | Narrative) -> list[Narrative]:
    """The texts that are on its page."""
    if isinstance(thing, Narrative):
        return share_lexicon([thing])
    return share_lexicon(thing.narratives.select_related("live", "pending", "journey"))


def page_of(thing: Journey | Narrative) -> str:
    return reverse(f"admin:narratives_{thing._meta.model_name}_change", args=[thing.pk])
