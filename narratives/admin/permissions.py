"""Rights on these pages beyond Django's own view, add, change and delete.

`pages` is the ModelAdmin of the page: its rights to view and change are checked as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from narratives.models import Journey, Narrative
from ttscache.staff.pages import StaffAdmin


def has_publish_right(request: HttpRequest) -> bool:
    return request.user.has_perm("narratives.publish_journey")


def may_write_and_make(pages: StaffAdmin, request: HttpRequest) -> bool:
    """Whether this person may save texts and make their clips, which costs money."""
    return pages.has_make_permission(request) and request.user.has_perm("narratives.change_narrative")


def may_restore_versions(pages: StaffAdmin, request: HttpRequest, journey: Journey | None = None) -> bool:
    """Whether this person may copy an earlier version into the draft, where that deletes no text."""
    return pages.has_change_permission(request, journey) and request.user.has_perm(
        "narratives.change_narrative"
    )


def may_delete_texts(request: HttpRequest) -> bool:
    """Whether this person may delete texts in the draft, and restore them."""
    return request.user.has_perm("narratives.delete_narrative")


def may_delete_all(pages: StaffAdmin, request: HttpRequest, things: Iterable[Journey | Narrative]) -> bool:
    """Check deleting, and restoring too: both change as much for listeners."""
    return all(pages.has_delete_permission(request, thing) for thing in things)


def has_listeners(thing: Journey | Narrative | None) -> bool:
    """Whether listeners would lose something at once if this were deleted.

    They keep a deleted text until its journey is published, so only a live journey counts.
    """
    return isinstance(thing, Journey) and thing.is_live
