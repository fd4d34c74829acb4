"""Report: all figures that the dashboard shows for one scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ttscache.accounting.budget import BudgetToday, budget_today
from ttscache.adaptive_cache import CachedResult, read_together
from ttscache.conf import conf
from ttscache.hooks import ActionItem
from ttscache.renditions.current import live_rendition, names_of_voices
from ttscache.renditions.retirement import ModelOutlook
from ttscache.reports.action_items import action_items
from ttscache.reports.background_work import ProviderStatus, RunProgress, WorkQueue, provider, queue, runs
from ttscache.reports.cached import names_of_figures
from ttscache.reports.costs import Costs, costs
from ttscache.reports.hit_rates import RequestFigures, is_anything_counted, request_figures
from ttscache.reports.most_heard import MostHeard, most_heard
from ttscache.reports.retirements import ending_models
from ttscache.reports.scope import Scope
from ttscache.reports.storage import (
    Irreplaceable,
    NeverHeard,
    PublishedCoverage,
    StaleTotal,
    Storage,
    irreplaceable,
    never_heard,
    published_coverage,
    stale_total,
    storage,
)
from ttscache.reports.time_to_sound import TimeToSound, time_to_sound


@dataclass(frozen=True, slots=True)
class Report:
    scope: Scope
    requests: RequestFigures
    time_to_sound: TimeToSound
    costs: Costs
    budget: BudgetToday
    coverage: PublishedCoverage
    storage: Storage
    never_heard: CachedResult[NeverHeard]
    stale_total: CachedResult[StaleTotal] | None
    irreplaceable: list[Irreplaceable]
    most_heard: MostHeard
    runs: list[RunProgress]
    queue: WorkQueue
    provider: ProviderStatus
    action_items: list[ActionItem]
    retirements: list[ModelOutlook]
    voices: list[str]  # as the provider names them
    voice_names: Mapping[str, str]  # as staff know them; voices that play no listener voice are left out
    is_anything_counted: bool

    @property
    def voice_name(self) -> str:
        """Staff's name of the chosen voice; empty for all voices."""
        return self.voice_names.get(self.scope.voice, self.scope.voice)


def report(scope: Scope, *, hidden: bool = False) -> Report:
    """Gather all figures. The number of queries does not grow with the data. Raises Error."""
    with read_together(names_of_figures(scope)):
        return _report(scope, hidden=hidden)


def _report(scope: Scope, *, hidden: bool) -> Report:
    requests = request_figures(scope)
    covered = published_coverage(scope)
    space = storage(scope)
    waiting = queue(requests)
    budget = budget_today()
    retirements = ending_models()
    service = provider(scope)
    return Report(
        scope=scope,
        requests=requests,
        time_to_sound=time_to_sound(scope),
        costs=costs(scope, requests.list_price_microusd),
        budget=budget,
        coverage=covered,
        storage=space,
        never_heard=never_heard(scope),
        stale_total=stale_total(),
        irreplaceable=irreplaceable(retirements),
        most_heard=most_heard(scope, space.reflections_on_record, hidden=hidden),
        runs=runs(),
        queue=waiting,
        provider=service,
        action_items=action_items(
            covered, waiting, budget, space, retirements=retirements, last_outcomes=service.last
        ),
        retirements=retirements,
        voices=_voices(scope, space),
        voice_names=names_of_voices(),
        is_anything_counted=bool(requests.rate.requests) or is_anything_counted(),
    )


def _voices(scope: Scope, space: Storage) -> list[str]:
    """The voices to choose from: those that play listener voices, then others with clips on record."""
    chosen = [scope.voice] if scope.voice else []
    played_by = [live_rendition(voice).voice for voice in conf().listener_voices]
    return list(dict.fromkeys([*played_by, *space.voices, *chosen]))
