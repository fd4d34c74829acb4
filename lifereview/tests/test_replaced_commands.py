"""Our commands that have the name of a command of Django or of a library."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import find_commands, get_commands

pytestmark = pytest.mark.any_database

OURS = ("lifereview", "ttscache", "narratives")


@pytest.mark.parametrize("app", OURS)
def test_each_command_of_ours_runs_instead_of_one_of_the_same_name(app: str) -> None:
    names = find_commands(f"{apps.get_app_config(app).path}/management")
    assert names
    assert {name: get_commands()[name] for name in names if get_commands()[name] not in OURS} == {}
