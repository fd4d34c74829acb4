"""Report: everything the dashboard shows for one look."""

from __future__ import annotations

from dataclasses import dataclass

from ttscache.accounting.budget import BudgetToday, budget_today
from ttscache.conf import conf
from ttscache.figures import asked, demo, heard, holdings, needs, time_to_sound, work
from ttscache.figures import money as moneys
from ttscache.figures.remembered import Remembered
from ttscache.figures.scope import Scope
from ttscache.models import DEMO_MARK


@dataclass(frozen=True, slots=True)
class Report:
    scope: Scope
    asked: asked.Asked
    time_to_sound: time_to_sound.TimeToSound
    money: moneys.Money
    budget: BudgetToday
    coverage: holdings.Coverage
    storage: holdings.Storage
    never_heard: Remembered[holdings.NeverHeard]
    not_asked_for: Remembered[holdings.NotAskedFor] | None
    heard: heard.MostHeard
    runs: list[work.Run]
    queue: work.Queue
    provider: work.Provider
    needs: list[needs.Need]
    voices: list[str]
    is_anything_counted: bool
    has_demo: bool

    @property
    def shows_demo(self) -> bool:
        """Whether some of these figures are made up."""
        return self.has_demo and self.scope.voice in ("", *demo.VOICES)


def report(scope: Scope, *, hidden: bool = False) -> Report:
    """The same number of queries however much there is. Raises DatabaseError."""
    requests = asked.asked(scope)
    covered = holdings.coverage(scope)
    space = holdings.storage(scope)
    waiting = work.queue(requests)
    service = work.provider(scope)
    budget = budget_today()
    has_demo = demo.is_there()
    return Report(
        scope=scope,
        asked=requests,
        time_to_sound=time_to_sound.time_to_sound(scope),
        money=moneys.money(scope, requests.worth_microusd),
        budget=budget,
        coverage=covered,
        storage=space,
        never_heard=holdings.never_heard(scope),
        not_asked_for=holdings.not_asked_for(),
        heard=heard.most_heard(scope, space.reflections_on_record, hidden=hidden),
        runs=work.runs(),
        queue=waiting,
        provider=service,
        needs=needs.needs(covered, waiting, budget, space),
        voices=_voices(scope, space, has_demo=has_demo),
        is_anything_counted=bool(requests.rate.requests) or asked.is_anything_counted(),
        has_demo=has_demo,
    )


def _voices(scope: Scope, space: holdings.Storage, *, has_demo: bool) -> list[str]:
    """To choose from: those of listeners, further ones that clips are on record in, and the made-up ones."""
    further = [voice for voice in space.voices if not voice.endswith(DEMO_MARK)]
    made_up = demo.VOICES if has_demo else ()
    chosen = [scope.voice] if scope.voice else []
    return list(dict.fromkeys([*conf().listener_voices, *further, *made_up, *chosen]))
