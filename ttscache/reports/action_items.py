"""What staff should look at; and what others add to the dashboard without its knowing them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils import timezone

from ttscache import alerts
from ttscache.analytics import BudgetToday
from ttscache.models import Alert, Clip
from ttscache.reports.background_work import WorkQueue, failed_lately
from ttscache.reports.storage import PublishedCoverage, Storage
from ttscache.rollup import start_of_day
from ttscache.tries import MOST_TRIES


@dataclass(frozen=True, slots=True)
class Need:
    """A sentence and where to go. `right`: the permission that the place asks for. `about`: the kind of alert
    that would say the same, later or with fewer words."""

    says: str
    address: str  # a path, or the name of a route and what follows it after a question mark
    right: str = ""
    is_urgent: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Further:
    """A link beside a reflection of the model that is heard often, e.g. to put it into the bank."""

    label: str
    address: Callable[[Clip], str]
    right: str = ""


_needs: list[Callable[[], Iterable[Need]]] = []
_further: list[Further] = []


def add_needs(look: Callable[[], Iterable[Need]]) -> None:
    """Have this asked as well, each time the dashboard is shown. For apps, at their start."""
    _needs.append(look)


def add_reflection_link(link: Further) -> None:
    """Have this link beside each of the most heard that is not of the bank. For apps, at their start."""
    _further.append(link)


def reflection_links() -> list[Further]:
    return list(_further)


def needs(covered: PublishedCoverage, waiting: WorkQueue, budget: BudgetToday, space: Storage) -> list[Need]:
    found = list(_of_sound(covered, waiting, budget, space))
    found += _of_alerts({need.about for need in found})
    return _in_order([*found, *_of_others()])


def needs_without_figures() -> list[Need]:
    """Those that others look for, for staff who do not see figures. Raises DatabaseError."""
    return _in_order(_of_others())


def _of_others() -> Iterable[Need]:
    for look in _needs:
        yield from look()


def _in_order(found: Iterable[Need]) -> list[Need]:
    return sorted(found, key=lambda need: not need.is_urgent)


def _of_alerts(said: Container[str]) -> Iterable[Need]:
    """The open ones, but for those that are said already."""
    for alert in alerts.open_alerts():
        if alert.kind not in said:
            address = "admin:ttscache_alert_changelist?state=open"
            yield Need(alert.says, address, "ttscache.view_alert", is_urgent=True)


def _of_sound(
    covered: PublishedCoverage, waiting: WorkQueue, budget: BudgetToday, space: Storage
) -> Iterable[Need]:
    kind = Alert.Kind
    spending, clips = "admin:ttscache_spending_changelist", "admin:ttscache_clip_changelist"
    if refused := alerts.refused_because():
        says, address = alerts.REFUSALS[refused], f"{spending}?outcome={refused}"
        yield Need(says, address, "ttscache.view_spending", is_urgent=True, about=refused)
    if budget.is_spent:
        says = "Today's budget is spent"
        today = f"{spending}?{urlencode({'hour__gte': start_of_day(timezone.now())})}"
        yield Need(says, today, "ttscache.view_spending", is_urgent=True, about=kind.BUDGET)
    if covered.missing:
        says = _count(covered.missing, "published clip is", "published clips are") + " not made"
        address = f"{clips}?published=yes&made=no"
        yield Need(says, address, "ttscache.view_clip", is_urgent=True, about=kind.COVERAGE)
    if waiting.tried_out:
        says = _count(waiting.tried_out, "published clip", "published clips") + f" failed {MOST_TRIES} times"
        address = f"{clips}?made=tried_out"
        what_next = ": nobody tries again before you do (Try again, under Queue)"
        yield Need(says + what_next, address, "ttscache.view_clip", is_urgent=True)
    if space.is_nearly_full:
        says = "Storage is more than 90% full"
        yield Need(says, clips, "ttscache.view_clip", is_urgent=True, about=kind.STORAGE)
    if waiting.failed:
        says = _count(waiting.failed, "clip", "clips") + " could not be made in 24 hours"
        yield Need(says, f"{clips}?made=failed", "ttscache.view_clip")
    if waiting.tasks_failed:
        says = _count(waiting.tasks_failed, "background task", "background tasks") + " failed in 24 hours"
        yield Need(says, f"admin:django_q_failure_changelist?{failed_lately()}", "django_q.view_failure")


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"
