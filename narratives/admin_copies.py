"""Duplicating on staff pages: a text within its journey, or a whole journey."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action

from narratives.admin_deeds import Deeds
from narratives.models import Journey, Narrative
from ttscache.staff.pages import has_said_yes


class CopyPages(Deeds):
    @abstractmethod
    def copy_of(self, thing: Any) -> Journey | Narrative:
        """Made now."""

    @abstractmethod
    def copy_in_words(self, thing: Any) -> str:
        """What the copy would be like."""

    def has_duplicate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """A copy of a journey has texts, so it takes the right to add those as well."""
        return self.has_add_permission(request) and request.user.has_perm("narratives.add_narrative")

    @action(description="Duplicate …", url_path="duplicate", permissions=["duplicate"], icon="content_copy")  # type: ignore[untyped-decorator]
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        thing = self.get_object(request, object_id)
        if thing is None:
            raise Http404
        if not has_said_yes(request):
            return self.ask(
                request,
                title=f"Duplicate: {thing}",
                summary=self.copy_in_words(thing),
                verb="Duplicate",
                back=self.page_of(thing),
            )
        copy = self.copy_of(thing)
        self.log_addition(request, copy, f"Copied from “{thing}”.")
        self.message_user(request, f"“{copy}” is a draft now.", messages.SUCCESS)
        return redirect(self.page_of(copy))
