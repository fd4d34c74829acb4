"""Thin django-q2 tasks over functions that anyone can call.

Their schedules are made in migrations/0002_schedules.py.
"""

from __future__ import annotations

from narratives import publishing
from ttscache.warming import takeover


def warm_published() -> None:
    """Called every hour by schedule: what is published and not there is asked for, or asked for once more,
    what listeners have first, then what waits for its sound, and then a voice that is being prepared.

    What has failed MOST_TRIES times waits for staff, as each try may cost. Where nothing is missing nothing
    is written, and a run that is under way, paused, or held up by an outage or the budget is joined, so that
    no more than one of a journey and voice ever waits.
    """
    publishing.keep_live_journeys_warm(requested_by="schedule")
    publishing.make_what_waits(requested_by="schedule")
    takeover.make_pending(requested_by="schedule")


def activate_publications() -> None:
    """Called every minute by schedule; who ends a run does it at once, unless that process is killed."""
    publishing.activate_ready_publications()
