"""Alerts: staff are mailed once when trouble begins, and once when it is resolved.

The database records what was mailed, so that a restart or another host mails nothing twice. If the mail
server is down, the next look tries again.
"""

from __future__ import annotations

import logging
import shutil
import smtplib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from ttscache.accounting.budget import budget_today
from ttscache.accounting.ledger import HITS
from ttscache.conf import conf
from ttscache.coordination.hosts import host_name
from ttscache.models import Alert, ContentType, LastProviderOutcome, Usage
from ttscache.monitoring import inventory
from ttscache.renditions.retirement import ModelOutlook, watched_models

logger = logging.getLogger(__name__)

Kind = Alert.Kind

# An alert begins at the first share and ends below the second: around a single mark it would come and go.
BUDGET_SHARE, BUDGET_SHARE_OVER = 0.8, 0.7  # calls that end return some of the money set aside
STORAGE_SHARE, STORAGE_SHARE_OVER = 0.9, 0.85
COVERAGE_PATIENCE = timedelta(minutes=15)  # clips of a text that was just published are being made
RETIREMENT_DAYS = (30, 14, 7, 1)  # before a model is switched off
MOST_CHARACTERS = 300  # of what an alert says
FEWEST_LOOKUPS = 50
HIT_RATE_HOURS = 24
REFUSALS = {
    Kind.KEY_REFUSED: "The voice service refuses our key (OPENAI_API_KEY): nothing new can be made.",
    Kind.QUOTA_USED_UP: "The voice service says that our quota is used up: nothing new can be made.",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something staff have to know.

    `subject` tells apart troubles of one kind. `patience` is how long it may last before staff are told. If
    they were told before `told_again_from`, they are told again, because it has grown worse since.
    """

    kind: Alert.Kind
    says: str
    subject: str = ""
    patience: timedelta = timedelta()
    told_again_from: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.subject


def open_alerts() -> list[Alert]:
    """Alerts that staff have to know of now, the latest first. Raises Error."""
    return list(Alert.objects.open())


def last_outcomes() -> dict[str, datetime]:
    """When a provider call last ended with each outcome. Raises Error."""
    return dict(LastProviderOutcome.objects.values_list("outcome", "at"))


def refused_because(last: Mapping[str, datetime]) -> Alert.Kind | None:
    """Why the voice service refuses calls, by its last outcomes; None if a call has succeeded since."""
    refused = max((kind for kind in REFUSALS if kind in last), key=lambda kind: last[kind], default=None)
    return refused if refused and ("ok" not in last or last["ok"] < last[refused]) else None


def check_alerts() -> None:
    """Open and resolve alerts, and mail staff about them. Raises Error.

    Call it under a lease, one caller at a time over all hosts; see tasks.look_for_trouble.
    """
    # Open alerts first: some troubles end at a lower mark than the one at which they began.
    standing = {(alert.kind, alert.subject): alert for alert in Alert.objects.filter(over_at__isnull=True)}
    found = {trouble.key: trouble for trouble in _trouble(set(standing))}
    for key, trouble in found.items():
        if key in standing:
            _go_on(standing[key], trouble)
        else:
            _begin(trouble)
    for key, alert in standing.items():
        if key not in found and _can_judge(alert):
            _end(alert)
    _tell()


def _begin(trouble: Trouble) -> None:
    now = timezone.now()
    due_at = now + trouble.patience
    alert = Alert(kind=trouble.kind, subject=trouble.subject, says=trouble.says, since=now, due_at=due_at)
    Alert.objects.bulk_create([alert], ignore_conflicts=True)  # a constraint allows one open row


def _go_on(alert: Alert, trouble: Trouble) -> None:
    standing = Alert.objects.filter(pk=alert.pk, over_at__isnull=True)
    standing.update(says=trouble.says)
    if trouble.told_again_from is not None:
        standing.filter(mailed_at__lt=trouble.told_again_from).update(mailed_at=None)


@transaction.atomic
def _end(alert: Alert) -> None:
    """Resolve the alert, or delete it if it passed before staff were to be told."""
    now = timezone.now()
    Alert.objects.filter(pk=alert.pk, over_at__isnull=True, due_at__gt=now).delete()
    Alert.objects.filter(pk=alert.pk, over_at__isnull=True).update(over_at=now)


def _can_judge(alert: Alert) -> bool:
    """Whether this host can tell that the trouble is over: each host sees only its own disk."""
    return alert.kind != Kind.STORAGE or alert.subject in ("", host_name())


# --- kinds of trouble ------------------------------------------------------------------------------------
def _trouble(standing: set[tuple[str, str]]) -> Iterator[Trouble]:
    # It lasts until a call succeeds: only a call shows whether a key is good for speech.
    if refused := refused_because(last_outcomes()):
        yield Trouble(refused, REFUSALS[refused])
    yield from _budget(standing)
    yield from _coverage()
    yield from _hit_rates()
    yield from _storage(standing)
    yield from _retirements(standing)


def _budget(standing: set[tuple[str, str]]) -> Iterator[Trouble]:
    budget = budget_today()
    if not budget.cap_usd:
        return
    mark = BUDGET_SHARE_OVER if (Kind.BUDGET, "") in standing else BUDGET_SHARE
    if budget.committed_usd >= mark * budget.cap_usd:
        yield Trouble(
            Kind.BUDGET,
            f"${budget.committed_usd:,.2f} of today's ${budget.cap_usd:,.2f} (UTC) are spent or set aside. "
            "Once all is spent, saved audio still plays, and nothing new is made until tomorrow.",
        )


def _coverage() -> Iterator[Trouble]:
    coverage = inventory.coverage()
    if coverage.ready < coverage.total:
        says = (
            f"{coverage.ready} of {coverage.total} published clips are ready; listeners wait for the others."
        )
        yield Trouble(Kind.COVERAGE, says, patience=COVERAGE_PATIENCE)


def _hit_rates() -> Iterator[Trouble]:
    """Check each content type that has a target and at least FEWEST_LOOKUPS requests."""
    since = timezone.now() - timedelta(hours=HIT_RATE_HOURS)
    counted = (
        Usage.objects.filter(hour__gt=since)
        .order_by()
        .values_list("content_type")
        .annotate(lookups=Sum("requests"), hits=Sum("requests", filter=Q(outcome__in=HITS), default=0))
    )
    for kind, lookups, hits in counted:
        target = conf().hit_rate_targets.get(kind, 0.0)
        if lookups >= FEWEST_LOOKUPS and hits / lookups < target:
            name = dict(ContentType.choices).get(kind, kind)
            yield Trouble(
                Kind.HIT_RATE,
                f"{name}: {hits / lookups:.1%} of {lookups:,} clips requested in the last {HIT_RATE_HOURS} "
                f"hours were ready at once; the target is {target:.1%}.",
                subject=kind,
            )


def _storage(standing: set[tuple[str, str]]) -> Iterator[Trouble]:
    """Measured by TTS_STORAGE_LIMIT_BYTES; if that is not set, by the disk of this host."""
    limit = conf().storage_limit_bytes
    subject = "" if limit else host_name()
    mark = STORAGE_SHARE_OVER if (Kind.STORAGE, subject) in standing else STORAGE_SHARE
    if limit:
        used = sum(held.stored_bytes for held in inventory.clips_held())
        what = "the space for clips (TTS_STORAGE_LIMIT_BYTES)"
    else:
        try:
            disk = shutil.disk_usage(conf().files_dir)
        except OSError:
            logger.warning("The free space of the disk with the local files cannot be read.")
            return
        limit, used = disk.used + disk.free, disk.used  # `total` includes space reserved for root
        what = f"the disk of the local files on {subject}"
    if used >= mark * limit:
        yield Trouble(Kind.STORAGE, f"{used / limit:.0%} of {what} is used.", subject=subject)


def _retirements(_: set[tuple[str, str]]) -> Iterator[Trouble]:
    """Tell of each model in use on RETIREMENT_DAYS before it is switched off, and on the day itself."""
    for model in watched_models():
        if model.is_retired or model.retires_within(max(RETIREMENT_DAYS)):
            yield Trouble(
                Kind.MODEL_RETIRES,
                f"{model.says} {model.advice}"[:MOST_CHARACTERS],
                subject=model.model,
                told_again_from=_stage_began(model),
            )


def _stage_began(model: ModelOutlook) -> datetime:
    """When the latest stage began: one of RETIREMENT_DAYS, or the shutdown itself."""
    if model.retired_since is not None:
        return model.retired_since
    assert model.shutdown_date is not None
    days = min(days for days in RETIREMENT_DAYS if model.retires_within(days))
    return datetime.combine(model.shutdown_date - timedelta(days=days), time(), UTC)


# --- mail ------------------------------------------------------------------------------------------------
def _tell() -> None:
    """Mail what was not mailed yet. If the mail server fails, the rest waits for the next look."""
    now = timezone.now()
    begun = Q(over_at__isnull=True, due_at__lte=now, mailed_at__isnull=True)
    ended = Q(over_at__isnull=False, over_mailed_at__isnull=True)
    untold = list(Alert.objects.filter(begun | ended).order_by("since"))
    if not untold:
        return
    if not settings.ALERT_EMAILS:
        for alert in untold:
            logger.warning("%s (No mail: ALERT_EMAILS is not set.)", _sentence(alert))
            _mark(alert)
        return
    try:
        with get_connection() as server:
            for alert in untold:
                server.send_messages([_mail_about(alert)])
                _mark(alert)
    except (smtplib.SMTPException, OSError) as error:
        # Each alert was marked as soon as it was sent, so the next look does not mail it again.
        logger.warning("Alerts are mailed later; the mail server fails (%s).", type(error).__name__)


def _mark(alert: Alert) -> None:
    """Record that the beginning, or the end, of the alert was told."""
    field = "mailed_at" if alert.over_at is None else "over_mailed_at"
    Alert.objects.filter(pk=alert.pk, **{f"{field}__isnull": True}).update(**{field: timezone.now()})


def _mail_about(alert: Alert) -> EmailMessage:
    is_over = alert.over_at is not None
    lines = [_sentence(alert), "", f"Since {alert.since:%d %b %Y, %H:%M} (UTC)."]
    if alert.over_at is not None:
        lines.append(f"Resolved {alert.over_at:%d %b %Y, %H:%M} (UTC).")
    lines.append(f"Sent by Life Review on {host_name()}. The staff pages list all alerts.")
    subject = f"[Life Review] {'Resolved: ' if is_over else ''}{alert.get_kind_display()}"
    return EmailMessage(subject, "\n".join(lines) + "\n", to=settings.ALERT_EMAILS)


def _sentence(alert: Alert) -> str:
    return f"Resolved: {alert.says}" if alert.over_at is not None else alert.says
