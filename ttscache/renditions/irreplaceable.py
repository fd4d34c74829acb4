"""Clips that cannot be bought again: their model has retired, or retires soon. Nothing throws them away.

A model that retires soon still answers: its clips can be made again, and the old bytes stay until the new
ones are kept. Once it has retired, what is there is all there will ever be, damaged bytes included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ttscache.conf import conf
from ttscache.models import Clip, ClipFile, ContentType, Invalidation, PermanentStore
from ttscache.providers import models_list
from ttscache.renditions import retirement

if TYPE_CHECKING:
    from ttscache.tiers import Entry

KEPT_DAYS = 60  # before its model is switched off, a clip counts as not to be bought again


def models_to_keep() -> frozenset[str]:
    """The models whose clips are never thrown away. A few quick queries. Raises Error."""
    return _kept_among(Clip.objects.voice_models())


def files_to_keep(files: Iterable[Entry]) -> frozenset[str]:
    """The content hashes of those files of a host that are to stay though no record knows them. Raises Error.

    A file may be the only copy of a clip that nobody can make again, such as after an older backup of the
    database was restored: with the record made anew, it plays. It stays where an author wrote its words, as
    a reflection may quote a person, and where the record was not removed on purpose within the last days.
    """
    by_authors = [
        file for file in files if file.content_type in (ContentType.NARRATIVE, ContentType.QUESTION)
    ]
    kept_models = _kept_among({file.model for file in by_authors})
    found = frozenset(file.content_hash for file in by_authors if file.model in kept_models)
    removed = Invalidation.objects.filter(content_hash__in=found) if found else Invalidation.objects.none()
    return found.difference(removed.values_list("content_hash", flat=True))


def _kept_among(models: Collection[str]) -> frozenset[str]:
    return frozenset(filter(_is_not_to_be_lost, models)) | _models_of_another_address(models)


def _is_not_to_be_lost(model: str) -> bool:
    return retirement.is_retired(model) or retirement.retires_soon(model, days=KEPT_DAYS)


def is_irreplaceable(kept_models: Collection[str] | None = None) -> Q:
    """The clips that have bytes, good or damaged, of such a model. Raises Error.

    `kept_models` are those of `models_to_keep`, where the caller has looked them up. Two kinds of clips are
    never protected: a person's own words, and what the earlier system said to one person.
    """
    has_bytes = (
        Q(stored_at__isnull=False)
        | Q(stored_in=PermanentStore.STORAGE, audio_file_path__isnull=False)
        | Q(Exists(ClipFile.objects.filter(cache=OuterRef("pk"))))
    )
    models = models_to_keep() if kept_models is None else kept_models
    return Q(model__in=models) & ~may_quote_a_person() & has_bytes


def irreplaceable_clips() -> QuerySet[Clip]:
    """Raises Error."""
    return Clip.objects.filter(is_irreplaceable())


def has_to_be_kept(clip: Clip) -> bool:
    """Whether its bytes may not be deleted, good or damaged. Raises Error."""
    is_adopted = clip.adopted_at is not None
    is_private = clip.content_type == ContentType.RESPONSE or (
        is_adopted and clip.content_type == ContentType.ANALYSIS and not clip.is_shareable
    )
    return not is_private and clip.model in models_to_keep()


def retired_among(models: Iterable[str]) -> frozenset[str]:
    """Those of these models that the provider has switched off; each is looked up once."""
    return frozenset(filter(retirement.is_retired, set(models)))


def cannot_be_made_again(clip: Clip) -> bool:
    """Whether the provider has switched the clip's model off."""
    return retirement.is_retired(clip.model)


def _models_of_another_address(on_record: Iterable[str]) -> frozenset[str]:
    """OpenAI's models that retire, on a site that has moved to another vendor since.

    A clip names its model and not the address that made it. So a model of OpenAI's name is taken for OpenAI's
    own, unless it is the one that the site speaks with now: the vendor has a model of that name, then.
    """
    if models_list.is_openai(conf().openai_base_url):
        return frozenset()
    soon = _today() + timedelta(days=KEPT_DAYS)
    announced = {model: models_list.announced_shutdown(model, base_url="") for model in on_record}
    return frozenset(
        model for model, day in announced.items() if day and day <= soon and model != conf().house_model
    )


def _today() -> date:
    """In UTC."""
    return timezone.now().astimezone(UTC).date()


def may_quote_a_person() -> Q:
    """A person's own words, and adopted reflections that nobody has marked shareable: earlier systems kept
    reflections that quote the listener. Such clips are never protected and never exported."""
    is_adopted = Q(adopted_at__isnull=False)
    return Q(content_type=ContentType.RESPONSE) | (
        is_adopted & Q(content_type=ContentType.ANALYSIS, is_shareable=False)
    )
