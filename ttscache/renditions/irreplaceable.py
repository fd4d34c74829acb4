"""Irreplaceable clips: their model has retired, or retires soon. Nothing removes them automatically.

A model that retires soon still answers: a clip can be made again, and its old bytes stay until the new ones
are stored. Once the model has retired, the bytes at hand are the last ones, even if they are damaged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ttscache.conf import conf
from ttscache.models import Clip, ClipFile, ContentType, PermanentStore
from ttscache.providers import models_list
from ttscache.renditions import retirement


def models_to_keep() -> frozenset[str]:
    """The models whose clips are irreplaceable. Two quick queries. Raises Error."""
    return kept_among(Clip.objects.voice_models())


def kept_among(models: Collection[str]) -> frozenset[str]:
    """Select the models whose clips are irreplaceable. Raises Error."""
    ending = frozenset(each.model for each in retirement.outlooks(models) if each.is_ending)
    return ending | _models_of_another_address(models)


def irreplaceable_condition(kept_models: Collection[str] | None = None) -> Q:
    """A condition for clips of these models that have bytes, good or damaged. Raises Error.

    `kept_models` saves the queries of `models_to_keep` if the caller has its result. Clips that may quote a
    person are never protected.
    """
    has_bytes = (
        Q(stored_at__isnull=False)
        | Q(stored_in=PermanentStore.STORAGE, audio_file_path__isnull=False)
        | Q(Exists(ClipFile.objects.filter(cache=OuterRef("pk"))))
    )
    models = models_to_keep() if kept_models is None else kept_models
    return Q(model__in=models) & ~may_quote_a_person() & has_bytes


def irreplaceable_clips() -> QuerySet[Clip]:
    """Clips that no prune may remove, because they cannot be made again. Raises Error."""
    return Clip.objects.filter(irreplaceable_condition())


def is_irreplaceable(clip: Clip) -> bool:
    """Whether nothing may remove this clip automatically, even if it has lost its bytes. Raises Error."""
    if clip.model not in models_to_keep():
        return False
    return not Clip.objects.filter(may_quote_a_person(), pk=clip.pk).exists()


def retired_among(models: Iterable[str]) -> frozenset[str]:
    """The models among these that the provider has switched off. One query. Raises Error."""
    return frozenset(each.model for each in retirement.outlooks(models) if each.is_retired)


def cannot_be_made_again(clip: Clip) -> bool:
    """Whether the provider has switched the clip's model off."""
    return retirement.is_retired(clip.model)


def _models_of_another_address(on_record: Iterable[str]) -> frozenset[str]:
    """OpenAI's retiring models, on a site that has since moved to another provider.

    A clip records its model, but not the address that made it. So a model with an OpenAI name is taken for
    OpenAI's own, unless the site speaks with it now, because then the new provider offers it under that name.
    """
    if models_list.is_openai(conf().openai_base_url):
        return frozenset()
    soon = _today() + timedelta(days=retirement.AHEAD_DAYS)
    announced = {model: models_list.announced_shutdown(model, base_url="") for model in on_record}
    return frozenset(
        model for model, day in announced.items() if day and day <= soon and model != conf().model_by_settings
    )


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def may_quote_a_person() -> Q:
    """A condition for clips that are never protected and never exported, because they may quote a listener.

    They are a person's own words, and adopted reflections that were not marked shareable: earlier systems
    kept reflections with quotations.
    """
    is_adopted = Q(adopted_at__isnull=False)
    return Q(content_type=ContentType.RESPONSE) | (
        is_adopted & Q(content_type=ContentType.ANALYSIS, is_shareable=False)
    )
