"""Addresses of the lists behind the dashboard's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from urllib.parse import urlencode

from django.urls import get_script_prefix, reverse

from ttscache.accounting.rollup import start_of_day
from ttscache.reports.background_work import OK
from ttscache.reports.report import Report
from ttscache.reports.scope import Scope


def usage_list(scope: Scope, **narrowed: str) -> str:
    return figures_list("usage", scope, narrowed)


def spending_list(scope: Scope, **narrowed: str) -> str:
    return figures_list("spending", scope, narrowed)


def figures_list(model: str, scope: Scope, narrowed: dict[str, str]) -> str:
    return list_of(model, {"hour__gte": as_parameter(scope.since)} | scope.by_voice | narrowed)


def list_of(model: str, narrowed: Mapping[str, str]) -> str:
    return f"{_address_of_list(model, get_script_prefix())}?{urlencode(narrowed)}"


@cache
def _address_of_list(model: str, _prefix: str) -> str:
    """Remembered, because a page has 200 of these links and each lookup would take 0.1 ms."""
    return reverse(f"admin:ttscache_{model}_changelist")


def last_success_list(found: Report) -> str:
    """Successful calls since the day of the last one, the latest first."""
    last = found.provider.last_ok
    since = {"hour__gte": as_parameter(start_of_day(last))} if last else {}
    return list_of("spending", {"outcome": OK} | since)


def as_parameter(moment: datetime) -> str:
    """A moment in UTC, written as the lists' filters read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S+00:00}"


def of_step(begin: datetime, scope: Scope) -> dict[str, str]:
    """Filters for a list of figures: the hours of one step of a chart."""
    end = begin + scope.range.step
    return {"hour__gte": as_parameter(begin), "hour__lt": as_parameter(end)}
