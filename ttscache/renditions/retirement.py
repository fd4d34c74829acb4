"""When the models retire that our clips were made with."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from ttscache.conf import conf
from ttscache.models import Clip
from ttscache.providers import models_list

SOON_DAYS = 60


def _today() -> date:
    """The day in UTC. Dates of shutdown name no zone."""
    return timezone.now().date()


def shutdown_date(model: str) -> date | None:
    """The first day on which the provider no longer has this model; None where nobody has said so."""
    configured = conf().model_shutdown.get(model)
    return models_list.shutdown_date(model, listed={}, base_url=conf().openai_base_url, configured=configured)


def is_retired(model: str) -> bool:
    """Whether the model's last day is over."""
    return retires_soon(model, days=0)


def retires_soon(model: str, days: int = SOON_DAYS) -> bool:
    """Whether the model retires within so many days, or has retired."""
    retires_on = shutdown_date(model)
    return retires_on is not None and retires_on - _today() <= timedelta(days=days)


def models_not_to_lose() -> frozenset[str]:
    """The models of clips on record that have retired, or retire soon. Raises Error."""
    return frozenset(filter(retires_soon, Clip.objects.voice_models()))
