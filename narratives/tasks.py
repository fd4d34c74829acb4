"""Thin django-q2 tasks over the deeds, and when each one runs."""

from __future__ import annotations

from narratives import publishing


def switch_what_is_ready() -> None:
    """Called every minute by schedule; who ends a run does it at once, unless that process is killed."""
    publishing.switch_what_is_ready()
