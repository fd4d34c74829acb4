"""The cache tells and asks the app above it through one object, and works without one."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clips import KEY
from ttscache import hooks, warming
from ttscache.hooks import Hooks
from ttscache.maintenance import cleanup
from ttscache.reports.action_items import action_items_without_figures
from ttscache.warming import prefetch

pytestmark = pytest.mark.django_db


class Telling(Hooks):
    def __init__(self) -> None:
        self.told: list[str] = []

    def run_ended(self) -> None:
        self.told.append("run ended")
        raise RuntimeError("The app above fails.")

    def tidy_daily(self) -> None:
        self.told.append("tidied")


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> Telling:
    telling = Telling()
    monkeypatch.setattr(hooks, "_installed", telling)
    return telling


def end_a_run() -> str:
    return str(warming.start_run("nothing to make", []).state)


def test_the_end_of_a_run_is_told_after_the_commit_and_stands_whatever_becomes_of_that(
    telling: Telling, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert end_a_run() == "done"
        assert telling.told == []
    assert telling.told == ["run ended"]


def test_installed_hooks_tidy_once_a_day(telling: Telling) -> None:
    cleanup.tidy()
    assert telling.told == ["tidied"]


def test_the_hooks_installed_last_are_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_installed", hooks.installed())  # put back after the test
    mine: Hooks = Telling()
    hooks.install(mine)
    assert hooks.installed() is mine


def test_the_cache_works_without_installed_hooks(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(hooks, "_installed", Hooks())
    with django_capture_on_commit_callbacks(execute=True):
        assert end_a_run() == "done"
    cleanup.tidy()
    prefetch.Prefetcher(hooks.installed().what_follows)._prefetch(KEY)
    assert action_items_without_figures() == []
    assert list(hooks.installed().reflection_links()) == []
