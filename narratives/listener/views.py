"""The listener's page (HTML)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control
from django.views.generic import TemplateView

from narratives.help_lines import help_lines
from narratives.listener.playlist import UnknownJourney, live_journey, playlist
from narratives.models import Journey, Narrative
from ttscache.audio import cues
from ttscache.conf import conf
from ttscache.providers.models_list import is_openai

VOICE_NAMES = {"nova": "A woman's voice", "onyx": "A man's voice"}
PLACES = {Narrative.Kind.INTRO: "Introduction", Narrative.Kind.OUTRO: "Closing words"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
WHOLE = 1000  # a clip of any length, so that a sentence's cues are in thousandths of it


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words that are highlighted together, and which part of the clip they are, in thousandths."""

    words: str
    start: int
    end: int


def paragraphs(text: str) -> list[list[Sentence]]:
    found: list[list[Sentence]] = []
    read = 0
    for cue in cues(text, WHOLE):
        if not found or "\n" in text[read : cue.first_char]:
            found.append([])
        read = cue.last_char + 1
        found[-1].append(Sentence(text[cue.first_char : read], cue.start_ms, cue.end_ms))
    return found


def screens(narratives: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The narratives, each with its place in the journey and its words by sentence."""
    questions = [narrative["id"] for narrative in narratives if narrative["kind"] == Narrative.Kind.QUESTION]
    numbers = {question: number for number, question in enumerate(questions, start=1)}
    return [
        narrative
        | {
            "paragraphs": paragraphs(narrative["text"]),
            "number": numbers.get(narrative["id"]),
            "place": PLACES.get(narrative["kind"])
            or f"Question {numbers[narrative['id']]} of {len(questions)}",
        }
        for narrative in narratives
    ]


def counted_questions(count: int) -> str:
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return f"{number} question{'' if count == 1 else 's'}"


def program_that_replies() -> str:
    """The company that gets each answer, to name at the consent; empty where no answer leaves this site."""
    if not conf().openai_api_key:
        return ""
    address = conf().openai_base_url
    return "OpenAI" if is_openai(address) else urlsplit(address).hostname or address


def listener_context(journey: Journey, journeys: Iterable[Journey], listed: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page shows of a journey. `listed`: its playlist in the default voice."""
    questions = [one for one in listed["narratives"] if one["kind"] == Narrative.Kind.QUESTION]
    return {
        "help_lines": help_lines(),
        "journey": journey,
        "journeys": journeys,
        "program_that_replies": program_that_replies(),
        "playlist": listed,
        "screens": screens(listed["narratives"]),
        "system": {slug: paragraphs(told["text"]) for slug, told in listed["system"].items()},
        "counted_questions": counted_questions(len(questions)),
        "sample": next(iter(questions), None),
        "voices": [(voice, VOICE_NAMES.get(voice, voice.capitalize())) for voice in conf().listener_voices],
    }


class ListenerPage(TemplateView):
    """All words of a live journey and their sound in the default voice; scripts make screens of them."""

    template_name = "narratives/listener.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        patch_cache_control(response, no_cache=True)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs) | {"help_lines": help_lines()}
        slug = self.request.GET.get("journey")
        try:
            journey = live_journey(slug)
        except UnknownJourney as error:
            if slug:
                raise Http404 from error
            return context
        listed = playlist(journey, conf().default_voice)
        return context | listener_context(journey, Journey.objects.live(), listed)
