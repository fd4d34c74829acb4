"""django-q2's qcluster, which has loaded what its workers need before they are forked from it."""

from __future__ import annotations

from typing import Any

from django_q.management.commands import qcluster

from ttscache.wiring import load_libraries


class Command(qcluster.Command):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        load_libraries()
        super().handle(*args, **options)
