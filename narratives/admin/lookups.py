"""Find the texts of a journey's or a text's page, and its address."""

from __future__ import annotations

from django.urls import reverse

from narratives.models import Journey, Narrative, share_lexicon


def narratives_of(thing: Journey | Narrative) -> list[Narrative]:
    """The texts on its page, which share one look-up of the lexicon."""
    if isinstance(thing, Narrative):
        return share_lexicon([thing])
    return share_lexicon(thing.narratives.select_related("live", "pending", "journey"))


def page_of(thing: Journey | Narrative) -> str:
    return reverse(f"admin:narratives_{thing._meta.model_name}_change", args=[thing.pk])
