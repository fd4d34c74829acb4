"""The cache calls the app above it through one hooks object, and works without it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clips import KEY
from ttscache import hooks, warming
from ttscache.hooks import Hooks
from ttscache.maintenance import upkeep
from ttscache.reports.action_items import action_items_without_figures
from ttscache.warming import prefetch

pytestmark = pytest.mark.django_db


class RecordingHooks(Hooks):
    def __init__(self) -> None:
        self.told: list[str] = []

    def run_ended(self) -> None:
        self.told.append("run ended")
        raise RuntimeError("The app above fails.")

    def do_upkeep(self) -> None:
        self.told.append("upkeep")


@pytest.fixture
def recording_hooks(monkeypatch: pytest.MonkeyPatch) -> RecordingHooks:
    recording_hooks = RecordingHooks()
    monkeypatch.setattr(hooks, "_installed", recording_hooks)
    return recording_hooks


def end_a_run() -> str:
    return str(warming.start_run("nothing to make", []).state)


def test_the_run_ended_hook_runs_after_the_commit_and_its_failure_does_not_undo_the_run(
    recording_hooks: RecordingHooks, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert end_a_run() == "done"
        assert recording_hooks.told == []
    assert recording_hooks.told == ["run ended"]


def test_installed_hooks_tidy_once_a_day(recording_hooks: RecordingHooks) -> None:
    upkeep.do_upkeep()
    assert recording_hooks.told == ["upkeep"]


def test_the_hooks_installed_last_are_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_installed", hooks.installed())  # restored after the test
    mine: Hooks = RecordingHooks()
    hooks.install(mine)
    assert hooks.installed() is mine


def test_the_cache_works_without_installed_hooks(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(hooks, "_installed", Hooks())
    with django_capture_on_commit_callbacks(execute=True):
        assert end_a_run() == "done"
    upkeep.do_upkeep()
    prefetch.Prefetcher(hooks.installed().what_follows)._prefetch(KEY)
    assert action_items_without_figures() == []
    assert list(hooks.installed().reflection_links()) == []
