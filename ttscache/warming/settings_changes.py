"""Settings that say who plays each listener voice. Changing them works like a choice by staff.

Each installation records its settings and follows them only when they differ from that record. So a restart
does not undo a choice by staff, and a host that restarts with old settings does not undo newer ones.

A new installation is followed too, unless its settings are old ones. They are old if a running installation
has them already, and another running one has changed to other settings since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from ttscache import hooks
from ttscache.conf import conf
from ttscache.coordination.hosts import AT_WORK_SECONDS, name_of, this_host
from ttscache.models import (
    Clip,
    DatabaseIdentity,
    ForgottenInstallation,
    InstallationSettings,
    ProcessReport,
    Rendition,
)
from ttscache.renditions.current import forget_renditions
from ttscache.speech import LEGACY_MODEL, VoiceRendition
from ttscache.warming.rendition_switch import (
    BY_SETTINGS,
    cancel_rendition,
    pending_renditions,
    request_rendition,
)

# https://platform.openai.com/docs/deprecations: tts-1-hd shuts down on this day, and names its successor.
DEFAULT_CHANGES_ON = date(2027, 1, 6)
LATER_DEFAULT_MODEL = "gpt-realtime-2.1-mini"

INSTALLATIONS_KEPT = timedelta(days=30)  # since they were last seen
FORGOTTEN_KEPT = timedelta(days=365)  # an installation that returns later counts as new

Wished = dict[str, dict[str, Any]]  # by listener voice, as JSON has it


def follow_settings() -> None:
    """Request the renditions of the settings, if the settings have changed. Safe to call at every start.

    If a voice has no rendition yet, the settings' one plays at once. After an adoption, the earlier system's
    rendition plays until all clips of the new one are ready. Raises Error.
    """
    try:
        _follow()
    except IntegrityError:  # another host made its first start at the same moment, and was faster
        _follow()


@transaction.atomic
def _follow() -> None:
    specs = {voice: rendition_by_settings(voice) for voice in conf().listener_voices}
    wished: Wished = {voice: asdict(spec) for voice, spec in specs.items()}
    known = list(InstallationSettings.objects.all())  # the latest first
    mine = next((row for row in known if row.installation == _installation()), None)
    if mine is not None and mine.renditions == wished and not _voices_without_rendition(specs):
        _note_seen(mine)
        return
    hooks.installed().lock_texts()
    _record_first(specs)
    if mine is None and _comes_back(wished):
        _record(wished, _before_all(known))
        return
    if mine is None and (older := _older_settings(known, wished)) is not None:
        _record(wished, older.since)
        return
    before: Wished = mine.renditions if mine is not None else known[0].renditions if known else {}
    if mine is None or mine.renditions != wished:
        _record(wished, timezone.now())
    for voice, spec in specs.items():
        if before.get(voice) != wished[voice]:
            request_rendition(voice, spec, requested_by=BY_SETTINGS)
    for pending in pending_renditions().filter(listener_voice__in=before.keys() - wished.keys()):
        cancel_rendition(pending)
    transaction.on_commit(forget_renditions)


def rendition_by_settings(listener_voice: str) -> VoiceRendition:
    """The rendition of the settings. Without TTS_MODEL, its model is the one this site chose first."""
    given = conf()
    if not given.model and given.provider == "openai":
        given = replace(given, model=_default_model())
    return given.rendition(listener_voice)


def _default_model() -> str:
    identity, _ = DatabaseIdentity.objects.get_or_create(pk=1)
    if not identity.default_model:
        identity.default_model = _chosen_default()
        DatabaseIdentity.objects.filter(pk=1, default_model="").update(default_model=identity.default_model)
        identity.refresh_from_db()  # another host may have chosen first
    return identity.default_model


def _chosen_default() -> str:
    """The default by today's date; but a site with clips of the provider keeps the earlier default."""
    speaks_already = Rendition.objects.live().filter(provider="openai").exists() or _earlier_clips().exists()
    if speaks_already or timezone.now().date() < DEFAULT_CHANGES_ON:
        return LEGACY_MODEL
    return LATER_DEFAULT_MODEL


def _voices_without_rendition(specs: Mapping[str, VoiceRendition]) -> set[str]:
    live = Rendition.objects.live().filter(listener_voice__in=specs).order_by()
    return specs.keys() - set(live.values_list("listener_voice", flat=True))


def _record_first(specs: Mapping[str, VoiceRendition]) -> None:
    """Give each voice without a rendition one that plays at once: there is no sound yet to keep."""
    now = timezone.now()
    for voice in sorted(_voices_without_rendition(specs)):
        spec = _earlier_rendition(voice) or specs[voice]
        Rendition.objects.create(
            **asdict(spec),
            listener_voice=voice,
            state=Rendition.State.LIVE,
            requested_by=BY_SETTINGS,
            live_at=now,
        )


def _earlier_rendition(listener_voice: str) -> VoiceRendition | None:
    """The rendition of an earlier system, or None if it left no clips in this voice."""
    if not _earlier_clips().filter(voice=listener_voice).exists():
        return None
    return VoiceRendition(provider="openai", model=LEGACY_MODEL, voice=listener_voice)


def _earlier_clips() -> Any:
    return Clip.objects.with_audio().filter(model=LEGACY_MODEL, audio_format="mp3", adopted_at__isnull=False)


# --- installations ------------------------------------------------------------------------------------------
def _installation() -> str:
    return f"{name_of(this_host())}:{conf().files_dir.absolute()}"[:500]


def _record(wished: Wished, since: datetime) -> None:
    InstallationSettings.objects.update_or_create(
        installation=_installation(),
        defaults={"host": this_host(), "renditions": wished, "since": since, "seen_at": timezone.now()},
    )


def _note_seen(mine: InstallationSettings) -> None:
    """Record once a day that this installation is in use; processes start more often."""
    InstallationSettings.objects.filter(pk=mine.pk).exclude(host=this_host()).update(host=this_host())
    yesterday = timezone.now() - timedelta(days=1)
    InstallationSettings.objects.filter(pk=mine.pk, seen_at__lt=yesterday).update(seen_at=timezone.now())


def _comes_back(wished: Wished) -> bool:
    """Whether this installation was forgotten, and still has the settings of that time."""
    mine = InstallationSettings(installation=_installation(), renditions=wished)
    return ForgottenInstallation.objects.filter(digest=mine.digest).exists()


def _before_all(known: list[InstallationSettings]) -> datetime:
    """A time before all records, so that a returning installation never counts as the latest."""
    return min((row.since for row in known), default=timezone.now()) - timedelta(seconds=1)


def forget_installations() -> None:
    """Delete records of installations not seen for INSTALLATIONS_KEPT. Runs once a day. Raises Error.

    A digest of each is kept for FORGOTTEN_KEPT, so that it undoes nothing when it returns.
    """
    now = timezone.now()
    reported = ProcessReport.objects.filter(reported_at__gt=Now() - timedelta(seconds=AT_WORK_SECONDS))
    InstallationSettings.objects.filter(host__in=reported.values("host")).update(seen_at=now)
    latest = InstallationSettings.objects.values("pk")[:1]  # kept: a new installation is compared with it
    away = InstallationSettings.objects.filter(seen_at__lt=now - INSTALLATIONS_KEPT)
    unseen = list(away.exclude(pk__in=list(latest.values_list("pk", flat=True))))
    with transaction.atomic():
        traces = [ForgottenInstallation(digest=row.digest, forgotten_at=now) for row in unseen]
        ForgottenInstallation.objects.bulk_create(traces, ignore_conflicts=True)
        away.filter(
            pk__in=[row.pk for row in unseen]
        ).delete()  # `away` again: it may have returned meanwhile
    ForgottenInstallation.objects.filter(forgotten_at__lt=now - FORGOTTEN_KEPT).delete()


def _older_settings(known: list[InstallationSettings], wished: Wished) -> InstallationSettings | None:
    """A running installation with these settings, if another running one has changed to others since."""
    ago = Now() - timedelta(seconds=AT_WORK_SECONDS)
    hosts = set(ProcessReport.objects.filter(reported_at__gt=ago).values_list("host", flat=True))
    at_work = [row for row in known if row.host in hosts]
    same = next((row for row in at_work if row.renditions == wished), None)
    if same is None or at_work[0].renditions == wished:
        return None
    return same
