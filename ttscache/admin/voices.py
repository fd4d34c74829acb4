"""The page "Voices": who plays each listener voice, the candidates, and how far a change has come."""

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
from ttscache.models import Rendition, WarmRun
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
from ttscache.staff.pages import ReadOnlyAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words, in_words, listed, words_of
from ttscache.warming import rendition_switch
from ttscache.warming.time_estimate import seconds_to_make

VOICES = "admin:ttscache_rendition_changelist"
UNTIL_THEN = "Listeners keep the present voice until every clip is ready; then it changes everywhere at once."


@admin.register(Rendition)
class VoicesAdmin(ReadOnlyAdmin):
    """Staff call renditions voices. The list is a page of its own, and a single row has none."""

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
        """Links of the admin's log point here: show the list instead."""
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
        """List the voices of the chosen model that could play this listener voice, with samples."""
        chosen = self._voice(request, voice)
        models = models_to_choose()
        model = request.GET.get("model", "")
        if model not in models:
            model = chosen.live.model if chosen.live.model in models else models[0]
        rows = [(each, _players(each)) for each in candidates(voice, model)]
        missing = [clip for each, _ in rows for clip in each.samples if not clip.is_ready]
        return self._page(
            request,
            "candidates",
            title=f"Who plays {voice}?",
            voice=chosen,
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
        """Make the two sample sentences for one candidate, or for all voices of a model."""
        self._voice(request, voice)
        if not self.has_make_permission(request):
            raise PermissionDenied
        model = _model(request)
        names = [request.GET["by"]] if "by" in request.GET else voices_of(model)
        specs = [self._candidate(model, name) for name in names]
        wanted = sample_specs(specs)
        planned = warming.plan(wanted)

        def make() -> None:
            # The time makes the scope unique, so that each press has a job of its own to follow.
            scope = f"voice samples, {model}, {now():%d %b %Y %H:%M:%S}"
            run = warming.start_run(scope[:120], wanted, requested_by=request.user.get_username())
            said = f"Made samples of {who}. {being_made_in_words(planned)}"
            self.admin_site.get_model_admin(WarmRun).log_change(request, run, said)

        back = f"{reverse('admin:ttscache_rendition_candidates', args=[voice])}?{urlencode({'model': model})}"
        who = names[0] if len(names) == 1 else f"the voices of {model}"
        question = {"title": f"Make samples: {who}", "verb": "Make them", "more": _price_note(model)}
        return self.make_after_a_yes(request, planned, make, back=back, **question)

    def choose_view(self, request: HttpRequest, voice: str) -> HttpResponse:
        """Let a candidate take over the voice, after a page with count, price and time."""
        self._voice(request, voice)
        self._require_choice(request)
        model = _model(request)
        spec = self._candidate(model, request.GET.get("by", ""))
        planned = switch_plan(voice, spec)
        if not is_confirmed(request, planned):
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
        rendition = rendition_switch.request_rendition(voice, spec, requested_by=request.user.get_username())
        if rendition is None:
            self.message_user(request, "It already plays this voice.", messages.INFO)
            return redirect(VOICES)
        said = f"Chosen for {voice}: {spec.voice} ({spec.model}). {in_words(planned)}"
        self.log_change(request, rendition, said)
        self.message_user(request, f"{said} {UNTIL_THEN if planned.missing else ''}", messages.SUCCESS)
        return redirect(VOICES)

    def go_on_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make the missing clips, including those that failed."""
        rendition = self._pending(request, pk)
        planned = rendition_switch.progress_of_takeover(rendition).planned

        def make() -> None:
            rendition_switch.continue_takeover(rendition, requested_by=request.user.get_username())
            self.log_change(request, rendition, f"Made missing clips. {in_words(planned)}")

        return self.make_after_a_yes(
            request,
            planned,
            make,
            title=f"Make missing clips: {rendition}",
            verb="Make them",
            back=reverse(VOICES),
        )

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        rendition = self._pending(request, pk)
        if not is_confirmed(request):
            return self.ask(
                request,
                title=f"Stop the change of {rendition.listener_voice} to {rendition.voice}",
                verb="Stop the change",
                summary="Listeners keep the present voice. Clips that were made are kept.",
                back=reverse(VOICES),
            )
        if rendition_switch.cancel_rendition(rendition):
            self.log_change(request, rendition, "Change stopped.")
            says = "Change stopped. Listeners keep the present voice."
            self.message_user(request, says, messages.SUCCESS)
        return redirect(VOICES)

    def without_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Switch although clips failed; only the clips that the page listed may be missing."""
        rendition = self._pending(request, pk)
        progress = rendition_switch.progress_of_takeover(rendition)
        number = len(progress.failed)
        if not is_confirmed(request):
            if not progress.is_stuck:
                raise Http404
            return self.ask(
                request,
                title=f"Switch {rendition.listener_voice} without {_clips(number)}",
                verb=f"Switch without {'it' if number == 1 else f'these {number}'}",
                summary=f"{_clips(number)} could not be made. Until they can be made, listeners read those "
                "words instead of hearing them.",
                clips=listed(progress.planned),
                hidden=[("without", json.dumps(progress.failed_hashes))],
                back=reverse(VOICES),
            )
        if rendition_switch.switch_if_ready(rendition, without=_hashes(request)):
            self.log_change(request, rendition, f"Switched without {_clips(len(_hashes(request)))}.")
            self.message_user(request, "Listeners have the new voice.", messages.SUCCESS)
        else:
            says = "Nothing was changed: other clips are missing now. Please look again."
            self.message_user(request, says, messages.WARNING)
        return redirect(VOICES)

    # checks
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
            raise BadRequest("by must be a voice of the model")
        return candidate_spec(model, voice)


def _model(request: HttpRequest) -> str:
    model = request.GET.get("model", "")
    if model not in models_to_choose():
        raise BadRequest("model must be one of those on the page")
    return model


def _price_note(model: str) -> str:
    """A warning for a model of the provider's list that has no price here; its calls may still cost money."""
    if is_priced(model):
        return ""
    return f"No price is known for {model}. Until TTS_PRICES has one, its clips count as free of charge."


def _hashes(request: HttpRequest) -> list[str]:
    try:
        given = json.loads(request.POST.get("without", "[]"))
    except (ValueError, RecursionError) as error:
        raise BadRequest("without must be a list of clips") from error
    if not isinstance(given, list):
        raise BadRequest("without must be a list of clips")
    return [each for each in given if isinstance(each, str)]


def _clips(number: int) -> str:
    return "1 clip" if number == 1 else f"{number} clips"


def _time_of(missing: int) -> str:
    """How long the run will take at the pace of the last runs; empty if nothing is missing."""
    if not missing:
        return ""
    minutes = max(1, round(seconds_to_make(missing) / 60))
    return f"This takes about {minutes} min at the pace of the last jobs."


def _players(candidate: VoiceCandidate) -> list[Any]:
    badges = badges_of(candidate.samples)
    return [
        player(clip, voice=candidate.spec.voice, says=words_of(clip, 60))
        if clip.is_ready
        else badges[clip.content_hash].html
        for clip in candidate.samples
    ]
