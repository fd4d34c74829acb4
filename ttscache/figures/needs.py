"""What staff should look at; and what others add to the dashboard without its knowing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ttscache.analytics import BudgetToday
from ttscache.figures.holdings import Coverage, Storage
from ttscache.figures.work import Provider, Queue
from ttscache.models import Clip


@dataclass(frozen=True, slots=True)
class Need:
    """A sentence and where to go. `right`: the permission that the place asks for."""

    says: str
    address: str  # a path, or the name of a route and what follows it after a question mark
    right: str = ""
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Further:
    """A link beside a reflection that is heard often, e.g. to put it into the bank."""

    label: str
    address: Callable[[Clip], str]
    right: str = ""


_needs: list[Callable[[], Iterable[Need]]] = []
_further: list[Further] = []


def add_needs(look: Callable[[], Iterable[Need]]) -> None:
    """Have this asked as well, each time the dashboard is shown. For apps, at their start."""
    _needs.append(look)


def add_reflection_link(link: Further) -> None:
    """Have this link beside each reflection of the most heard. For apps, at their start."""
    _further.append(link)


def reflection_links() -> list[Further]:
    return list(_further)


def needs(
    covered: Coverage, waiting: Queue, voice_service: Provider, budget: BudgetToday, space: Storage
) -> list[Need]:
    found = list(_of_sound(covered, waiting, voice_service, budget, space))
    for look in _needs:
        found += look()
    return sorted(found, key=lambda need: not need.is_urgent)


def _of_sound(
    covered: Coverage, waiting: Queue, voice_service: Provider, budget: BudgetToday, space: Storage
) -> Iterable[Need]:
    spending, clips = "admin:ttscache_spending_changelist", "admin:ttscache_clip_changelist"
    if refused := voice_service.classes["Key refused"]:
        says = f"The voice service refused our key {refused:,} times in 24 hours"
        yield Need(says, f"{spending}?outcome=key_refused", "ttscache.view_spending", is_urgent=True)
    if voice_service.classes["Quota used up"]:
        says = "The voice service says that our quota is used up"
        yield Need(says, f"{spending}?outcome=quota_used_up", "ttscache.view_spending", is_urgent=True)
    if budget.is_spent:
        yield Need("Today's budget is spent", spending, "ttscache.view_spending", is_urgent=True)
    if covered.missing:
        says = _count(covered.missing, "published clip is", "published clips are") + " not made"
        yield Need(says, f"{clips}?published=yes&made=no", "ttscache.view_clip", is_urgent=True)
    if space.is_nearly_full:
        yield Need("Storage is more than 90% full", clips, "ttscache.view_clip", is_urgent=True)
    if waiting.failed:
        says = _count(waiting.failed, "clip", "clips") + " could not be made in 24 hours"
        yield Need(says, "admin:ttscache_warmrun_changelist?state=failed", "ttscache.view_warmrun")
    if waiting.tasks_failed:
        says = _count(waiting.tasks_failed, "background task", "background tasks") + " failed in 24 hours"
        yield Need(says, "admin:django_q_failure_changelist", "django_q.view_failure")


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"
