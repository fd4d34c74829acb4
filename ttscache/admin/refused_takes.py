"""Lets staff hear a refused take, use it all the same, or have it made again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.defaultfilters import truncatechars
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from ttscache import warming
from ttscache.delivery import http
from ttscache.errors import SpeechError
from ttscache.generation.refused_takes import take_as_entry
from ttscache.models import Clip, RefusedTake
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.refused_takes import ShownTake
from ttscache.staff.wording import being_made_in_words
from ttscache.warming import ClipSpec, Plan, remaking
from ttscache.wiring import speech_cache


class RefusedTakePages(StaffAdmin):
    """Adds the addresses of a clip's refused take to its staff pages."""

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view
        return [
            path(
                "<uuid:pk>/refused/", guarded(require_safe(self.hear_refused)), name="ttscache_clip_refused"
            ),
            path("<uuid:pk>/refused/use/", guarded(self.use_refused), name="ttscache_clip_use_refused"),
            path(
                "<uuid:pk>/refused/again/",
                guarded(self.make_refused_again),
                name="ttscache_clip_make_refused_again",
            ),
            *super().get_urls(),
        ]

    def hear_refused(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Play the refused take to staff. Nothing on the way may keep it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        take = _undecided_of(self.get_or_404(request, str(pk)))  # private clips are not among the rows here
        if take is None:
            raise Http404
        entry = take_as_entry(take)
        return http.deliver(
            request, entry, cache_status="lifereview; detail=refused", cache_control=f"private, {http.NEVER}"
        )

    def use_refused(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Make the refused take the clip, after a question. It is paid for already."""
        take, back = self._decision(request, pk)
        if take is None:
            return redirect(back)
        shown = ShownTake(take)
        if not take.is_usable:
            self.message_user(request, shown.help, messages.ERROR)
            return redirect(back)
        if not is_confirmed(request):
            effect = "If you use it, this is what listeners hear. It costs nothing: it is already paid for."
            title = f"Use this recording, {_named(take.clip)}"
            return self.ask(
                request, title=title, verb="Use this recording", summary=f"{shown.reason} {effect}", back=back
            )
        try:
            speech_cache().accept(take)
        except SpeechError as error:
            self.message_user(request, str(error.args[0]), messages.ERROR)
            return redirect(back)
        says = f"Used the recording that was refused ({take.get_reason_display().lower()})."
        self.log_and_tell(request, take.clip, says)
        return redirect(back)

    def make_refused_again(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Have the clip made again, after a question with the price."""
        take, back = self._decision(request, pk)
        if take is None:
            return redirect(back)
        clip, who = take.clip, request.user.get_username()
        specs = [ClipSpec(clip.request, clip.content_type)]
        planned: Plan = remaking.plan_remakes(specs) if clip.is_ready else warming.plan(specs)

        def make() -> None:
            # A scope of its own: joining an active run would not retry its failed clips.
            scope = f"refused recording, {timezone.now():%d %b %Y %H:%M:%S}"
            if planned.remake:
                remaking.start_remake(scope, planned, requested_by=who)
            else:
                warming.start_run(scope, specs, requested_by=who)
            self.log_change(request, clip, f"Made again after a refusal. {being_made_in_words(planned)}")

        question = {"title": f"Make again, {_named(clip)}", "verb": "Make it again"}
        return self.make_after_a_yes(request, planned, make, back=back, **question)

    def _decision(self, request: HttpRequest, pk: UUID) -> tuple[RefusedTake | None, str]:
        """The take to decide about, and the page to go back to. None if somebody has decided."""
        if not self.has_make_permission(request):
            raise PermissionDenied
        clip = self.get_or_404(request, str(pk))
        back = _way_back_to(request, clip)
        take = _undecided_of(clip)
        if take is None:
            says = "This recording no longer waits for a decision."
            self.message_user(request, says, messages.INFO)
        return take, back


def _undecided_of(clip: Clip) -> RefusedTake | None:
    return RefusedTake.objects.undecided().select_related("clip").filter(clip=clip).first()


def _named(clip: Clip) -> str:
    return f"{clip.voice}: {truncatechars(clip.content_text, 60)}"


def _way_back_to(request: HttpRequest, clip: Clip) -> str:
    """The page that had the link, if it is one of this site; else the clip's own."""
    given = request.GET.get("next", "")
    if given.startswith("/") and url_has_allowed_host_and_scheme(given, allowed_hosts=None):
        return given
    return reverse("admin:ttscache_clip_change", args=[clip.pk])
