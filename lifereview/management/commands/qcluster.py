"""django-q2's qcluster, but it loads the slow libraries before it forks its workers."""

from __future__ import annotations

import logging
import time
from typing import Any

from django_q.management.commands import qcluster

from lifereview.temporary_files import use_own_temporary_folder
from ttscache.checks import conf_problem
from ttscache.heap import limit_heaps
from ttscache.wiring import load_libraries

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 10.0


class Command(qcluster.Command):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        limit_heaps()
        use_own_temporary_folder()
        _wait_for_usable_settings()
        load_libraries()
        super().handle(*args, **options)


def _wait_for_usable_settings() -> None:
    """Wait while a setting cannot be used: ending would only make the supervisor start this again."""
    told = ""
    while problem := conf_problem():
        if problem != told:
            logger.error("%s The task cluster waits.", problem)
            told = problem
        time.sleep(LOOK_AGAIN_SECONDS)
