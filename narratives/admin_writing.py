"""What the page of a journey tells while somebody writes: length, price, what is hard to say."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from narratives.admin_deeds import Deeds
from narratives.models import Pronunciation, tidied
from narratives.staff.estimates import estimate, paces
from ttscache.conf import conf


class WritingPages(Deeds):
    def get_urls(self) -> list[Any]:
        telling = self.admin_site.admin_view(self.estimate_view)
        return [path("estimate/", telling, name="narratives_estimate"), *super().get_urls()]

    def estimate_view(self, request: HttpRequest) -> HttpResponse:
        """The line beneath a text, for the words that are sent. Nothing is kept of them."""
        if not request.user.has_perm("narratives.view_narrative"):
            raise PermissionDenied
        text = tidied(request.POST.get("text", ""))[: conf().max_chars]
        told = estimate(text, Pronunciation.objects.lexicon(), paces())
        return render(request, "admin/narratives/estimate.html", {"estimate": told})
