"""Until when the provider offers each model, and which models are gone.

Shutdown dates come from TTS_MODEL_SHUTDOWN, from the provider's list of models, or from OpenAI's
announcements. Days are UTC. Once the provider has refused a model as gone, no process calls it again until
the settings change or the daily reading of the list finds it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import Error
from django.db.models import F
from django.utils import timezone

from ttscache.conf import conf
from ttscache.connections import release_connections
from ttscache.coordination.leases import Leases
from ttscache.errors import ModelRetired
from ttscache.fingerprint import fingerprint_of
from ttscache.models import ModelNotice, Rendition
from ttscache.models.retirement import ModelNoticeQuerySet
from ttscache.providers.models_list import announced_shutdown, is_speech_model, models_offered
from ttscache.renditions.current import live_rendition
from ttscache.speech import EMBEDDED_MODEL, VoiceRendition

logger = logging.getLogger(__name__)

# A model retires soon from this many days before its shutdown. Staff are told; its clips are irreplaceable.
AHEAD_DAYS = 60
LIST_SECONDS = 10.0  # timeout for the provider's list of models
SWITCH_PATIENCE = timedelta(days=1)  # a switch that takes longer is stuck


@dataclass(frozen=True, slots=True)
class ModelOutlook:
    """How long one model is still offered. `voices` are the listener voices that it plays now or next."""

    model: str
    shutdown_date: date | None = None
    gone_at: datetime | None = None
    voices: tuple[str, ...] = ()
    is_chat: bool = False

    @property
    def days_left(self) -> int | None:
        """Days until the shutdown; 0 from that day on, None if no day is known."""
        return None if self.shutdown_date is None else max(0, (self.shutdown_date - _today()).days)

    @property
    def retired_since(self) -> datetime | None:
        """When its shutdown day began, or when the provider first refused it; None while it is offered."""
        day = self.shutdown_date
        has_passed = day is not None and day <= _today()
        found = [self.gone_at] if self.gone_at else []
        return min([*found, _start_of(day)] if day is not None and has_passed else found, default=None)

    @property
    def is_retired(self) -> bool:
        return self.retired_since is not None

    def retires_within(self, days: int) -> bool:
        """Whether it is still offered, but is switched off within so many days."""
        return not self.is_retired and self.days_left is not None and self.days_left <= days

    @property
    def is_ending(self) -> bool:
        """Whether it has retired or retires soon."""
        return self.is_retired or self.retires_within(AHEAD_DAYS)

    @property
    def role(self) -> str:
        """The use of the model on this site, in words."""
        does = [f"speaks {_listed(self.voices)}"] if self.voices else []
        return " and ".join([*does, "writes reflections"] if self.is_chat else does)

    @property
    def says(self) -> str:
        """One sentence for staff and operators: when it is or was switched off."""
        what = f"{self.model}, which {self.role}," if self.role else self.model
        if self.shutdown_date is None:
            says = f"The provider has switched off {what} without notice, or the API key may not use it."
            return says if self.gone_at else ""
        day = f"{self.shutdown_date.day} {self.shutdown_date:%B %Y}"
        if self.is_retired:
            when = f"on {day}" if self.shutdown_date <= _today() else "before the day it had announced"
            return f"The provider has switched off {what} {when}."
        days = self.days_left or 0
        return f"The provider switches off {what} on {day}, in {'1 day' if days == 1 else f'{days} days'}."

    @property
    def advice(self) -> str:
        """Sentences that tell staff or operators how to act."""
        found = []
        if self.voices and self.is_retired:
            found.append("Saved audio still plays; nothing new can be made until another voice is chosen.")
        elif self.voices:
            found.append(
                "Before that day, make the clips you may still need in this voice, and choose a new one."
            )
        if self.is_chat and self.is_retired:
            found.append("Reflections come from the bank until REFLECTION_MODEL names another model.")
        elif self.is_chat:
            found.append("Set REFLECTION_MODEL to another model.")
        return " ".join(found)


def outlooks(models: Iterable[str]) -> list[ModelOutlook]:
    """The outlook of each of these models, in one query. Raises Error."""
    names = list(dict.fromkeys(models))
    of_providers = [model for model in names if model != EMBEDDED_MODEL]
    rows = _notices().filter(model__in=of_providers) if of_providers else ()
    notices = {notice.model: notice for notice in rows}
    return [_outlook_of(model, notices.get(model)) for model in names]


def shutdown_date(model: str) -> date | None:
    """The first day on which the model is no longer offered, or None if no day is known. Raises Error."""
    return _outlook(model).shutdown_date


def days_left(model: str) -> int | None:
    """Days until the model is switched off; 0 from that day on, None if no day is known. Raises Error."""
    return _outlook(model).days_left


def is_retired(model: str) -> bool:
    """Whether its shutdown day has come, or the provider has refused it as gone. Raises Error."""
    return _outlook(model).is_retired


def can_still_be_made(spec: VoiceRendition) -> bool:
    """Whether new clips can be made in this rendition. Raises Error.

    The embedded voice is always available. A provider's voice needs the key, and a model still on offer.
    """
    return spec.provider == "embedded" or (bool(conf().openai_api_key) and not is_retired(spec.model))


def retires_on(spec: VoiceRendition) -> date | None:
    """The first day on which no clip can be made in it, or None if no day is known. Raises Error."""
    return None if spec.provider == "embedded" else shutdown_date(spec.model)


def watched_models() -> list[ModelOutlook]:
    """The models in use: those of the live and pending renditions, and the chat model. Raises Error."""
    voices: dict[str, list[str]] = {}
    specs = [(voice, live_rendition(voice)) for voice in conf().listener_voices]
    specs += [(row.listener_voice, row.spec) for row in Rendition.objects.pending()]
    for voice, spec in specs:
        if spec.model != EMBEDDED_MODEL:
            voices.setdefault(spec.model, []).append(voice)
    chat = [conf().reflection_model] if conf().openai_api_key else []
    return [
        ModelOutlook(
            each.model,
            each.shutdown_date,
            each.gone_at,
            tuple(dict.fromkeys(voices.get(each.model, ()))),
            each.model in chat,
        )
        for each in outlooks([*voices, *chat])
    ]


def has_waited_long(pending: Rendition) -> bool:
    """Whether the pending rendition was requested more than SWITCH_PATIENCE ago."""
    return pending.created_at < timezone.now() - SWITCH_PATIENCE


def offered_speech_models() -> list[str]:
    """The speech models of the provider's list as last read, without retired ones.

    Two queries, and no call to the provider. Raises Error.
    """
    in_last_list = _notices().filter(seen_at=F("looked_at")).order_by("model")
    names = filter(is_speech_model, in_last_list.values_list("model", flat=True))
    return [each.model for each in outlooks(names) if not each.is_retired]


# --- calls ------------------------------------------------------------------------------------------------
def require_offered(model: str) -> None:
    """Raises ModelRetired if the provider has refused this model as gone, and Error without a database.

    A date in the past is not enough: providers move their dates, and one refused call costs nothing.
    """
    if model != EMBEDDED_MODEL and notices_of_gone(model).exists():
        raise ModelRetired(model)


def notices_of_gone(model: str) -> ModelNoticeQuerySet:
    """The notice that the provider has refused this model, as a query to combine with others."""
    return _notices().gone().filter(model=model)


def note_gone(model: str) -> None:
    """Record that the provider refused this model as gone, so that no process calls it again."""
    try:
        notice, is_new = ModelNotice.objects.get_or_create(
            service=_service(), model=model, defaults={"gone_at": timezone.now()}
        )
        if not is_new:
            # Keep an earlier time: staff read since when the model is gone.
            ModelNotice.objects.filter(pk=notice.pk, gone_at=None).update(gone_at=timezone.now())
    except Error:
        logger.warning("Could not record that the model %s is gone; the next call tries it again.", model)


def gone_models() -> frozenset[str]:
    """The models that the provider has refused as gone. Raises Error."""
    return frozenset(_notices().gone().values_list("model", flat=True))


# --- the daily look ---------------------------------------------------------------------------------------
def look_once_a_day(leases: Leases) -> None:
    """Read the provider's list of models, unless a host has read it today (UTC). Raises Error."""
    if not is_look_due():
        return
    held = leases.acquire("look-at-models")
    if held is None:
        return  # another host reads it now
    try:
        if is_look_due():  # it may have finished between the look above and the lease
            look_at_models()
    finally:
        leases.release(held)


def is_look_due() -> bool:
    """Whether the list was not read today (UTC) for a model in use. Raises Error."""
    if not conf().openai_api_key:
        return False
    models = {watched.model for watched in watched_models()}
    midnight = _start_of(_today())
    read = _notices().filter(model__in=models, looked_at__gte=midnight).values_list("model", flat=True)
    return bool(models - set(read))


def look_at_models() -> bool:
    """Read the provider's list: note its dates, and allow models that it has again. False if it fails.

    The list is free of charge. Call it under a lease, one caller at a time. Raises Error.
    """
    import openai  # late, because it takes long to load

    read_at = timezone.now()
    release_connections()  # the list may take seconds
    try:
        listed = models_offered(
            api_key=conf().openai_api_key, base_url=conf().openai_base_url, timeout_seconds=LIST_SECONDS
        )
    except openai.APIStatusError as answer:
        if answer.status_code >= 500 or answer.status_code == 429:
            logger.info("The list of models is read later (HTTP %s).", answer.status_code)
            return False
        listed = {}  # not every server has a list, and some keys are limited to speech
    except (openai.OpenAIError, ValueError) as error:
        logger.info("The list of models is read later (%s).", type(error).__name__)
        return False
    _note_list(listed, read_at)
    return True


def _note_list(listed: dict[str, date | None], read_at: datetime) -> None:
    """Write a row for each model that is in use, was noted before, or has a date, and for each speech model:
    staff can choose among them."""
    service = _service()
    worth_noting = {model for model, day in listed.items() if day is not None or is_speech_model(model)}
    known = set(_notices().values_list("model", flat=True))
    rows = [
        ModelNotice(
            service=service,
            model=model[:100],
            shutdown_date=listed.get(model),
            looked_at=read_at,
            seen_at=read_at if model in listed else None,
        )
        for model in sorted({watched.model for watched in watched_models()} | worth_noting | known)
    ]
    there = [row for row in rows if row.seen_at is not None]
    absent = [row for row in rows if row.seen_at is None]  # their known dates stay
    for some, fields in ((there, ["looked_at", "seen_at", "shutdown_date"]), (absent, ["looked_at"])):
        ModelNotice.objects.bulk_create(
            some, update_conflicts=True, unique_fields=["service", "model"], update_fields=fields
        )
    _allow_calls_of_found_models(read_at)


def _allow_calls_of_found_models(read_at: datetime) -> None:
    """Allow calls of gone models that the list just read names, unless their shutdown day has passed.

    A list may name a model for a while after its shutdown. A refusal newer than the list stays in force.
    """
    for notice in _notices().gone().filter(seen_at=read_at, gone_at__lte=read_at):
        day = _outlook_of(notice.model, notice).shutdown_date
        if day is None or day > _today():
            ModelNotice.objects.filter(pk=notice.pk, gone_at=notice.gone_at).update(gone_at=None)
            logger.warning("The provider has the model %s again.", notice.model)


# --- what is known ----------------------------------------------------------------------------------------
def _service() -> str:
    return fingerprint_of((conf().openai_base_url, conf().openai_api_key))[:16]


def _notices() -> ModelNoticeQuerySet:
    return ModelNotice.objects.of_service(_service())


def _outlook(model: str) -> ModelOutlook:
    return outlooks([model])[0]


def _outlook_of(model: str, notice: ModelNotice | None) -> ModelOutlook:
    """The setting overrides the provider's list, which overrides OpenAI's announcements."""
    if model == EMBEDDED_MODEL:
        return ModelOutlook(model)
    day = conf().model_shutdown.get(model)
    if day is None and notice is not None:
        day = notice.shutdown_date
    if day is None:
        day = announced_shutdown(model, conf().openai_base_url)
    return ModelOutlook(model, day, notice.gone_at if notice is not None else None)


# --- days -------------------------------------------------------------------------------------------------
def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
