"""Who may do what on these pages, beyond Django's own rights to view, add, change and delete.

`pages` is the ModelAdmin whose page somebody is on: nobody does on a page what they may not even look at.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from narratives.models import Journey, Narrative
from ttscache.staff.pages import StaffAdmin


def has_publish_right(request: HttpRequest) -> bool:
    return request.user.has_perm("narratives.publish_journey")


def may_write_and_make(pages: StaffAdmin, request: HttpRequest) -> bool:
    """Save words and have their clips made, which costs money."""
    return pages.has_make_permission(request) and request.user.has_perm("narratives.change_narrative")


def may_restore_versions(pages: StaffAdmin, request: HttpRequest, journey: Journey | None = None) -> bool:
    """Write the words of an earlier version into the drafts."""
    return pages.has_change_permission(request, journey) and request.user.has_perm(
        "narratives.change_narrative"
    )


def may_delete_all(pages: StaffAdmin, request: HttpRequest, things: Iterable[Journey | Narrative]) -> bool:
    """Restoring them takes the same right: it changes as much for listeners."""
    return all(pages.has_delete_permission(request, thing) for thing in things)


def has_listeners(thing: Journey | Narrative | None) -> bool:
    """Whether listeners lose something with it."""
    if isinstance(thing, Narrative):
        return thing.live is not None and thing.journey.is_live
    return thing is not None and thing.is_live
