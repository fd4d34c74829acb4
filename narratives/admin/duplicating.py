"""Duplicate a text within its journey, or a whole journey."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action

from narratives.admin.lookups import page_of
from narratives.editing.copying import duplicate_journey, duplicate_narrative
from narratives.models import Journey, Narrative
from ttscache.staff.pages import StaffAdmin, is_confirmed


@action(description="Duplicate", url_path="duplicate", permissions=["duplicate"], icon="content_copy")  # type: ignore[untyped-decorator]
def duplicate(pages: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    thing: Journey | Narrative = pages.get_or_404(request, object_id)
    if not is_confirmed(request):
        return pages.ask(
            request,
            title=f"Duplicate: {thing}",
            summary=(
                f"This copies “{thing}” with the current drafts of all its texts. The copy is not live."
                if isinstance(thing, Journey)
                else f"This adds a copy of “{thing}” right after it in “{thing.journey}”. It is a draft."
            ),
            verb="Duplicate",
            back=page_of(thing),
        )
    copy = duplicate_journey(thing) if isinstance(thing, Journey) else duplicate_narrative(thing)
    pages.log_addition(request, copy, f"Copied from “{thing}”.")
    pages.message_user(request, f"“{copy}” was created as a draft.", messages.SUCCESS)
    return redirect(page_of(copy))
