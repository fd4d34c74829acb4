"""Check that a confirmation matches what the page would do now."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

from ttscache.staff.pages import StaffAdmin, is_confirmed

CHANGED_SINCE = "The drafts changed while you were looking. Please check this page again."


def confirmed_this(pages: StaffAdmin, request: HttpRequest, fingerprint: str) -> bool:
    """Whether the answer confirms what has this fingerprint; warns if the drafts have changed since."""
    if not is_confirmed(request):
        return False
    if request.POST.get("seen", fingerprint) == fingerprint:
        return True
    pages.message_user(request, CHANGED_SINCE, messages.WARNING)
    return False
