"""Whether somebody has agreed to just what a page would do now."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

from ttscache.staff.pages import StaffAdmin, has_said_yes

CHANGED_SINCE = "The drafts have changed since you looked. This is how it is now."


def confirmed_this(pages: StaffAdmin, request: HttpRequest, fingerprint: str) -> bool:
    """Whether the answer is a yes to what this is the fingerprint of. Tells those who saw something else."""
    if not has_said_yes(request):
        return False
    if request.POST.get("seen", fingerprint) == fingerprint:
        return True
    pages.message_user(request, CHANGED_SINCE, messages.WARNING)
    return False
