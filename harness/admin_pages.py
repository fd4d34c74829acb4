"""Helpers for tests of the staff pages: addresses, the forms of a browser, and the texts of a page."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from narratives.models import Journey, Narrative, Publication
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import Clip, WarmRun
from ttscache.renditions.current import request_for

NARRATIVES = reverse("admin:narratives_narrative_changelist")
JOURNEYS = reverse("admin:narratives_journey_changelist")
YES = {"confirmed": "yes"}  # the answer to a question


# --- pages and forms --------------------------------------------------------------------------------------
def admin_address(thing: Model, name: str = "change") -> str:
    return reverse(f"admin:narratives_{thing._meta.model_name}_{name}", args=[thing.pk])


def journey_form(journey: Journey, **changes: Any) -> dict[str, Any]:
    """The form that a browser sends when somebody saves the journey's page."""
    narratives = list(journey.narratives.all())
    form: dict[str, Any] = {"title": journey.title, "slug": journey.slug, "language": "en", "is_live": "on"}
    form |= {"is_default": "on"} if journey.is_default else {}
    form |= {"narratives-TOTAL_FORMS": len(narratives), "narratives-INITIAL_FORMS": len(narratives)}
    for row, narrative in enumerate(narratives):
        for field in ("id", "title", "kind", "text", "position"):
            form[f"narratives-{row}-{field}"] = getattr(narrative, field)
        form[f"narratives-{row}-journey"] = journey.pk
    return form | changes


def narrative_form(narrative: Narrative, **changes: Any) -> dict[str, Any]:
    """The form that a browser sends when somebody saves the page of a text."""
    fields = ("title", "kind", "text", "slug", "stage", "theme")
    return (
        {field: getattr(narrative, field) for field in fields} | {"journey": narrative.journey_id} | changes
    )


# --- what a page says -------------------------------------------------------------------------------------
def badges(response: Any) -> list[str]:
    """The words of the badges, in the order of the page."""
    assert response.status_code == 200
    return re.findall(r'class="clip-badge[^>]*><span[^>]*>\w+</span>([^<]+)<', response.content.decode())


def clip_badges(client: Client, narrative: Narrative) -> list[str]:
    """The badge of each listener voice on the page of a text."""
    return badges(client.get(admin_address(narrative)))[: len(conf().listener_voices)]


def said(response: Any) -> str:
    """The messages on the page that the response shows."""
    return " ".join(str(message) for message in response.context["messages"])


def heard(client: Client) -> list[tuple[str, str]]:
    """Title and text of every narrative that listeners get."""
    return [(one["title"], one["text"]) for one in client.get("/api/narratives").json()["narratives"]]


# --- clips and drafts -------------------------------------------------------------------------------------
def edit(narrative: Narrative, text: str) -> None:
    narrative.text = text
    narrative.save()


def make_ready_clip(text: str, voice: str) -> Clip:
    """Create a clip that counts as made, without audio."""
    clip = Clip.objects.record(request_for(text, voice), "question")
    clip.stored_at, clip.checksum, clip.duration_ms = timezone.now(), "0123456789abcdef", 7_000
    clip.save()
    return clip


def make_clips(text: str) -> None:
    for voice in conf().listener_voices:
        make_ready_clip(text, voice)


def fail(publication: Publication) -> None:
    """Fail all clips of the publication and end its run."""
    run = WarmRun.objects.get(scope=publication.scope)
    run.items.update(state="failed", reason="The voice service was busy.")
    with transaction.atomic():
        warming.settle(run)
