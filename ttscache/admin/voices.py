"""The page "Voices": who plays each listener voice, who could, and how far a change is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.timezone import now

from ttscache import warming
from ttscache.accounting.prices import is_priced
from ttscache.conf import conf
from ttscache.models import Rendition
from ttscache.reports.voices import (
    SAMPLES,
    ListenerVoice,
    VoiceCandidate,
    candidate_spec,
    candidates,
    listener_voice,
    listener_voices,
    models_to_choose,
    sample_specs,
    switch_plan,
    voices_of,
)
from ttscache.speech import VoiceRendition
from ttscache.staff.badges import badges_of
from ttscache.staff.clip_widgets import player
from ttscache.staff.pages import ReadOnlyAdmin, has_said_yes
from ttscache.staff.wording import in_words, listed, words_of
from ttscache.warming import takeover
from ttscache.warming.time_estimate import seconds_to_make

VOICES = "admin:ttscache_rendition_changelist"
UNTIL_THEN = (
    "Until every clip is there, listeners keep the present voice; then all of this voice changes at once."
)


@admin.register(Rendition)
class VoicesAdmin(ReadOnlyAdmin):
    """Renditions as staff know them: voices. The list is a page of its own; there is no page of one row."""

    def has_choose_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("ttscache.choose_voice")

    def get_urls(self) -> list[Any]:
        views: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "candidates": ("<str:voice>/candidates/", self.candidates_view),
            "samples": ("<str:voice>/samples/", self.samples_view),
            "choose": ("<str:voice>/choose/", self.choose_view),
            "go_on": ("<int:pk>/go-on/", self.go_on_view),
            "cancel": ("<int:pk>/cancel/", self.cancel_view),
            "without": ("<int:pk>/without/", self.without_view),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"ttscache_rendition_{name}")
            for name, (route, view) in views.items()
        ]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A link of the admin's log leads here."""
        return redirect(VOICES)

    # pages
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(
            request,
            "voices",
            title="Voices",
            voices=listener_voices(),
            may_make=self.has_make_permission(request),
        )

    def candidates_view(self, request: HttpRequest, voice: str) -> HttpResponse:
        """Everyone who could play this voice, by the model that is chosen, beside who plays it now."""
        asked = self._voice(request, voice)
        models = models_to_choose()
        model = request.GET.get("model", "")
        if model not in models:
            model = asked.live.model if asked.live.model in models else models[0]
        rows = [(each, _players(each)) for each in candidates(voice, model)]
        missing = [clip for each, _ in rows for clip in each.samples if not clip.is_ready]
        return self._page(
            request,
            "candidates",
            title=f"Who plays {voice}?",
            voice=asked,
            models=models,
            model=model,
            rows=rows,
            samples=SAMPLES,
            missing=len(missing),
            price_note=_price_note(model),
            may_make=self.has_make_permission(request),
        )

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        given = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "may_choose": self.has_choose_permission(request),
            **context,
        }
        return TemplateResponse(request, f"ttscache/voices/{template}.html", given)

    # actions
    def samples_view(self, request: HttpRequest, voice: str) -> HttpResponse:
        """Have the two sentences said by one candidate, or by all of a model."""
        self._voice(request, voice)
        if not self.has_make_permission(request):
            raise PermissionDenied
        model = _model(request)
        names = [request.GET["by"]] if "by" in request.GET else voices_of(model)
        specs = [self._candidate(model, name) for name in names]
        wanted = sample_specs(specs)
        planned = warming.plan(wanted)

        def make() -> None:
            scope = f"voice samples, {model}, {now():%d %b %Y %H:%M:%S}"
            warming.start_run(scope[:120], wanted, requested_by=request.user.get_username())

        back = f"{reverse('admin:ttscache_rendition_candidates', args=[voice])}?{urlencode({'model': model})}"
        who = names[0] if len(names) == 1 else f"the voices of {model}"
        question = {"title": f"Make samples: {who}", "verb": "Make them", "more": _price_note(model)}
        return self.make_after_a_yes(request, planned, make, back=back, **question)

    def choose_view(self, request: HttpRequest, voice: str) -> HttpResponse:
        """Have this one play the voice: count, price and time first."""
        self._voice(request, voice)
        self._require_choice(request)
        model = _model(request)
        spec = self._candidate(model, request.GET.get("by", ""))
        planned = switch_plan(voice, spec)
        if not has_said_yes(request, planned):
            return self.ask_to_make(
                request,
                planned,
                title=f"{voice}: {spec.voice} ({spec.model}) takes over",
                verb="Choose this voice",
                summary=f"{in_words(planned)} {_time_of(len(planned.missing))}",
                more=f"{UNTIL_THEN} {_price_note(model)}",
                back=f"{reverse('admin:ttscache_rendition_candidates', args=[voice])}?"
                f"{urlencode({'model': model})}",
            )
        rendition = takeover.request_rendition(voice, spec, requested_by=request.user.get_username())
        if rendition is None:
            self.message_user(request, "It plays this voice already.", messages.INFO)
            return redirect(VOICES)
        said = f"Chosen for {voice}: {spec.voice} ({spec.model}). {in_words(planned)}"
        self.log_change(request, rendition, said)
        self.message_user(request, f"{said} {UNTIL_THEN if planned.missing else ''}", messages.SUCCESS)
        return redirect(VOICES)

    def go_on_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make what is missing, failed clips included."""
        rendition = self._pending(request, pk)
        planned = takeover.progress_of_takeover(rendition).planned

        def make() -> None:
            takeover.continue_takeover(rendition, requested_by=request.user.get_username())
            self.log_change(request, rendition, f"Made what is missing. {in_words(planned)}")

        return self.make_after_a_yes(
            request,
            planned,
            make,
            title=f"Make what is missing: {rendition}",
            verb="Make it",
            back=reverse(VOICES),
        )

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        rendition = self._pending(request, pk)
        if not has_said_yes(request):
            return self.ask(
                request,
                title=f"Give up {rendition.voice} for {rendition.listener_voice}",
                verb="Give it up",
                summary="Listeners keep the present voice. Clips that are made already are kept.",
                back=reverse(VOICES),
            )
        if takeover.cancel_rendition(rendition):
            self.log_change(request, rendition, "Given up.")
            self.message_user(request, "Given up. Listeners keep the present voice.", messages.SUCCESS)
        return redirect(VOICES)

    def without_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Switch without the clips that failed: exactly those that this page has listed."""
        rendition = self._pending(request, pk)
        progress = takeover.progress_of_takeover(rendition)
        number = len(progress.failed)
        if not has_said_yes(request):
            if not progress.is_stuck:
                raise Http404
            return self.ask(
                request,
                title=f"Switch {rendition.listener_voice} without {_clips(number)}",
                verb=f"Switch without {'it' if number == 1 else f'these {number}'}",
                summary=f"{_clips(number)} could not be made. Listeners read those words instead of hearing "
                "them, until they can be made.",
                clips=listed(progress.planned),
                hidden=[("without", json.dumps(progress.failed_hashes))],
                back=reverse(VOICES),
            )
        if takeover.switch_if_ready(rendition, without=_hashes(request)):
            self.log_change(request, rendition, f"Switched without {_clips(len(_hashes(request)))}.")
            self.message_user(request, "Listeners have the new voice.", messages.SUCCESS)
        else:
            says = "Nothing was switched: other clips are missing by now. This is how it is now."
            self.message_user(request, says, messages.WARNING)
        return redirect(VOICES)

    # what was asked for
    def _voice(self, request: HttpRequest, voice: str) -> ListenerVoice:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if voice not in conf().listener_voices:
            raise Http404
        return listener_voice(voice)

    def _pending(self, request: HttpRequest, pk: int) -> Rendition:
        self._require_choice(request)
        return get_object_or_404(Rendition, pk=pk, state=Rendition.State.PENDING)

    def _require_choice(self, request: HttpRequest) -> None:
        if not self.has_choose_permission(request):
            raise PermissionDenied

    def _candidate(self, model: str, voice: str) -> VoiceRendition:
        if voice not in voices_of(model):
            raise BadRequest("by is a voice of the model")
        return candidate_spec(model, voice)


def _model(request: HttpRequest) -> str:
    model = request.GET.get("model", "")
    if model not in models_to_choose():
        raise BadRequest("model is one of those on the page")
    return model


def _price_note(model: str) -> str:
    """The provider's list names models that have no price here, though their calls may well cost."""
    if is_priced(model):
        return ""
    return f"No price is known for {model}: set it in TTS_PRICES, or its clips are counted as free of charge."


def _hashes(request: HttpRequest) -> list[str]:
    try:
        given = json.loads(request.POST.get("without", "[]"))
    except ValueError as error:
        raise BadRequest("without is a list of clips") from error
    return [each for each in given if isinstance(each, str)]


def _clips(number: int) -> str:
    return "1 clip" if number == 1 else f"{number} clips"


def _time_of(missing: int) -> str:
    """How long the run will take, by the clips made last."""
    if not missing:
        return ""
    minutes = max(1, round(seconds_to_make(missing) / 60))
    return f"That takes about {minutes} min, at the pace of the last runs."


def _players(candidate: VoiceCandidate) -> list[Any]:
    badges = badges_of(candidate.samples)
    return [
        player(clip, voice=candidate.spec.voice, says=words_of(clip, 60))
        if clip.is_ready
        else badges[clip.content_hash].html
        for clip in candidate.samples
    ]
