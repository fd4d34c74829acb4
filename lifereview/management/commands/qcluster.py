"""django-q2's qcluster, but it loads the slow libraries before it forks its workers."""

from __future__ import annotations

from typing import Any

from django_q.management.commands import qcluster

from ttscache.wiring import load_libraries


class Command(qcluster.Command):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        load_libraries()
        super().handle(*args, **options)
