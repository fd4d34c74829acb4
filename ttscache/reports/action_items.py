"""Action items: trouble that staff should look at, each with the page where they can act."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.formats import date_format

from ttscache import hooks
from ttscache.accounting.budget import BudgetToday
from ttscache.accounting.rollup import start_of_day
from ttscache.hooks import ActionItem
from ttscache.models import Alert, RefusedTake
from ttscache.monitoring import alerts
from ttscache.renditions.retirement import ModelOutlook, has_waited_long
from ttscache.reports.background_work import WorkQueue, failed_lately
from ttscache.reports.last_takes import missing_last_takes
from ttscache.reports.retirements import VOICES_PAGE, ending_models
from ttscache.reports.storage import PublishedCoverage, Storage
from ttscache.warming.rendition_switch import pending_renditions, progress_of_takeover
from ttscache.warming.retry_limit import MOST_TRIES

URGENT_DAYS = 14  # before a model is switched off


def action_items(
    covered: PublishedCoverage,
    waiting: WorkQueue,
    budget: BudgetToday,
    space: Storage,
    *,
    retirements: Sequence[ModelOutlook],
    last_outcomes: Mapping[str, datetime],
) -> list[ActionItem]:
    found = list(_of_service(last_outcomes))
    found += _of_sound(covered, waiting, budget, space, retirements)
    found += _of_voices(retirements)
    found += _of_switches()
    found += _of_refused_takes()
    # Alerts come last: they leave out what an earlier item already says.
    found += _of_alerts({item.about for item in found})
    return _in_order([*found, *hooks.installed().action_items()])


def action_items_without_figures() -> list[ActionItem]:
    """Items about voices and items of the app above, for staff who may not see figures. Raises Error."""
    return _in_order(
        [
            *_of_voices(ending_models()),
            *_of_switches(),
            *_of_refused_takes(),
            *hooks.installed().action_items(),
        ]
    )


def _in_order(found: Iterable[ActionItem]) -> list[ActionItem]:
    return sorted(found, key=lambda item: not item.is_urgent)


def _of_alerts(said: Container[str]) -> Iterable[ActionItem]:
    """Open alerts, except kinds that another item already reports."""
    for alert in alerts.open_alerts():
        if alert.kind not in said:
            address = "admin:ttscache_alert_changelist?state=open"
            yield ActionItem(alert.says, address, "ttscache.view_alert", is_urgent=True)


def _of_voices(retirements: Sequence[ModelOutlook]) -> Iterable[ActionItem]:
    """Models that retire or have retired."""
    about, right = Alert.Kind.MODEL_RETIRES, "ttscache.view_clip"
    for model in retirements:
        is_urgent = model.is_retired or model.retires_within(URGENT_DAYS)
        says = f"{model.says} {model.advice}"
        yield ActionItem(says, VOICES_PAGE, right, is_urgent=is_urgent, about=about)


def _of_service(last_outcomes: Mapping[str, datetime]) -> Iterable[ActionItem]:
    if refused := alerts.refused_because(last_outcomes):
        says, address = alerts.REFUSALS[refused], f"admin:ttscache_spending_changelist?outcome={refused}"
        yield ActionItem(says, address, "ttscache.view_spending", is_urgent=True, about=refused)


def _of_sound(
    covered: PublishedCoverage,
    waiting: WorkQueue,
    budget: BudgetToday,
    space: Storage,
    retirements: Sequence[ModelOutlook],
) -> Iterable[ActionItem]:
    kind = Alert.Kind
    spending, clips = "admin:ttscache_spending_changelist", "admin:ttscache_clip_changelist"
    if budget.is_spent:
        says = "Today's budget is spent"
        today = f"{spending}?{urlencode({'hour__gte': start_of_day(timezone.now())})}"
        yield ActionItem(says, today, "ttscache.view_spending", is_urgent=True, about=kind.BUDGET)
    if covered.missing:
        says = _count(covered.missing, "published clip is", "published clips are") + " not made"
        address = f"{clips}?published=yes&made=no"
        yield ActionItem(says, address, "ttscache.view_clip", is_urgent=True, about=kind.COVERAGE)
    if takes := missing_last_takes(retirements):
        says = _count(takes.clips, "last take is", "last takes are") + " not made: the present voice "
        says += f"is switched off on {date_format(takes.from_day, 'j M Y')}"
        yield ActionItem(says, "admin:ttscache_last_takes", "ttscache.make_clip", is_urgent=True)
    if waiting.exhausted:
        says = _count(waiting.exhausted, "published clip", "published clips") + f" failed {MOST_TRIES} times"
        address = f"{clips}?made=exhausted"
        what_next = ": press Try again, under Queue"
        yield ActionItem(says + what_next, address, "ttscache.view_clip", is_urgent=True)
    if space.is_nearly_full:
        says = "Storage is more than 90% full"
        yield ActionItem(says, clips, "ttscache.view_clip", is_urgent=True, about=kind.STORAGE)
    if waiting.failed:
        says = _count(waiting.failed, "clip", "clips") + " could not be made in 24 hours"
        yield ActionItem(says, f"{clips}?made=failed", "ttscache.view_clip")
    if waiting.tasks_failed:
        says = _count(waiting.tasks_failed, "background task", "background tasks") + " failed in 24 hours"
        yield ActionItem(
            says, f"admin:django_q_failure_changelist?{failed_lately()}", "django_q.view_failure"
        )


def _of_switches() -> Iterable[ActionItem]:
    """Pending renditions that are held up or have waited for more than a day, one item for each."""
    for rendition in pending_renditions():
        progress = progress_of_takeover(rendition)
        failed, who = len(progress.failed), f"The new voice for {rendition.listener_voice} is waiting"
        if is_long := has_waited_long(rendition):
            since = date_format(rendition.created_at, "j M Y")
            who = f"The new voice for {rendition.listener_voice} has waited since {since}"
        if failed:
            says = f"{who}: {_count(failed, 'clip', 'clips')} could not be made"
        elif progress.waits_for:
            says = f"{who}. {progress.waits_for}"
        elif is_long:
            says = f"{who}: {_count(len(progress.planned.missing), 'clip is', 'clips are')} not made yet"
        else:
            continue
        yield ActionItem(says, VOICES_PAGE, "ttscache.view_rendition", is_urgent=progress.is_stuck)


def _of_refused_takes() -> Iterable[ActionItem]:
    if number := RefusedTake.objects.undecided().count():
        says = _count(number, "refused recording waits", "refused recordings wait") + " for your decision"
        address = "admin:ttscache_clip_changelist?made=refused"
        yield ActionItem(says, address, "ttscache.view_clip", is_urgent=True)


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"
